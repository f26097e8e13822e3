//! N7: the scheduler's tick. An idle CPU and a CPU with one thread should take no timer interrupt at all; with two
//! threads that always want to run, each slice ends in one, and what one costs is what the two get less of.
//!
//! A hog works in pieces of known length and counts those that it finishes within a window of time. Alone, it tells
//! how long a piece is; two of them together finish as many less as the kernel took time from them.

use rt::monitor::Monitor;
use rt::raw::ticks;
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Env, Error};

use crate::plan::{Plan, fact};

/// Ticks from now on until a window opens: long enough for a thread to start.
const LEAD: u64 = 20_000_000;

/// Timer interrupts of all CPUs since boot, and those of them that ended a slice.
#[derive(Clone, Copy)]
struct Interrupts {
    all: u64,
    slice: u64,
}

impl Interrupts {
    fn now(monitor: &Monitor) -> Result<Interrupts, Error> {
        monitor.cpus(|cpus| {
            Ok(Interrupts {
                all: cpus.iter().map(|cpu| cpu.get_timer_interrupts()).sum(),
                slice: cpus.iter().map(|cpu| cpu.get_timer_slice()).sum(),
            })
        })
    }
}

/// One piece of work: about 300 instructions that nothing can shorten.
#[inline(never)]
fn piece(mut state: u64) -> u64 {
    for _ in 0..64 {
        state = core::hint::black_box(state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1));
    }
    state
}

/// Works from now on to `end`; how many pieces were begun between `start` and `end`. One copy of the code for all
/// callers: what two hogs do is compared with what one does.
#[inline(never)]
fn hog(start: u64, end: u64) -> u64 {
    let (mut state, mut pieces) = (1, 0);
    loop {
        let now = ticks();
        if now >= end {
            return pieces;
        }
        state = piece(state);
        pieces += u64::from(now >= start);
    }
}

/// A CPU with nothing to do: this thread sleeps, which takes the one interrupt that ends the sleep.
pub fn idle(env: &Env, plan: &Plan) -> Result<(), Error> {
    let (monitor, timer): (Monitor, Timer) = (env.first()?, env.first()?);
    let before = Interrupts::now(&monitor)?;
    timer.sleep_ns(plan.window)?;
    let after = Interrupts::now(&monitor)?;
    fact("tick-idle", "interrupts", after.all - before.all);
    fact("tick-idle", "asked-for", 1);
    fact("tick-idle", "window", plan.window);
    Ok(())
}

/// A CPU with one thread.
pub fn alone(env: &Env, plan: &Plan) -> Result<(), Error> {
    let monitor: Monitor = env.first()?;
    let before = Interrupts::now(&monitor)?;
    let start = ticks();
    hog(start, start + plan.window);
    let after = Interrupts::now(&monitor)?;
    fact("tick-alone", "interrupts", after.all - before.all);
    fact("tick-alone", "window", plan.window);
    Ok(())
}

/// A CPU with two threads of the same weight.
pub fn shared(env: &Env, plan: &Plan) -> Result<(), Error> {
    let monitor: Monitor = env.first()?;
    let start = ticks();
    let pieces_alone = hog(start, start + plan.window);

    let before = Interrupts::now(&monitor)?;
    let switches = crate::yielding::switches(&monitor)?;
    let start = ticks() + LEAD;
    let end = start + plan.window;
    let other = Threads::new(env)?.spawn(move || hog(start, end))?;
    let own = hog(start, end);
    let other = other.join()?;
    let after = Interrupts::now(&monitor)?;
    let switches = crate::yielding::switches(&monitor)? - switches;

    // Interrupts outside the window, during the lead, are as dense as those inside.
    let slices = (after.slice - before.slice) * plan.window / (plan.window + LEAD);
    fact("tick-shared", "pieces-alone", pieces_alone);
    fact("tick-shared", "pieces-own", own);
    fact("tick-shared", "pieces-other", other);
    fact("tick-shared", "window", plan.window);
    fact("tick-shared", "interrupts", after.all - before.all);
    fact("tick-shared", "switches", switches);
    fact("tick-shared", "slices", slices);
    Ok(())
}
