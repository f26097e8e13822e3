//! N11: a thread before all others is woken once in every millisecond, at moments that are fixed in advance: how much later than that
//! it runs. Once with nobody else, and once beside two threads that do nothing but enter the kernel; and each of these by the
//! class that goes first among those with a weight, and by a reservation, which goes before them.
//!
//! The moments are spread evenly over the millisecond. In step with the others' turns, which are whole milliseconds, a few
//! instructions would decide whether all of them come at the same place in a turn, and which.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::plan::{Plan, fact};
use crate::system::{Budget, Budgets, Entry, Kind, Scheduling, System, Threads};

const WAKES: usize = 1_000;
/// Wakes before those that count: pages are touched, code is translated.
const WARM_UP: usize = 10;
const PERIOD_NS: u64 = 1_000_000;
/// Of the thread's reservation: more than it ever uses.
const RESERVED_NS: u64 = 500_000;
/// Entries of a hog between two looks at whether it should stop.
const ENTRIES: u64 = 100;

/// The golden ratio's part after the point, in 1/2^32: its multiples spread the most evenly whatever their number.
const SPREAD: u64 = 0x9e37_79b9;

/// How long after the first millisecond has begun a wake-up is due: a moment of its own in the millisecond that is its own.
const fn due(wake: u64) -> u64 {
    let within = wake.wrapping_mul(SPREAD) & 0xffff_ffff;
    wake * PERIOD_NS + ((within * PERIOD_NS) >> 32)
}

/// What puts the thread before the others.
#[derive(Clone, Copy)]
enum By {
    Class,
    Reservation,
}

/// How late each wake-up was, in nanoseconds; `None` if it was too early.
type Lateness<S> = Result<Vec<Option<u64>>, <S as System>::Error>;

fn sleeper<S: Budgets>(system: &S, by: By) -> Lateness<S> {
    match by {
        By::Class => {
            system.become_urgent()?;
            lateness(system)
        }
        By::Reservation => {
            let budget = Budget {
                kind: Kind::Reservation,
                time_ns: RESERVED_NS,
                period_ns: PERIOD_NS,
            };
            system.with_budget(budget, || lateness(system))?
        }
    }
}

/// Wakes up again and again.
fn lateness<S: Scheduling>(system: &S) -> Lateness<S> {
    let mut late = Vec::with_capacity(WARM_UP + WAKES);
    let begin = system.moment() + PERIOD_NS;
    for wake in 0..(WARM_UP + WAKES) as u64 {
        // A moment that has passed meanwhile is not left out: who is late for one is late for those that it misses, too.
        let deadline = begin + due(wake);
        system.sleep_until(deadline)?;
        late.push(system.moment().checked_sub(deadline));
    }
    Ok(late.split_off(WARM_UP))
}

fn measure<S: Threads + Entry + Budgets>(system: &S, row: &str, by: By, hogs: usize) -> Result<(), S::Error> {
    let tick_hz = system.tick_hz()?;
    let stop = Arc::new(AtomicBool::new(false));
    let hogs = (0..hogs)
        .map(|_| {
            let (system, stop) = (*system, stop.clone());
            system.spawn(move || {
                let mut wrong = 0;
                while !stop.load(Ordering::Relaxed) {
                    wrong += system.null_entries(ENTRIES).unwrap_or(ENTRIES);
                }
                wrong
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let sleeper = {
        let system = *system;
        system.spawn(move || sleeper(&system, by))?
    };
    let late = system.join(sleeper)?;
    stop.store(true, Ordering::Relaxed);
    let mut wrong = 0;
    for hog in hogs {
        wrong += system.join(hog)?;
    }
    for nanos in late? {
        match nanos {
            Some(nanos) => {
                let ticks = u128::from(nanos) * u128::from(tick_hz) / 1_000_000_000;
                system.line(format_args!("@sample {row} 1 {ticks}"));
            }
            None => wrong += 1,
        }
    }
    fact(system, row, "tick-hz", tick_hz);
    fact(system, row, "wrong", wrong);
    Ok(())
}

/// Nobody else wants to run.
pub fn idle<S: Threads + Entry + Budgets>(system: &S, _plan: &Plan) -> Result<(), S::Error> {
    measure(system, "wake-idle", By::Class, 0)
}

/// Two threads enter the kernel all the time.
pub fn beside_hogs<S: Threads + Entry + Budgets>(system: &S, _plan: &Plan) -> Result<(), S::Error> {
    measure(system, "wake-hogs", By::Class, 2)
}

/// Nobody else wants to run, and the thread has a reservation.
pub fn idle_reserved<S: Threads + Entry + Budgets>(system: &S, _plan: &Plan) -> Result<(), S::Error> {
    measure(system, "wake-idle-reserved", By::Reservation, 0)
}

/// Two threads enter the kernel all the time, and have no reservation.
pub fn beside_hogs_reserved<S: Threads + Entry + Budgets>(system: &S, _plan: &Plan) -> Result<(), S::Error> {
    measure(system, "wake-hogs-reserved", By::Reservation, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n11_moments_are_one_in_each_millisecond_and_spread_over_it() {
        let mut tenths = [0; 10];
        for wake in 0..WAKES as u64 {
            assert_eq!(due(wake) / PERIOD_NS, wake);
            assert!(
                due(wake + 1) - due(wake) > PERIOD_NS / 2,
                "there is time to come to rest"
            );
            tenths[(due(wake) % PERIOD_NS * 10 / PERIOD_NS) as usize] += 1;
        }
        assert!(
            tenths.iter().all(|count| (99..=101).contains(count)),
            "{tenths:?}"
        );
    }
}
