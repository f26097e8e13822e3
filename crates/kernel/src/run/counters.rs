//! What each CPU counts beside the scheduler core (rule A1), always and in every build. A counter is written by its own CPU
//! alone, with a plain load and a plain store, and lies on no cache line that another CPU writes; others read it only to show
//! it. docs/counters.md says of each when it moves; `objects::monitor` shows them.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use sched::{EnqueueReason, HorizonReason, PlacementReason};

/// As many as there are rules of placement.
const PLACEMENTS: usize = PlacementReason::CallerWinsTie as usize + 1;

/// Counters of one CPU that the scheduler core does not keep.
#[derive(Default)]
#[repr(align(64))]
pub struct Counters {
    /// System calls.
    pub syscalls: AtomicU64,
    /// Submissions dispatched.
    pub submissions: AtomicU64,
    /// Exceptions in user mode: pages that are filled on first touch among them.
    pub faults: AtomicU64,
    /// Timer interrupts; those of all reasons below add up to this, and so do the three by mode.
    pub timer_interrupts: AtomicU64,
    /// Of those, horizons alone, in the order of [`HorizonReason`].
    timer_horizons: [AtomicU64; HorizonReason::ALL.len()],
    /// Of those, deadlines of sleeps and time-outs alone.
    pub timer_sleep: AtomicU64,
    /// Of those, both at once.
    pub timer_both: AtomicU64,
    /// Of those, early ones that found nothing due.
    pub timer_spurious: AtomicU64,
    /// Timer interrupts while nothing ran.
    pub ticks_idle: AtomicU64,
    /// Timer interrupts while a thread ran whose turn had no end.
    pub ticks_alone: AtomicU64,
    /// Timer interrupts while a thread ran whose turn was to end, because others waited.
    pub ticks_shared: AtomicU64,
    /// Times this CPU began to idle with no timer armed at all.
    pub idles_untimed: AtomicU64,
    /// Queues of other CPUs that this one looked into for a thread to take.
    pub steal_tries: AtomicU64,
    /// Threads taken from other CPUs' queues.
    pub steals: AtomicU64,
    /// Woken threads that this CPU placed on another.
    pub wakes_remote: AtomicU64,
    /// Woken threads that this CPU placed on itself.
    pub wakes_local: AtomicU64,
    /// New threads that this CPU placed on another.
    pub starts_remote: AtomicU64,
    /// New threads that this CPU placed on itself.
    pub starts_local: AtomicU64,
    /// Threads that this CPU placed because they may not stay where they ran or waited.
    pub forced_moves: AtomicU64,
    /// Placements by the rule that decided, in the order of [`PlacementReason`].
    pub placed: [AtomicU64; PLACEMENTS],
    /// Placements for which no CPU that the thread may run on was online: it was queued where it was woken.
    pub placement_failures: AtomicU64,
    /// Reschedule interrupts sent from here.
    pub ipis_sent: AtomicU64,
    /// Changes of weight or class made for a caller here.
    pub policy_admissions: AtomicU64,
    /// Changes of weight or class refused to a caller here.
    pub policy_denials: AtomicU64,
}

/// Adds one to a counter that only this CPU writes.
#[inline]
pub fn count(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

/// What a CPU does when a timer interrupt comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It runs nothing.
    Idle,
    /// It runs a thread and nobody waits.
    Alone,
    /// It runs a thread and others wait.
    Shared,
}

impl Counters {
    /// Timer interrupts for a horizon of this reason alone.
    pub fn horizons(&self, why: HorizonReason) -> &AtomicU64 {
        &self.timer_horizons[why as usize]
    }

    /// Counts a timer interrupt with what it found due and what it interrupted.
    pub fn timer(&self, deadline: bool, horizon: Option<HorizonReason>, mode: Mode) {
        count(&self.timer_interrupts);
        count(match (deadline, horizon) {
            (true, Some(_)) => &self.timer_both,
            (true, None) => &self.timer_sleep,
            (false, Some(why)) => self.horizons(why),
            (false, None) => &self.timer_spurious,
        });
        count(match mode {
            Mode::Idle => &self.ticks_idle,
            Mode::Alone => &self.ticks_alone,
            Mode::Shared => &self.ticks_shared,
        });
    }

    /// Counts that a thread was placed, on this CPU or another.
    #[inline]
    pub fn placement(&self, why: EnqueueReason, is_here: bool) {
        count(match (why, is_here) {
            (EnqueueReason::New, true) => &self.starts_local,
            (EnqueueReason::New, false) => &self.starts_remote,
            (EnqueueReason::Wake, true) => &self.wakes_local,
            (EnqueueReason::Wake, false) => &self.wakes_remote,
            // Of these only the first is placed: the others stay, or it is known where they go.
            (
                EnqueueReason::Migrated
                | EnqueueReason::Balanced
                | EnqueueReason::Preempted
                | EnqueueReason::Yielded,
                _,
            ) => &self.forced_moves,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_a_timer_interrupt_has_one_reason_and_one_mode() {
        let counters = Counters::default();
        counters.timer(true, Some(HorizonReason::TurnEnd), Mode::Shared);
        counters.timer(true, None, Mode::Idle);
        counters.timer(false, Some(HorizonReason::TurnEnd), Mode::Shared);
        counters.timer(false, None, Mode::Alone);
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let reasons = [
            &counters.timer_both,
            &counters.timer_sleep,
            counters.horizons(HorizonReason::TurnEnd),
            &counters.timer_spurious,
        ];
        assert_eq!(reasons.map(read), [1, 1, 1, 1]);
        let modes = [
            &counters.ticks_idle,
            &counters.ticks_alone,
            &counters.ticks_shared,
        ];
        assert_eq!(modes.map(read), [1, 1, 2]);
        assert_eq!(read(&counters.timer_interrupts), 4);
    }

    #[test]
    fn a1_a_thread_that_has_to_move_is_no_thread_that_woke() {
        let counters = Counters::default();
        for (why, is_here) in [
            (EnqueueReason::New, true),
            (EnqueueReason::New, false),
            (EnqueueReason::Wake, true),
            (EnqueueReason::Wake, false),
            (EnqueueReason::Migrated, true),
            (EnqueueReason::Migrated, false),
        ] {
            counters.placement(why, is_here);
        }
        let placements = [
            &counters.starts_local,
            &counters.starts_remote,
            &counters.wakes_local,
            &counters.wakes_remote,
            &counters.forced_moves,
        ];
        assert_eq!(placements.map(|counter| counter.load(Relaxed)), [1, 1, 1, 1, 2]);
    }

    #[test]
    fn a1_no_counter_shares_a_cache_line_with_another_cpus() {
        assert_eq!(align_of::<Counters>() % 64, 0);
        assert_eq!(size_of::<Counters>() % 64, 0);
    }
}
