//! What happened, as values: the kernel, the simulator and the tests record the same events.
//!
//! An event holds numbers only, so recording one is a copy. Its wire form is defined by whoever writes it down.

use crate::cpu::{EndReason, EnqueueReason};
use crate::ids::{CpuId, ThreadId};
use crate::reason::Reason;
use crate::time::{Instant, Nanos};

/// One event with its time and CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Instant,
    /// The CPU it happened on, or whose queue it concerns.
    pub cpu: CpuId,
    /// What.
    pub event: Event,
}

/// Something that happened in the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A thread was given the CPU.
    Switch {
        /// The thread.
        to: ThreadId,
        /// Where it came from.
        reason: Reason,
    },
    /// A thread left the CPU.
    End {
        /// The thread.
        thread: ThreadId,
        /// Why: blocked, preempted, yielded, handed off, exited.
        why: EndReason,
    },
    /// CPU time was counted for a thread.
    Charge {
        /// The thread.
        thread: ThreadId,
        /// How much.
        ran: Nanos,
    },
    /// A thread was put into this CPU's queue.
    Enqueue {
        /// The thread.
        thread: ThreadId,
        /// Why: new, woken, preempted, yielded, migrated.
        why: EnqueueReason,
    },
    /// Placement chose this CPU, or found none, for a thread.
    Place {
        /// The thread.
        thread: ThreadId,
        /// The rule that decided.
        reason: Reason,
    },
    /// An idle CPU took a waiting thread away from this one.
    Steal {
        /// The thread.
        thread: ThreadId,
        /// The CPU that took it.
        thief: CpuId,
    },
    /// A thread was handed the CPU, or was refused it.
    Handoff {
        /// The thread.
        thread: ThreadId,
        /// The refusal, if there was one.
        refused: Option<Reason>,
    },
    /// The one-shot timer was armed.
    ArmTimer {
        /// For when.
        at: Instant,
    },
    /// The one-shot timer was disarmed: nothing on this CPU waits for a point in time.
    DisarmTimer,
    /// A reschedule interrupt was sent to this CPU.
    RescheduleSent,
    /// A reschedule interrupt arrived here.
    RescheduleReceived,
    /// This CPU found nothing to run.
    Idle,
}
