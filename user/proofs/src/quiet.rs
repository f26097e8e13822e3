//! A1, F3: nothing ticks. While one thread computes and everybody else sleeps for ever, no CPU takes a timer interrupt,
//! neither the idle ones nor the busy one; when something does wait for time, each interrupt has its reason.

use alloc::vec::Vec;

use rt::Env;
use rt::monitor::Monitor;
use rt::time::Timer;

use crate::ensure;
use crate::tools::{Wrong, compute_for, cpus};

const MS: u64 = 1_000_000;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let (timer, monitor): (Timer, Monitor) = (env.first()?, env.first()?);
    let interrupts = || cpus(&monitor, |cpu| cpu.get_timer_interrupts());
    // Whatever boot armed may fire once.
    compute_for(&timer, 50 * MS)?;
    let before = interrupts()?;
    compute_for(&timer, 300 * MS)?;
    let after = interrupts()?;
    ensure!(
        before == after,
        "nobody waits for time, and timer interrupts went from {before:?} to {after:?}"
    );

    far_deadlines_cost_next_to_nothing(&timer, &monitor)?;

    const SLEEPS: u64 = 20;
    let reasons = || {
        cpus(&monitor, |cpu| {
            let with_reason = [
                cpu.get_timer_sleep(),
                cpu.get_timer_slice(),
                cpu.get_timer_spurious(),
            ];
            (cpu.get_timer_interrupts(), with_reason)
        })
    };
    let before = reasons()?;
    for _ in 0..SLEEPS {
        timer.sleep_ns(MS)?;
    }
    let after = reasons()?;
    let taken: Vec<(u64, u64, u64)> = before
        .iter()
        .zip(&after)
        .map(|(before, after)| {
            let all = after.1.iter().sum::<u64>() - before.1.iter().sum::<u64>();
            (after.0 - before.0, all, after.1[0] - before.1[0])
        })
        .collect();
    let sleeps: u64 = taken.iter().map(|(.., sleeps)| sleeps).sum();
    let interrupts: u64 = taken.iter().map(|(interrupts, ..)| interrupts).sum();
    ensure!(
        sleeps == SLEEPS && interrupts <= 2 * SLEEPS,
        "{SLEEPS} sleeps took {interrupts} timer interrupts, {sleeps} of them for deadlines"
    );
    ensure!(
        taken.iter().all(|(interrupts, reasons, _)| reasons >= interrupts),
        "interrupts without a reason: {taken:?}"
    );
    Ok(())
}

/// Who waits for an hour, for a century or for as long as a number can say keeps nobody busy meanwhile, though no timer counts that far.
fn far_deadlines_cost_next_to_nothing(timer: &Timer, monitor: &Monitor) -> Result<(), Wrong> {
    const HOUR: u64 = 3_600_000 * MS;
    let interrupts = || -> Result<u64, Wrong> {
        let all = cpus(monitor, |cpu| cpu.get_timer_interrupts())?;
        Ok(all.iter().sum())
    };
    let sleeps = [HOUR, 876_600 * HOUR, u64::MAX - MS, u64::MAX].map(|duration| timer.start_sleep(duration));
    let before = interrupts()?;
    compute_for(timer, 300 * MS)?;
    let taken = interrupts()? - before;
    ensure!(
        taken <= 1,
        "four sleeps that are far from over took {taken} timer interrupts in 300 ms"
    );
    for sleep in sleeps {
        ensure!(!sleep?.is_ready(), "a sleep of an hour or more is over");
    }
    Ok(())
}
