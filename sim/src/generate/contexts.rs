//! Random scenarios whose threads have scheduling contexts: limits and reservations of a part of a millisecond, which end and come back many times in
//! a run. What they draw comes from numbers of their own, so all else is as it would be without.

use sched::{Nanos, Overrun, Spec};

use super::{FaultClass, faults_of, plain};
use crate::random::Random;
use crate::scenario::Scenario;

/// The scenario of a seed, with scheduling contexts for most kinds of its threads.
#[must_use]
pub fn with_contexts(seed: u64) -> Scenario {
    let mut scenario = plain(seed);
    let mut random = Random::new(seed, 0xb0d6e7);
    give_contexts(&mut scenario, &mut random);
    if seed % LATE_TIMERS == LATE_TIMERS - 1 {
        scenario.faults = faults_of(FaultClass::LateTimers, &mut random);
    }
    scenario
}

/// One of so many scenarios with contexts has [`FaultClass::LateTimers`] instead of the class of its seed.
const LATE_TIMERS: u64 = 7;

/// Gives most kinds of threads a limit or a reservation.
fn give_contexts(scenario: &mut Scenario, random: &mut Random) {
    for thread in &mut scenario.threads {
        let budget = Nanos::from_micros(100 + random.below(900));
        let period = Nanos(budget.0 * (1 + random.below(8)));
        let deadline = Nanos(budget.0 + random.below(period.0 - budget.0 + 1));
        let overrun = *random.one_of(&[
            Overrun::Throttle,
            Overrun::Throttle,
            Overrun::Demote,
            Overrun::Fault,
        ]);
        let spec = match random.below(3) {
            0 => Spec::limit(budget, period, overrun),
            1 => Spec::reservation(budget, period, deadline, overrun),
            _ => continue,
        };
        // A limit that could be overrun by weight is refused, and its thread has none.
        thread.context = spec.ok();
    }
}
