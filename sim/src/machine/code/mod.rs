//! What the kernel does on a CPU, one step at a time. This is `kernel::run` over again as far as order goes, and nothing
//! more: every decision is the scheduler core's. Between two steps of one CPU the others may do anything, as real
//! ones can between two locks; within a step a CPU holds the locks that the kernel would hold.
//!
//! [`wake`] makes threads runnable, [`dispatch`] gives them a CPU, [`leave`] takes it from them.

use abi::trace::{Event, Thread};
use sched::{CpuId, EndReason, EnqueueReason, ThreadId};

use super::Machine;
use super::threads::{Index, Owned, Wish};

mod dispatch;
mod leave;
mod wake;

/// Deadlines handled per timer interrupt, as in the kernel (docs/mutants.md, row 11).
const BATCH: u8 = 16;

/// One step of the kernel on one CPU.
#[derive(Debug)]
pub(super) enum Action {
    /// The running thread's system call.
    Call,
    /// The running thread is listed for something and comes to rest.
    Rest,
    /// The running thread's call is over and it goes on: whom it woke first is placed like anybody else.
    Settle,
    /// Wakes a thread.
    Wake(Index),
    /// Chooses a CPU for a thread.
    Place(Owned, EnqueueReason),
    /// Queues a thread on a CPU.
    Put(Owned, CpuId, EnqueueReason),
    /// Calls an idle CPU to help.
    Help(CpuId),
    /// Sends a reschedule interrupt.
    Interrupt(CpuId),
    /// Handles the next deadline that has come, of at most so many.
    Expire(u8),
    /// The timer interrupt ends.
    Expired,
    /// Whether the running thread goes on.
    Reconsider,
    /// The running thread goes back into the queue.
    Requeue(EndReason),
    /// A turn has ended: levels the CPUs.
    Balance,
    /// Picks the next thread, or finds none.
    Pick,
    /// Looks for a thread to steal.
    Steal,
    /// Runs a thread that was stolen.
    Adopt(Owned),
    /// The running thread ends.
    Die,
    /// Ends another thread.
    Kill(Index),
    /// Leaves the machine for a while.
    GoOffline,
}

/// The names of the steps, in the order of [`Action::number`].
pub const STEP_NAMES: [&str; 19] = [
    "call",
    "rest",
    "settle",
    "wake",
    "place",
    "put",
    "help",
    "interrupt",
    "expire",
    "expired",
    "reconsider",
    "requeue",
    "balance",
    "pick",
    "steal",
    "adopt",
    "die",
    "kill",
    "go offline",
];

impl Action {
    /// Its number, for counting.
    pub(super) const fn number(&self) -> usize {
        match self {
            Action::Call => 0,
            Action::Rest => 1,
            Action::Settle => 2,
            Action::Wake(_) => 3,
            Action::Place(..) => 4,
            Action::Put(..) => 5,
            Action::Help(_) => 6,
            Action::Interrupt(_) => 7,
            Action::Expire(_) => 8,
            Action::Expired => 9,
            Action::Reconsider => 10,
            Action::Requeue(_) => 11,
            Action::Balance => 12,
            Action::Pick => 13,
            Action::Steal => 14,
            Action::Adopt(_) => 15,
            Action::Die => 16,
            Action::Kill(_) => 17,
            Action::GoOffline => 18,
        }
    }
}

impl Machine {
    pub(super) fn perform(&mut self, cpu: CpuId, action: Action) {
        match action {
            Action::Call => self.call(cpu),
            Action::Rest => self.rest(cpu),
            Action::Settle => self.settle_candidate(cpu),
            Action::Wake(thread) => self.wake(cpu, thread),
            Action::Place(thread, why) => self.place(cpu, thread, why),
            Action::Put(thread, target, why) => self.put(cpu, thread, target, why),
            Action::Help(helper) => self.call_helper(cpu, helper),
            Action::Interrupt(target) => self.send(cpu, target),
            Action::Expire(left) => self.expire(cpu, left),
            Action::Expired => self.timer_ends(cpu),
            Action::Reconsider => self.reconsider(cpu),
            Action::Requeue(why) => self.requeue(cpu, why),
            Action::Balance => self.balance(cpu),
            Action::Pick => self.pick(cpu),
            Action::Steal => self.steal(cpu),
            Action::Adopt(thread) => self.adopt(cpu, thread),
            Action::Die => self.die(cpu),
            Action::Kill(thread) => self.kill(cpu, thread),
            Action::GoOffline => self.go_offline(cpu),
        }
    }

    /// What the kernel does next on a CPU that has nothing left to do; `None`: it goes back to user mode, or idles.
    pub(super) fn next_action(&mut self, cpu: CpuId) -> Option<Action> {
        let side = &mut self.sides[cpu.index()];
        if let Some(running) = &mut side.running {
            let record = &mut self.threads[Index::of(running.id()).at()];
            // Whom it woke in a call that is over must not wait for the next one.
            let settles = side.candidate.is_some() && (record.dying || record.granted);
            if settles {
                return Some(Action::Settle);
            }
            if record.dying {
                return Some(Action::Die);
            }
            if running.payload.waiting {
                if !record.granted {
                    return Some(Action::Rest);
                }
                record.granted = false;
                record.wish = Wish::Nothing;
                running.payload.waiting = false;
                return Some(Action::Call);
            }
            if core::mem::take(&mut side.reschedule) {
                return Some(Action::Reconsider);
            }
        }
        if let Some(action) = self.pending_interrupt(cpu) {
            return Some(action);
        }
        let side = &mut self.sides[cpu.index()];
        if side.leaving && side.online {
            return Some(Action::GoOffline);
        }
        if side.running.is_none() && side.online && !side.looked {
            side.looked = true;
            side.reschedule = false;
            return Some(Action::Pick);
        }
        None
    }

    /// Takes one of the interrupts that have come while interrupts were off.
    fn pending_interrupt(&mut self, cpu: CpuId) -> Option<Action> {
        let side = &mut self.sides[cpu.index()];
        if core::mem::take(&mut side.timer_pending) {
            side.looked = false;
            return Some(Action::Expire(BATCH));
        }
        if core::mem::take(&mut side.interrupt_pending) {
            side.looked = false;
            side.reschedule = true;
            self.cpus[cpu.index()].acknowledge_reschedule();
            self.note(cpu, Event::IpiReceived { purpose: 0 });
            self.rearm(cpu);
            return self.next_action(cpu);
        }
        None
    }

    /// Shows a CPU's load to everybody, unless it is offline: nobody may think that it came back.
    pub(super) fn publish(&self, cpu: CpuId) {
        if self.sides[cpu.index()].online {
            self.board.publish(&self.cpus[cpu.index()]);
        }
    }

    /// The thread that runs on a CPU; it is only asked for one that runs one.
    pub(super) fn running_index(&self, cpu: CpuId) -> Index {
        let running = self.sides[cpu.index()].running.as_ref();
        Index::of(running.map_or(ThreadId(1), |thread| thread.id()))
    }

    fn running_trace_id(&self, cpu: CpuId) -> Thread {
        let running = self.sides[cpu.index()].running.as_ref();
        Thread(running.map_or(0, |thread| thread.id().0))
    }
}
