//! N6: two threads that yield to each other: two yields are two switches. How many switches there really were is
//! read from the kernel's counters, so that a yield that came back at once would show.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::plan::{Plan, fact};
use crate::system::{Counters, Threads};

const YIELDS: u64 = 2_000;

static STOP: AtomicBool = AtomicBool::new(false);
static PARTNER_YIELDS: AtomicU64 = AtomicU64::new(0);

/// Yields on two threads until each has yielded often enough.
pub fn two_switches<S: Threads + Counters>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    STOP.store(false, Ordering::Relaxed);
    let partner = *system;
    let thread = system.spawn(move || {
        let mut yields = 0;
        partner
            .yield_while(|| {
                PARTNER_YIELDS.store(yields, Ordering::Relaxed);
                yields += 1;
                !STOP.load(Ordering::Relaxed)
            })
            .is_ok()
    })?;
    let before = (system.switches()?, PARTNER_YIELDS.load(Ordering::Relaxed));
    plan.measure(system, "yield", YIELDS, |yields| {
        let mut left = yields;
        system.yield_while(|| {
            let again = left > 0;
            left = left.wrapping_sub(1);
            again
        })
    })?;
    let after = (system.switches()?, PARTNER_YIELDS.load(Ordering::Relaxed));
    STOP.store(true, Ordering::Relaxed);
    let partner_worked = system.join(thread)?;
    fact(system, "yield", "wrong", u64::from(!partner_worked));
    fact(system, "yield", "own-yields", plan.all_rounds(YIELDS));
    fact(system, "yield", "partner-yields", after.1 - before.1);
    fact(system, "yield", "switches", after.0 - before.0);
    Ok(())
}
