//! N7: the scheduler's tick. An idle CPU and a CPU with one thread should take no timer interrupt at all, also if the thread has a
//! budget that never ends (E9); with two threads that always want to run, each slice ends in one, and what one costs is what the two get less of.
//!
//! A hog works in pieces of known length and counts those that it finishes within a window of time. Alone, it tells
//! how long a piece is; two of them together finish as many less as the kernel took time from them.

use crate::hog::{Hogged, hog};
use crate::plan::{Plan, fact};
use crate::system::{Budgets, Counters, System, Threads};

/// Ticks from now on until a window opens: long enough for a thread to start.
const LEAD: u64 = 20_000_000;

/// Longer than any time that another row may have asked of the timer, and did not wait for.
const SETTLED_NS: u64 = 1_100_000_000;

/// A CPU with nothing to do: this thread sleeps, which takes the one interrupt that ends the sleep.
pub fn idle<S: Counters>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    let before = system.timer_interrupts()?;
    system.sleep_ns(plan.window)?;
    let after = system.timer_interrupts()?;
    fact(system, "tick-idle", "interrupts", after.all - before.all);
    fact(system, "tick-idle", "asked-for", 1);
    fact(system, "tick-idle", "window", plan.window);
    Ok(())
}

/// A CPU with one thread.
pub fn alone<S: Counters>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    one_thread(system, plan, "tick-alone")
}

/// E9: the same with a budget, as much of the CPU as there is.
pub fn alone_with_a_budget<S: Counters + Budgets>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    system.with_budget(S::WHOLE_CPU, || one_thread(system, plan, "tick-budget"))?
}

fn one_thread<S: Counters>(system: &S, plan: &Plan, row: &str) -> Result<(), S::Error> {
    system.sleep_ns(SETTLED_NS)?;
    let before = system.timer_interrupts()?;
    let start = S::ticks();
    let hogged = hog::<S>(start, start + plan.window);
    let after = system.timer_interrupts()?;
    fact(system, row, "interrupts", after.all - before.all);
    fact(system, row, "window", plan.window);
    wrong(system, row, &[hogged]);
    Ok(())
}

/// A CPU with two threads of the same weight.
pub fn shared<S: Threads + Counters>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    let start = S::ticks();
    let alone = hog::<S>(start, start + plan.window);

    let before = system.timer_interrupts()?;
    let switches = system.switches()?;
    let start = S::ticks() + LEAD;
    let end = start + plan.window;
    let other = system.spawn(move || hog::<S>(start, end))?;
    let own = hog::<S>(start, end);
    let other = system.join(other)?;
    let after = system.timer_interrupts()?;
    let switches = system.switches()? - switches;

    // Interrupts outside the window, during the lead, are as dense as those inside.
    let slices = (after.slice - before.slice) * plan.window / (plan.window + LEAD);
    fact(system, "tick-shared", "pieces-alone", alone.pieces);
    fact(system, "tick-shared", "pieces-own", own.pieces);
    fact(system, "tick-shared", "pieces-other", other.pieces);
    fact(system, "tick-shared", "window", plan.window);
    fact(system, "tick-shared", "interrupts", after.all - before.all);
    fact(system, "tick-shared", "switches", switches);
    fact(system, "tick-shared", "slices", slices);
    wrong(system, "tick-shared", &[alone, own, other]);
    Ok(())
}

fn wrong<S: System>(system: &S, row: &str, hogs: &[Hogged]) {
    let wrong = hogs.iter().filter(|hogged| !hogged.is_right()).count();
    fact(system, row, "wrong", wrong as u64);
}
