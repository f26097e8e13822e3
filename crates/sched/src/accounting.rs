//! What was used, by whom. Rules C1 to C3 and the always-on counters of A1 and B4.
//!
//! A [`Charge`] is produced at every point where a thread's time is counted; the caller adds it to the [`Usage`] of
//! the thread's process, session and service in the same step, so the sums never disagree with the parts.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use crate::ids::CpuId;
use crate::time::Nanos;

/// CPU time that has just been counted for one thread.
#[must_use = "the time also belongs in the usage of the thread's process and session"]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// CPU time.
    pub ran: Nanos,
    /// The virtual time it amounts to at the thread's own weight: nanoseconds × 64 / weight.
    pub virtual_ran: u64,
}

/// One thread's record (C2). All counts are since the thread was created and only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// CPU time used.
    pub runtime: Nanos,
    /// Virtual time used; unlike the virtual runtime that orders the queue it never jumps.
    pub virtual_runtime: u64,
    /// Times the thread was given a CPU.
    pub switches: u64,
    /// Times it lost the CPU although it wanted to go on.
    pub preemptions: u64,
    /// Times it gave the CPU up to wait for something.
    pub voluntary_blocks: u64,
    /// Times it was given a CPU other than the one it ran on before.
    pub migrations: u64,
    /// Time spent runnable but not running.
    pub waiting: Nanos,
    /// The CPU it ran on last.
    pub last_cpu: Option<CpuId>,
}

impl Account {
    /// Adds what another thread did, for the sum of a process. Which CPU a sum ran on last means nothing: it stays as it was.
    pub fn add(&mut self, other: &Account) {
        let Account {
            runtime,
            virtual_runtime,
            switches,
            preemptions,
            voluntary_blocks,
            migrations,
            waiting,
            last_cpu: _,
        } = *other;
        self.runtime += runtime;
        self.virtual_runtime = self.virtual_runtime.saturating_add(virtual_runtime);
        self.switches += switches;
        self.preemptions += preemptions;
        self.voluntary_blocks += voluntary_blocks;
        self.migrations += migrations;
        self.waiting += waiting;
    }
}

/// What a process, session or service has used: the sum over its threads, living and gone (C3). Many CPUs add to it, and
/// none waits for another.
#[derive(Debug, Default)]
pub struct Usage {
    runtime: AtomicU64,
    stays: AtomicU64,
}

impl Usage {
    /// Counts what a thread is charged for a stay on a CPU.
    #[inline]
    pub fn add(&self, charge: Charge) {
        self.runtime.fetch_add(charge.ran.0, Relaxed);
        self.stays.fetch_add(1, Relaxed);
    }

    /// CPU time used.
    pub fn runtime(&self) -> Nanos {
        Nanos(self.runtime.load(Relaxed))
    }

    /// Stays counted.
    pub fn stays(&self) -> u64 {
        self.stays.load(Relaxed)
    }
}

/// One CPU's record (A1, B4). All counts are since boot and only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuCounters {
    /// Times a thread was given this CPU.
    pub switches: u64,
    /// Times a thread lost it although it wanted to go on.
    pub preemptions: u64,
    /// Times a thread gave it up to wait.
    pub voluntary_blocks: u64,
    /// Times a thread gave way of its own accord and stayed runnable.
    pub yields: u64,
    /// Times a thread on it came to its end.
    pub exits: u64,
    /// Times a thread was given this CPU after having run on another.
    pub migrations_in: u64,
    /// Threads put into this queue, for whatever reason.
    pub enqueues: u64,
    /// Of those, threads that woke up.
    pub wakes: u64,
    /// Enqueues after which the running thread had to make way.
    pub wakes_that_preempt: u64,
    /// Enqueues that found the CPU idle.
    pub wakes_of_idle: u64,
    /// Enqueues that ended the running thread's time alone, so that it needed a horizon.
    pub slices_begun_by_arrival: u64,
    /// Threads that other CPUs took from this queue.
    pub stolen_from: u64,
    /// Threads that this CPU gave to others because it lagged behind them.
    pub given_away: u64,
    /// Threads that ran here because another thread handed them the CPU.
    pub handoffs: u64,
    /// Handoffs that were refused or fell back to the queue.
    pub handoff_fallbacks: u64,
    /// Reschedule requests that needed an interrupt.
    pub reschedules_sent: u64,
    /// Reschedule requests that found one already pending.
    pub reschedules_already_pending: u64,
    /// Reschedule interrupts acknowledged.
    pub reschedules_received: u64,
    /// Times a turn's end became the horizon.
    pub slices_armed: u64,
    /// Times a thread began or went on without any horizon because nobody else was runnable.
    pub slices_not_needed: u64,
    /// Time with a thread running, up to the last charge.
    pub busy: Nanos,
    /// Of that, time in which another one waited here.
    pub shared: Nanos,
    /// Of the busy time, what was charged to scheduling contexts.
    pub in_contexts: Nanos,
    /// Time without one, up to the last time a thread began.
    pub idle: Nanos,
}

impl CpuCounters {
    /// All zero.
    #[must_use]
    pub const fn new() -> CpuCounters {
        CpuCounters {
            switches: 0,
            preemptions: 0,
            voluntary_blocks: 0,
            yields: 0,
            exits: 0,
            migrations_in: 0,
            enqueues: 0,
            wakes: 0,
            wakes_that_preempt: 0,
            wakes_of_idle: 0,
            slices_begun_by_arrival: 0,
            stolen_from: 0,
            given_away: 0,
            handoffs: 0,
            handoff_fallbacks: 0,
            reschedules_sent: 0,
            reschedules_already_pending: 0,
            reschedules_received: 0,
            slices_armed: 0,
            slices_not_needed: 0,
            busy: Nanos::ZERO,
            shared: Nanos::ZERO,
            in_contexts: Nanos::ZERO,
            idle: Nanos::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c3_a_sum_of_accounts_has_every_count_of_each() {
        let account = |base: u64| Account {
            runtime: Nanos(base),
            virtual_runtime: base + 1,
            switches: base + 2,
            preemptions: base + 3,
            voluntary_blocks: base + 4,
            migrations: base + 5,
            waiting: Nanos(base + 6),
            last_cpu: None,
        };
        let mut sum = account(100);
        let on_seven = Some(CpuId(7));
        sum.add(&Account {
            last_cpu: on_seven,
            ..account(20)
        });
        let twice = |plus: u64| 120 + 2 * plus;
        let expected = Account {
            runtime: Nanos(twice(0)),
            virtual_runtime: twice(1),
            switches: twice(2),
            preemptions: twice(3),
            voluntary_blocks: twice(4),
            migrations: twice(5),
            waiting: Nanos(twice(6)),
            last_cpu: None,
        };
        assert_eq!(sum, expected);
    }

    #[test]
    fn c3_the_sum_of_a_process_keeps_what_gone_threads_used() {
        let process = Usage::default();
        for ran in [10, 20, 30] {
            process.add(Charge {
                ran: Nanos(ran),
                virtual_ran: ran / 2,
            });
        }
        assert_eq!((process.runtime(), process.stays()), (Nanos(60), 3));
    }
}
