//! Do two CPUs' time-stamp counters agree? While a CPU is started, it and the CPU that starts it take turns:
//! each reads its counter, checks that it is not behind what the other just published, publishes its own and
//! passes the turn. A counter that is behind by more than the fastest of these passes is noticed.
//!
//! On real processors a pass takes a tenth of a microsecond and all turns are taken. On a busy host each may
//! cost a time slice, so after the first few the starting CPU ends a comparison that has become slow: virtual
//! counters that differ do so by far more than a slice.
//!
//! When they disagree, or the other side stops answering, the clock falls back to a shared maximum
//! (clock/mod.rs): slower, and right.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{declare_warped, ticks};

/// Turns per CPU. The smallest of some passes is close to the smallest of all.
const TURNS: u32 = 16;
/// Turns that the starting CPU takes however slow they are.
const LEAST_TURNS: u32 = 2;
/// Counter ticks after which the rest of the turns is dropped: about 0.1 ms.
const SLOW_TICKS: u64 = 1 << 18;
/// Counter ticks that one side waits for its turn: seconds, because a virtual CPU may be kept waiting by its
/// host, and the price of giving up is a slower clock for good.
const PATIENCE_TICKS: u64 = 1 << 33;
// Values of TURN that are no turn.
const GIVEN_UP: u32 = u32::MAX;
const FINISHED: u32 = u32::MAX - 1;

static TURN: AtomicU32 = AtomicU32::new(GIVEN_UP);
static LATEST: AtomicU64 = AtomicU64::new(0);
static BEHIND: AtomicU64 = AtomicU64::new(0);

/// Gets ready to meet one CPU. Called by the starting CPU before the other one runs; one pair at a time.
pub(crate) fn prepare() {
    LATEST.store(0, Ordering::Relaxed);
    BEHIND.store(0, Ordering::Relaxed);
    TURN.store(0, Ordering::Release);
}

/// The starting CPU's side. Returns by how many ticks a counter was seen behind; `None` when the other side did not
/// take its turns. In both bad cases the clock has been switched to its shared maximum.
pub(crate) fn meet_started_cpu() -> Option<u64> {
    let met = take_turns(0, ticks);
    let behind = BEHIND.load(Ordering::Relaxed);
    if !met || behind != 0 {
        declare_warped();
    }
    met.then_some(behind)
}

/// The started CPU's side.
pub(crate) fn meet_starting_cpu() {
    take_turns(1, ticks);
}

/// How waiting for a turn ended.
#[derive(PartialEq, Eq)]
enum Wait {
    Turn,
    Finished,
    GivenUp,
}

/// Takes the turns `first`, `first + 2`, … until all are taken or the starting side has seen enough. Returns
/// whether the comparison counts.
fn take_turns(first: u32, ticks: fn() -> u64) -> bool {
    let began = ticks();
    for turn in (first..2 * TURNS).step_by(2) {
        match wait_for(turn, ticks) {
            Wait::Turn => {}
            Wait::Finished => return true,
            Wait::GivenUp => return false,
        }
        let now = ticks();
        let behind = LATEST.load(Ordering::Relaxed).saturating_sub(now);
        if behind > 0 {
            BEHIND.fetch_max(behind, Ordering::Relaxed);
        }
        LATEST.store(now, Ordering::Relaxed);
        let is_slow = now.wrapping_sub(began) > SLOW_TICKS;
        let next = if first == 0 && turn >= 2 * LEAST_TURNS && is_slow {
            FINISHED
        } else {
            turn + 1
        };
        // A side that has given up stays given up: the exchange fails and the next wait sees it.
        let _ = TURN.compare_exchange(turn, next, Ordering::AcqRel, Ordering::Acquire);
    }
    wait_for(2 * TURNS, ticks) != Wait::GivenUp
}

/// Waits until it is this turn. Nobody moves past a turn but the side whose it is, so it is never missed.
fn wait_for(turn: u32, ticks: fn() -> u64) -> Wait {
    let start = ticks();
    loop {
        match TURN.load(Ordering::Acquire) {
            now_at if now_at == turn => return Wait::Turn,
            FINISHED => return Wait::Finished,
            GIVEN_UP => return Wait::GivenUp,
            _ => {}
        }
        if ticks().wrapping_sub(start) > PATIENCE_TICKS {
            TURN.store(GIVEN_UP, Ordering::Release);
            return Wait::GivenUp;
        }
        core::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    /// One pair of counters at a time: the state is shared by all tests.
    static ONE_PAIR: std::sync::Mutex<()> = std::sync::Mutex::new(());
    const SKEW_TICKS: u64 = 1 << 30;

    fn behind() -> u64 {
        ticks() - SKEW_TICKS
    }

    fn ahead() -> u64 {
        ticks() + SKEW_TICKS
    }

    fn meet(first: fn() -> u64, second: fn() -> u64) -> Option<u64> {
        let _one = ONE_PAIR.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        prepare();
        let other = std::thread::spawn(move || take_turns(1, second));
        let met = take_turns(0, first) & other.join().unwrap();
        met.then(|| BEHIND.load(Ordering::Relaxed))
    }

    #[test]
    fn p2_counters_that_agree_are_not_behind() {
        assert_eq!(meet(ticks, ticks), Some(0));
    }

    #[test]
    fn p2_a_counter_that_is_off_is_noticed_from_both_sides() {
        for (first, second) in [
            (ticks as fn() -> u64, behind as fn() -> u64),
            (ticks, ahead),
            (behind, ticks),
        ] {
            let off = meet(first, second).expect("both took their turns");
            assert!(off > SKEW_TICKS / 2 && off <= SKEW_TICKS, "{off}");
        }
    }
}
