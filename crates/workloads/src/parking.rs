//! N5: two threads take turns by waking each other. A turn of one and a turn of the other are a round trip: two wake-ups,
//! two waits, two switches.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::plan::{Plan, fact};
use crate::system::{Threads, Turns};

const ROUND_TRIPS: u64 = 2_000;

/// Turns given to the first thread and to its partner.
static FIRST: AtomicU32 = AtomicU32::new(0);
static PARTNER: AtomicU32 = AtomicU32::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

/// Measures one way to take turns. `turns` makes it, once on each thread.
pub fn measure<S: Threads, T: Turns>(
    system: &S,
    plan: &Plan,
    row: &str,
    turns: fn(&S) -> Result<T, S::Error>,
) -> Result<(), S::Error> {
    STOP.store(false, Ordering::Relaxed);
    let first = turns(system)?;
    let partner = turns(system)?;
    let thread = system.spawn(move || {
        partner.take_while(&PARTNER, &FIRST, || !STOP.load(Ordering::Relaxed));
    })?;
    let before = PARTNER.load(Ordering::Relaxed);
    plan.measure(system, row, ROUND_TRIPS, |round_trips| {
        let mut left = round_trips;
        first.take_while(&FIRST, &PARTNER, || {
            let again = left > 0;
            left = left.wrapping_sub(1);
            again
        });
        Ok(())
    })?;
    let given = PARTNER.load(Ordering::Relaxed).wrapping_sub(before);
    STOP.store(true, Ordering::Relaxed);
    PARTNER.fetch_add(1, Ordering::Relaxed);
    S::unpark(&PARTNER, 1);
    system.join(thread)?;
    let expected = plan.all_rounds(ROUND_TRIPS);
    fact(system, row, "wrong", u64::from(given).abs_diff(expected));
    Ok(())
}

/// N5, the system's best way.
pub fn ping_pong<S: Threads>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    measure(system, plan, "park", S::turns)
}
