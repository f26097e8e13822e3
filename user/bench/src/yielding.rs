//! N6: two threads that yield to each other, each with a ring of its own: two yields are two switches. How many
//! switches there really were is read from the kernel's counters, so that a yield that came back at once would show.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rt::monitor::Monitor;
use rt::raw::{Operation, with_ring};
use rt::thread::{ThreadControl, Threads};
use rt::{Env, Error};

use crate::plan::{Plan, fact};

const YIELDS: u64 = 2_000;

static STOP: AtomicBool = AtomicBool::new(false);
static PARTNER_YIELDS: AtomicU64 = AtomicU64::new(0);

/// Switches on all CPUs since boot.
pub fn switches(monitor: &Monitor) -> Result<u64, Error> {
    monitor.cpus(|cpus| Ok(cpus.iter().map(|cpu| cpu.get_switches()).sum()))
}

/// Yields on two threads until each has yielded often enough.
pub fn two_switches(env: &Env, plan: &Plan) -> Result<(), Error> {
    let (monitor, control): (Monitor, ThreadControl) = (env.first()?, env.first()?);
    let yielding = Operation::yield_now(&control);
    let thread = Threads::new(env)?.spawn(move || {
        with_ring(|ring| {
            let mut yields = 0;
            while !STOP.load(Ordering::Relaxed) {
                ring.perform(&yielding);
                yields += 1;
                PARTNER_YIELDS.store(yields, Ordering::Relaxed);
            }
        });
    })?;
    let before = (switches(&monitor)?, PARTNER_YIELDS.load(Ordering::Relaxed));
    plan.measure("yield", YIELDS, |operations| {
        with_ring(|ring| {
            for _ in 0..operations {
                ring.perform(&yielding);
            }
        });
    });
    let after = (switches(&monitor)?, PARTNER_YIELDS.load(Ordering::Relaxed));
    STOP.store(true, Ordering::Relaxed);
    thread.join()?;
    let own = (plan.rounds + 1) * YIELDS;
    fact("yield", "own-yields", own);
    fact("yield", "partner-yields", after.1 - before.1);
    fact("yield", "switches", after.0 - before.0);
    Ok(())
}
