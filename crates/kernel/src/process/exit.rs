//! Deciding that threads and processes end. An order to end marks threads; each is taken from wherever it is (parked,
//! queued) or, if it runs, stops at the next boundary of its CPU's loop. Then nobody has it any more, and `burial` takes it
//! apart. Rule P5.

use core::sync::atomic::Ordering::Relaxed;

use abi::syscall::exit_code;
use abi::trace::Event;
use machine::user::Fault;
use machine::{cpu, trace, vector};

use super::Process;
use super::burial::bury;
use super::thread::Thread;
use crate::memory::account::Short;
use crate::memory::waiting_list::WaitingList;
use crate::ring::operation::Operation;
use crate::run::Owned;
use crate::run::cpus::CpuState;
use crate::run::host::Host;

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It asked to, or its last thread did.
    Exited,
    /// Somebody with its handle ended it.
    Terminated,
    /// A processor exception with this vector at this instruction, touching this address.
    Faulted {
        /// The exception.
        vector: u8,
        /// The instruction.
        instruction: u64,
        /// What it touched, for a page fault.
        address: u64,
    },
}

/// Whether and how a process ends.
#[derive(Default)]
pub struct Ending {
    /// Code and reason, from the moment it is decided.
    pub decided: Option<(i64, Reason)>,
    /// The code, when it is over.
    pub over: Option<i64>,
    /// Who waits for it to be over.
    pub waiters: WaitingList<Operation>,
}

impl Ending {
    /// Decides how the process ends; the code of the decision that counts, which is the first.
    fn decide(&mut self, code: i64, reason: Reason) -> i64 {
        self.decided.get_or_insert((code, reason)).0
    }

    /// Lists somebody who waits for the end; the code if it is over.
    ///
    /// # Errors
    /// When the list cannot grow, or its process cannot pay for that.
    pub fn on_end(&mut self, waiter: &Operation) -> Result<Option<i64>, Short> {
        if self.over.is_none() {
            self.waiters.room_for_one_more(waiter.account())?;
            self.waiters.push_back(waiter.clone());
        }
        Ok(self.over)
    }
}

/// Decides that `process` ends. The first decision counts. All its threads are ordered to die before the first of them is taken
/// apart, and by everybody who asks, whoever decided: so none comes back from a system call that it makes after this. Threads
/// that do not run end here and now; those that run do at their next boundary, the caller's own among them.
pub fn end_process(process: &Process, code: i64, reason: Reason) {
    let code = process.ending.lock().decide(code, reason);
    // No thread is added once that is decided.
    let mut is_news = false;
    for thread in &process.threads.lock().living {
        is_news |= thread.task().order_to_die();
    }
    // Whoever ordered them takes them apart.
    let mut last = 0;
    while is_news && let Some(thread) = process.living_after(last) {
        expedite(&thread, code);
        last = thread.tid();
    }
}

/// Ends a thread that was ordered to die, if it does not run; makes the CPU that runs it look up if it does.
fn expedite(thread: &Thread, code: i64) {
    if let Some(taken_out) = protocol::take_out(&mut Host::here(), thread.task()) {
        bury(thread, taken_out, code);
    }
}

/// The running thread was ordered to die: takes it off its CPU and chooses the next.
pub fn leave_cpu(cpu: &'static CpuState, thread: &Thread, mut entity: Owned) -> Option<Owned> {
    let next = protocol::depart(&mut Host(cpu), &mut entity);
    // Its space must not stay loaded while it is torn down.
    cpu::unload_space();
    cpu.current.store(0, Relaxed);
    let decided = thread.process().ending.lock().decided;
    bury(thread, entity, decided.map_or(0, |(code, _)| code));
    next
}

/// Ends the calling thread alone; the process too if it was the last. Takes effect at the next boundary.
pub fn end_thread(thread: &Thread, entity: &mut Owned, code: i64) {
    if thread.process().threads.lock().living.len() == 1 {
        return exit(thread, entity, code);
    }
    entity.payload.exit_code = Some(code);
    thread.task().order_to_die();
}

/// Ends the calling thread's process. Takes effect at the next boundary.
pub fn exit(thread: &Thread, entity: &mut Owned, code: i64) {
    entity.payload.exit_code = Some(code);
    end_process(thread.process(), code, Reason::Exited);
}

/// The running thread raised an exception: a page that only needed its frame gets it, anything else ends the process.
pub fn fault(thread: &Thread, fault: Fault) {
    let process = thread.process();
    let is_page_fault = fault.vector == vector::PAGE_FAULT;
    if is_page_fault
        && process
            .space
            .fill(fault.address, fault.is_write(), fault.is_fetch())
    {
        return;
    }
    trace::record(Event::Fault {
        vector: u32::from(fault.vector),
        thread: thread.task().trace_id(),
        address: if is_page_fault {
            fault.address
        } else {
            fault.instruction
        },
    });
    let reason = Reason::Faulted {
        vector: fault.vector,
        instruction: fault.instruction,
        address: fault.address,
    };
    end_process(process, exit_code::of_fault(fault.vector), reason);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p5_of_two_decisions_how_a_process_ends_the_first_counts_for_everybody() {
        let mut ending = Ending::default();
        assert_eq!(ending.decide(3, Reason::Exited), 3);
        assert_eq!(ending.decide(7, Reason::Terminated), 3);
        assert_eq!(ending.decided, Some((3, Reason::Exited)));
    }
}
