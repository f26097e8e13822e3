//! Why the scheduler did what it did: one typed value for the caller, the trace, the tools and the tests.

use crate::cpu::{HandoffRefusal, PickedFrom};
use crate::ids::{CpuId, ThreadId};
use crate::placement::PlacementReason;
use crate::time::VirtualTime;

/// A decision together with its evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A thread was sent to a CPU by this rule of placement.
    Placed(PlacementReason),
    /// No CPU that the thread may run on is online.
    NoCpuAllowed,
    /// A thread was picked from here.
    Picked(PickedFrom),
    /// A thread lost the CPU because the turn of `by` finishes earlier.
    Preempted {
        /// Who runs instead.
        by: ThreadId,
        /// Where the winner's turn finishes.
        finish: VirtualTime,
    },
    /// A thread was taken by an idle CPU.
    Stolen {
        /// The idle CPU.
        thief: CpuId,
    },
    /// A thread could not be handed the CPU and waits in the queue.
    HandoffRefused(HandoffRefusal),
    /// The thread runs without a slice timer because nobody else is runnable.
    RunsAlone,
}
