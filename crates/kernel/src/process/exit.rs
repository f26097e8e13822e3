//! Ending threads and processes. An order to end marks threads; each is taken from wherever it is (parked, queued) or, if
//! it runs, stops at the next boundary of its CPU's loop. The last thread takes the process with it: rings closed,
//! operations withdrawn from every queue, capabilities dropped, memory given back, waiters told. Rule P5: nothing of a
//! dead thread stays in any queue, which is asserted here on every exit, in every build.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use abi::park::Outcome;
use abi::syscall::exit_code;
use abi::trace::Event;
use caps::Table;
use machine::user::Fault;
use machine::{cpu, trace, vector};

use super::Process;
use super::table::{self, Ended};
use super::thread::Thread;
use crate::endpoint::leaving;
use crate::log;
use crate::memory::account::Charge;
use crate::objects::results;
use crate::ring::operation::Operation;
use crate::run::cpus::{self, CpuState};
use crate::run::switch::{self, Running};
use crate::run::{Owned, timer, wake};

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
    pub waiters: Vec<Operation>,
}

/// Decides that `process` ends. The first decision counts. Threads that do not run end here and now; those that run
/// do at their next boundary, the caller's own among them.
pub fn end_process(process: &Arc<Process>, code: i64, reason: Reason) {
    {
        let mut ending = process.ending.lock();
        if ending.decided.is_some() {
            return;
        }
        ending.decided = Some((code, reason));
    }
    for thread in process.living_threads() {
        if thread.order_to_die() {
            expedite(&thread, code);
        }
    }
}

/// Ends a thread that was ordered to die, if it does not run; makes the CPU that runs it look up if it does.
fn expedite(thread: &Arc<Thread>, code: i64) {
    if let Some(parked) = thread.take_parked() {
        return bury(parked, code);
    }
    if let Some(cpu) = cpus::get(thread.queued.cpu().0) {
        let mut sched = cpu.sched.lock();
        let rank = thread.queued.rank(cpu.id(), thread.id());
        let queued = rank.and_then(|rank| sched.remove(rank, wake::now()));
        cpus::board().publish(&sched);
        drop(sched);
        if let Some(queued) = queued {
            return bury(queued, code);
        }
    }
    // It runs, or is on its way to: whoever has it looks at the order before it runs a single instruction more.
    // A CPU that it has left may name it still, so each that does is interrupted.
    let here = cpus::this();
    for cpu in thread.running_on() {
        if cpu.index != here.index {
            wake::interrupt(here, cpu);
        }
    }
}

/// The running thread was ordered to die: takes it off its CPU and chooses the next.
pub fn leave_cpu(cpu: &CpuState, mut entity: Owned) -> Option<Running> {
    let next = switch::depart(cpu, &mut entity);
    // Its space must not stay loaded while it is torn down.
    cpu::unload_space();
    cpu.current.store(0, Relaxed);
    let code = entity
        .payload
        .thread
        .process()
        .ending
        .lock()
        .decided
        .map_or(0, |(code, _)| code);
    bury(entity, code);
    next
}

/// Ends the calling thread alone; the process too if it was the last. Takes effect at the next boundary.
pub fn end_thread(entity: &mut Owned, code: i64) {
    let thread = entity.payload.thread.clone();
    let process = thread.process();
    entity.payload.exit_code = Some(code);
    if process.threads.lock().living.len() == 1 {
        end_process(process, code, Reason::Exited);
    } else {
        thread.order_to_die();
    }
}

/// The running thread raised an exception: a page that only needed its frame gets it, anything else ends the process.
pub fn fault(entity: &mut Owned, fault: Fault) {
    let process = entity.payload.thread.process().clone();
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
        thread: entity.payload.thread.trace_id(),
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
    end_process(&process, exit_code::of_fault(fault.vector), reason);
}

/// Destroys a thread that no CPU runs and no queue holds. Several CPUs may bury threads of one process at once: the
/// process is taken apart by whoever is done last, not by whoever takes the last thread out of the list.
fn bury(entity: Owned, code: i64) {
    let code = entity.payload.exit_code.unwrap_or(code);
    let wait = entity.payload.wait;
    let thread = entity.payload.thread.clone();
    let account = *entity.account();
    // The registers go first: nothing can run this thread any more.
    drop(entity);
    thread.ring.stop_waiting(&thread);
    if let Some(armed) = wait.and_then(|wait| wait.armed) {
        drop(timer::disarm(armed));
    }
    let process = thread.process().clone();
    for parked in process.parking.take_thread(thread.tid()) {
        parked.complete_code(Outcome::Interrupted.code());
    }
    {
        let mut threads = process.threads.lock();
        threads.living.retain(|living| !Arc::ptr_eq(living, &thread));
        threads.burials += 1;
        threads.gone.add(&account);
    }
    if !Arc::ptr_eq(&thread.ring, &process.rings.lock()[0]) {
        thread.ring.close();
        super::spawn::remove_own_ring(&process, &thread.ring);
    }
    assert!(thread.is_gone(), "a dead thread is still parked");
    trace::record(Event::ThreadExit {
        thread: thread.trace_id(),
        code,
    });
    for joiner in thread.finish(code) {
        results::ended(&joiner, code);
    }
    let last = {
        let mut threads = process.threads.lock();
        threads.burials -= 1;
        threads.living.is_empty() && threads.burials == 0
    };
    if last {
        finish(&process, code);
    }
}

/// Takes a process apart that never got a thread. Its spawner gives the memory back.
pub fn abandon(process: &Arc<Process>) {
    table::forget(process.pid);
    let rings = core::mem::take(&mut *process.rings.lock());
    for ring in &rings {
        ring.close();
    }
    leaving::release_all(process);
}

/// Gives back what a process holds as long as it lives. Its record stays for those who have a handle.
fn give_memory_back(process: &Process) {
    process.space.clear();
    let names = core::mem::take(&mut *process.labels.lock());
    let mut nothing = Table::new(0);
    nothing.close();
    let table = core::mem::replace(&mut *process.capabilities.lock(), nothing);
    let lists = core::mem::take(&mut process.threads.lock().living);
    drop((names, table, lists));
    let charge = core::mem::replace(&mut *process.living.lock(), Charge::NOTHING);
    drop(charge);
}

/// The last thread is gone: takes the process apart.
fn finish(process: &Arc<Process>, last_code: i64) {
    let (code, reason) = process
        .ending
        .lock()
        .decided
        .unwrap_or((last_code, Reason::Exited));
    let rings = core::mem::take(&mut *process.rings.lock());
    for ring in &rings {
        ring.close();
    }
    leaving::release_all(process);
    for ring in &rings {
        assert!(ring.is_quiet(), "a dead process still has operations under way");
    }
    assert!(
        process.parking.is_empty(),
        "a dead process still has parked threads"
    );
    drop(rings);
    give_memory_back(process);
    report(process, code, reason);
    if let Some(parent) = table::find(process.parent) {
        parent.children.fetch_sub(1, Relaxed);
    }
    trace::record(Event::ProcessExit {
        pid: process.pid,
        code,
        reason: reason_number(reason),
    });
    table::remove(
        process.pid,
        Ended {
            pid: process.pid,
            parent: process.parent,
            name: process.name.clone(),
            code,
            reason,
            runtime: process.usage.runtime(),
            switches: process.usage.switches(),
            tally: process.tally(),
        },
    );
    let waiters = {
        let mut ending = process.ending.lock();
        ending.over = Some(code);
        core::mem::take(&mut ending.waiters)
    };
    for waiter in waiters {
        results::ended(&waiter, code);
    }
    if process.pid == 1 {
        crate::boot::init_ended(code, reason);
    }
}

fn reason_number(reason: Reason) -> u64 {
    match reason {
        Reason::Exited => 0,
        Reason::Terminated => 1,
        Reason::Faulted { vector, .. } => 16 + u64::from(vector),
    }
}

/// Writes a fault into the log: the one end that nobody asked for.
fn report(process: &Process, code: i64, reason: Reason) {
    if let Reason::Faulted {
        vector,
        instruction,
        address,
    } = reason
    {
        log::kernel(
            log::Level::Error,
            format_args!(
                "process {} ({}) ended by exception {vector} at {instruction:#x}, address {address:#x}, code {code}",
                process.pid, process.name
            ),
        );
    }
}
