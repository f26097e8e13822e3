//! N11: a thread before all others is woken every millisecond, at moments that are fixed in advance: how much later than that
//! it runs. Once with nobody else, and once beside two threads that do nothing but enter the kernel.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::plan::{Plan, fact};
use crate::system::{Entry, Scheduling, Threads};

const WAKES: usize = 1_000;
/// Wakes before those that count: pages are touched, code is translated.
const WARM_UP: usize = 10;
const PERIOD_NS: u64 = 1_000_000;
/// Entries of a hog between two looks at whether it should stop.
const ENTRIES: u64 = 100;

/// Wakes up again and again: how late each time, in nanoseconds, or `None` if it was too early.
fn lateness<S: Scheduling>(system: &S) -> Result<Vec<Option<u64>>, S::Error> {
    system.become_urgent()?;
    let mut late = Vec::with_capacity(WARM_UP + WAKES);
    let mut deadline = system.moment();
    for _ in 0..WARM_UP + WAKES {
        // A moment that has passed meanwhile is not left out: who is late for one is late for those that it misses, too.
        deadline += PERIOD_NS;
        system.sleep_until(deadline)?;
        late.push(system.moment().checked_sub(deadline));
    }
    Ok(late.split_off(WARM_UP))
}

fn measure<S: Threads + Entry + Scheduling>(system: &S, row: &str, hogs: usize) -> Result<(), S::Error> {
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
        system.spawn(move || lateness(&system))?
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
pub fn idle<S: Threads + Entry + Scheduling>(system: &S, _plan: &Plan) -> Result<(), S::Error> {
    measure(system, "wake-idle", 0)
}

/// Two threads enter the kernel all the time.
pub fn beside_hogs<S: Threads + Entry + Scheduling>(system: &S, _plan: &Plan) -> Result<(), S::Error> {
    measure(system, "wake-hogs", 2)
}
