//! What the kernel does on a CPU, one step at a time. Blocking, waking, placing, queueing, stealing, levelling, requeueing and
//! ending are the kernel's own code, the crate `protocol`, of which a virtual CPU is a [`host`]; here is what the kernel's loop,
//! timer and exit do around it. Between two steps of one CPU the others may do anything, as real ones can between two
//! locks; within a step a CPU holds the locks that the kernel would hold.
//!
//! [`wake`] makes threads runnable, [`dispatch`] gives them a CPU, [`leave`] takes it from them.

use abi::trace::Event;
use protocol::{Ahead, Step};
use sched::{CpuId, EndReason, ThreadId};

use super::Machine;
use super::threads::{Index, Owned, Task};
use crate::sabotage::Sabotage;

mod dispatch;
mod host;
mod leave;
mod wake;

/// Deadlines handled per timer interrupt, as in the kernel (docs/mutants.md, row 11).
const BATCH: u8 = 16;

/// One step of the kernel on one CPU.
#[derive(Debug)]
pub(super) enum Action {
    /// A step that follows from another.
    Protocol(Step<Task>),
    /// The running thread's system call.
    Enter,
    /// The running thread is listed for something and comes to rest.
    Rest,
    /// The running thread is about to rest, and lends its time to whom it has called.
    Lend,
    /// The running thread has lent its time and runs on: it takes that back.
    TakeBack,
    /// Wakes a thread.
    Wake(Index),
    /// Handles the next deadline that has come, of at most so many.
    Expire(u8),
    /// The timer interrupt ends.
    Expired,
    /// Whether the running thread goes on.
    Reconsider,
    /// The running thread goes back into the queue.
    Requeue(EndReason),
    /// The running thread ends.
    Die,
    /// Ends another thread.
    Kill(Index),
    /// Leaves the machine for a while.
    GoOffline,
}

/// The names of the steps, in the order of [`Action::number`].
pub const STEP_NAMES: [&str; 21] = [
    "enter",
    "rest",
    "settle",
    "wake",
    "place",
    "enqueue",
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
    "lend",
    "take back",
];

impl Action {
    /// Its number, for counting.
    pub(super) const fn number(&self) -> usize {
        match self {
            Action::Enter => 0,
            Action::Rest => 1,
            Action::Protocol(Step::Settle) => 2,
            Action::Wake(_) => 3,
            Action::Protocol(Step::Place(..)) => 4,
            Action::Protocol(Step::Enqueue(..)) => 5,
            Action::Protocol(Step::Help(_)) => 6,
            Action::Protocol(Step::Send(_)) => 7,
            Action::Expire(_) => 8,
            Action::Expired => 9,
            Action::Reconsider => 10,
            Action::Requeue(_) => 11,
            Action::Protocol(Step::Balance) => 12,
            Action::Protocol(Step::Pick) => 13,
            Action::Protocol(Step::Steal) => 14,
            Action::Protocol(Step::Adopt(_)) => 15,
            Action::Die => 16,
            Action::Kill(_) => 17,
            Action::GoOffline => 18,
            Action::Lend => 19,
            Action::TakeBack => 20,
        }
    }
}

impl Machine {
    pub(super) fn perform(&mut self, cpu: CpuId, action: Action) {
        match action {
            Action::Protocol(step) => self.follow(cpu, step),
            Action::Enter => self.enter(cpu),
            Action::Rest => self.rest(cpu),
            Action::Wake(thread) => self.wake(cpu, thread),
            Action::Expire(left) => self.expire(cpu, left),
            Action::Expired => self.timer_ends(cpu),
            Action::Reconsider => self.reconsider(cpu),
            Action::Requeue(why) => self.requeue(cpu, why),
            Action::Die => self.die(cpu),
            Action::Kill(thread) => self.kill(cpu, thread),
            Action::GoOffline => self.go_offline(cpu),
            Action::Lend => self.begins_to_wait(cpu),
            Action::TakeBack => self.take_back(cpu),
        }
    }

    /// Performs a step that follows from another.
    fn follow(&mut self, cpu: CpuId, step: Step<Task>) {
        match step {
            Step::Settle => {
                self.sides[cpu.index()].in_call = false;
                protocol::settle_candidate(&mut self.host(cpu));
            }
            Step::Enqueue(thread, target, why) => self.enqueue(cpu, thread, target, why),
            Step::Steal => self.steal(cpu),
            Step::Balance if self.sabotage == Some(Sabotage::KeepUnlevel) => {}
            step => {
                let begun = step.perform(&mut self.host(cpu));
                self.begins(cpu, begun);
            }
        }
    }

    /// The thread that a step has begun, if it has, runs now.
    fn begins(&mut self, cpu: CpuId, begun: Option<Owned>) {
        let Some(thread) = begun else { return };
        let side = &mut self.sides[cpu.index()];
        side.running = Some(thread);
        side.looked = false;
        side.idle_since = None;
    }

    /// What the kernel does next on a CPU that has nothing left to do; `None`: it goes back to user mode, or idles.
    pub(super) fn next_action(&mut self, cpu: CpuId) -> Option<Action> {
        if let Some(mut running) = self.sides[cpu.index()].running.take() {
            let thread = Index::of(running.id());
            let ahead = protocol::ahead(&mut self.host(cpu), &mut running, &thread, false);
            self.sides[cpu.index()].running = Some(running);
            let next = match ahead {
                Ahead::Die => Some(Action::Die),
                Ahead::Block if self.has_called(thread) => Some(Action::Lend),
                Ahead::Block => Some(Action::Rest),
                Ahead::GoOn => Some(Action::Enter),
                Ahead::Reconsider => Some(Action::Reconsider),
                Ahead::Run if self.is_lender(thread) => Some(Action::TakeBack),
                Ahead::Run => None,
            };
            if next.is_some() {
                // Behind what asking has brought up.
                let side = &mut self.sides[cpu.index()];
                side.todo.extend(next);
                return side.todo.pop_front();
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
            return Some(Action::Protocol(Step::Pick));
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

    /// The thread that runs on a CPU; it is only asked for one that runs one.
    pub(super) fn running_index(&self, cpu: CpuId) -> Index {
        let running = self.sides[cpu.index()].running.as_ref();
        Index::of(running.map_or(ThreadId(1), |thread| thread.id()))
    }
}
