//! The threads of a simulation: what each is doing, and where each waits.

use sched::{
    Budget, Deadline, DeadlineKey, Entity, Instant, LatencyClass, Nanos, Parking, ThreadId, Weight,
    Whereabouts,
};

use crate::scenario::{BarrierId, ConditionId, EndpointId, LockId, PipeId, ThreadKind, TimerId};

/// A thread as a value: whoever has it is its only owner.
pub(super) type Owned = Box<Entity<Task>>;

/// What a thread carries along: how far its program has come.
#[derive(Debug)]
pub(crate) struct Task {
    pub(super) kind: ThreadKind,
    pub(super) phase: u16,
    pub(super) step: u16,
    /// How far it has come within a step that waits more than once.
    pub(super) stage: u8,
    /// It has been listed somewhere and wants to rest until its wish is granted.
    pub(super) waiting: bool,
    pub(super) phase_round: u32,
    pub(super) round: u32,
    /// User time until its step is done.
    pub(super) remaining: Nanos,
    /// The client whose call it serves.
    pub(super) client: Option<Index>,
    /// The next beat of each of its own timers.
    pub(super) beats: Vec<(TimerId, Instant)>,
}

/// A thread's place in the table of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Index(pub(super) u32);

impl Index {
    pub(super) const fn of(id: ThreadId) -> Index {
        Index((id.0 as u32) - 1)
    }

    /// The id of the thread here, which belongs to `process`.
    pub(super) const fn id(self, process: u32) -> ThreadId {
        ThreadId((process as u64) << 32 | (self.0 as u64 + 1))
    }

    pub(super) const fn at(self) -> usize {
        self.0 as usize
    }
}

/// What a thread is listed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    /// An instant: its deadline is armed.
    Time,
    Lock(LockId),
    Condition(ConditionId),
    Barrier(BarrierId),
    Pipe(PipeId),
    /// To be answered by a server.
    Answer(EndpointId),
    /// To be called by a client.
    Client(EndpointId),
    Resumption,
}

/// What the machine knows about a thread, wherever it is.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: ThreadId,
    /// Where it is while it rests, exactly as in the kernel.
    pub(super) place: Parking<Owned>,
    /// In which queue it was put last, and at which rank.
    pub(super) queued: Whereabouts,
    /// Its weight and class, as set last.
    pub(super) policy: (Weight, LatencyClass),
    /// The memory of its deadline, while it is not armed.
    pub(super) memory: Option<Box<Deadline<Index>>>,
    /// Where its deadline is armed.
    pub(super) armed: Option<(u32, DeadlineKey)>,
    pub(super) wish: Wish,
    /// Since when it is listed, in true time.
    pub(super) waits_since: Instant,
    /// Its wish has been fulfilled.
    pub(super) granted: bool,
    /// The server that has received its call, until that ends.
    pub(super) server: Option<Index>,
    /// Its call ends when it has waited for as long as it wants to.
    pub(super) hangs_up: bool,
    /// It was resumed while it was not suspended.
    pub(super) resumed: bool,
    pub(super) dying: bool,
    pub(super) alive: bool,
    /// Since when it is runnable without running, in true time; [`Instant::NEVER`] while it does not wait for a CPU.
    pub(super) ready_at: Instant,
    /// It is runnable because it was woken, not because it was preempted.
    pub(super) woken: bool,
}

impl Record {
    pub(super) fn new(id: ThreadId, weight: Weight, class: LatencyClass) -> Record {
        Record {
            id,
            place: Parking::new(),
            queued: Whereabouts::new(),
            policy: (weight, class),
            memory: None,
            armed: None,
            wish: Wish::Nothing,
            waits_since: Instant::BOOT,
            granted: false,
            server: None,
            hangs_up: false,
            resumed: false,
            dying: false,
            alive: true,
            ready_at: Instant::NEVER,
            woken: false,
        }
    }
}

impl Task {
    pub(super) const fn new(kind: ThreadKind) -> Task {
        Task {
            kind,
            phase: 0,
            step: 0,
            stage: 0,
            waiting: false,
            phase_round: 0,
            round: 0,
            remaining: Nanos::ZERO,
            client: None,
            beats: Vec::new(),
        }
    }
}

/// Bytes that one simulated thread takes, without the allocator's own.
#[must_use]
pub const fn bytes_per_thread() -> usize {
    size_of::<Entity<Task>>() + size_of::<Record>() + size_of::<Deadline<Index>>()
}

/// Bytes that the budget of a thread takes in addition.
#[must_use]
pub const fn bytes_per_budget() -> usize {
    size_of::<Budget>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_a_simulated_thread_takes_less_than_500_bytes() {
        assert!(bytes_per_thread() < 500, "{} bytes", bytes_per_thread());
    }
}
