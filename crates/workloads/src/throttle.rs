//! N10: a thread that always wants to run, and may for 1 ms in every 10: what ending and renewing its budget costs, how regularly
//! it gets it, and how far it gets beyond it.
//!
//! It looks at the clock in every step of its work, so it sees when it was stopped and went on: to the length of a step. A second thread
//! works whenever the first may not. What both finish less than one alone is what the kernel took for it. Under a limit
//! the first goes before the second by its class; a reservation says so by itself.

use alloc::vec::Vec;

use crate::hog::{steps, steps_at_once};
use crate::plan::{Plan, fact};
use crate::system::{Budget, Budgets, Kind, System, Threads};

const BUDGET_NS: u64 = 1_000_000;
const PERIOD_NS: u64 = 10_000_000;

/// Periods that are looked at.
const PERIODS: u64 = 50;

/// Ticks from now on until that begins: long enough for a thread to start and to use its first budget.
const LEAD: u64 = 30_000_000;

/// Ticks without a look at the clock after which the thread was stopped, and not just interrupted.
const STOPPED: u64 = 100_000;

/// Room for stretches of work: a thread that is stopped more often than this is stopped for another reason, too.
const MOST_STRETCHES: usize = 4 * PERIODS as usize;

/// A time in which the thread was not stopped: its first and its last look at the clock.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: u64,
    to: u64,
}

/// What a thread did.
struct Worked {
    /// Steps between `start` and `end`.
    steps: u64,
    all_steps: u64,
    state: u64,
    stretches: Vec<Stretch>,
}

impl Worked {
    /// Whether it did what it says it did, and all stretches are there.
    fn is_right(&self) -> bool {
        self.steps > 0
            && self.state == steps_at_once(1, self.all_steps)
            && self.stretches.len() < MOST_STRETCHES
    }
}

/// Works from now on to the tick `end`, and counts from the tick `start` on. One copy of the code for all threads: what
/// one does is compared with what another does.
#[inline(never)]
fn work<S: System>(start: u64, end: u64) -> Worked {
    let mut stretches: Vec<Stretch> = Vec::with_capacity(MOST_STRETCHES);
    let (mut state, mut within, mut all_steps, mut last) = (1, 0, 0, 0);
    loop {
        let now = S::ticks();
        if now >= end {
            break;
        }
        if now - last > STOPPED {
            begin(&mut stretches, last, now);
        }
        last = now;
        state = steps(state, 1);
        all_steps += 1;
        within += u64::from(now >= start);
    }
    if let Some(stretch) = stretches.last_mut() {
        stretch.to = last;
    }
    Worked {
        steps: within,
        all_steps,
        state,
        stretches,
    }
}

/// A stretch begins, and the one before it has ended.
#[cold]
#[inline(never)]
fn begin(stretches: &mut Vec<Stretch>, last: u64, now: u64) {
    if let Some(stretch) = stretches.last_mut() {
        stretch.to = last;
    }
    if stretches.len() < MOST_STRETCHES {
        stretches.push(Stretch { from: now, to: now });
    }
}

/// Measures both threads, the first with a budget of this kind.
pub fn measure<S: Threads + Budgets>(system: &S, row: &str, kind: Kind) -> Result<(), S::Error> {
    let window = PERIODS * PERIOD_NS;
    let start = S::ticks();
    let alone = work::<S>(start, start + window);

    let start = S::ticks() + LEAD;
    let end = start + window;
    let held = {
        let system = *system;
        system.spawn(move || {
            if kind == Kind::Limit {
                system.become_urgent()?;
            }
            let budget = Budget {
                kind,
                time_ns: BUDGET_NS,
                period_ns: PERIOD_NS,
            };
            system.with_budget(budget, || work::<S>(start, end))
        })?
    };
    let other = work::<S>(start, end);
    let held = system.join(held)??;

    for (name, worked) in [("alone", &alone), ("held", &held), ("other", &other)] {
        system.line(format_args!("@fact {row} steps-{name} {}", worked.steps));
    }
    let stretches = held.stretches.iter().filter(|stretch| stretch.from >= start);
    for (place, stretch) in stretches.enumerate() {
        let (began, lasted) = (stretch.from - start, stretch.to - stretch.from);
        system.line(format_args!("@fact {row} began-{place} {began}"));
        system.line(format_args!("@fact {row} lasted-{place} {lasted}"));
    }
    fact(system, row, "window", window);
    fact(system, row, "budget", BUDGET_NS);
    fact(system, row, "period", PERIOD_NS);
    let all = [&alone, &held, &other];
    let wrong = all.iter().filter(|worked| !worked.is_right()).count();
    fact(system, row, "wrong", wrong as u64);
    Ok(())
}

/// By a limit.
pub fn limited<S: Threads + Budgets>(system: &S, _plan: &Plan) -> Result<(), S::Error> {
    measure(system, "throttle-limit", Kind::Limit)
}

/// By a reservation.
pub fn reserved<S: Threads + Budgets>(system: &S, _plan: &Plan) -> Result<(), S::Error> {
    measure(system, "throttle-reservation", Kind::Reservation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n10_a_thread_that_claims_a_step_too_many_is_caught() {
        let worked = |all_steps| Worked {
            steps: 10,
            all_steps,
            state: steps(1, 12),
            stretches: Vec::new(),
        };
        assert!(worked(12).is_right());
        assert!(!worked(13).is_right());
    }

    #[test]
    fn n10_a_stretch_ends_with_the_last_look_before_the_thread_was_stopped() {
        let mut stretches = Vec::new();
        begin(&mut stretches, 0, 7);
        begin(&mut stretches, 9, 1_000_000);
        let seen: Vec<(u64, u64)> = stretches
            .iter()
            .map(|stretch| (stretch.from, stretch.to))
            .collect();
        assert_eq!(seen, [(7, 9), (1_000_000, 1_000_000)]);
    }
}
