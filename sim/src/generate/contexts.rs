//! Random scenarios whose threads have scheduling contexts: limits and reservations of a part of a millisecond, which end and come back many times in
//! a run. What they draw comes from numbers of their own, so all else is as it would be without.

use sched::{LatencyClass, Nanos, Overrun, Spec, Weight};

use super::{FaultClass, HOGS, faults_of, plain, run};
use crate::random::Random;
use crate::scenario::{
    Arrival, Context, ContextIndex, Deed, EndpointId, Patience, Phase, Program, Scenario, Span, Step, Thread,
    ThreadKind,
};

/// The scenario of a seed, with scheduling contexts for most kinds of its threads.
#[must_use]
pub fn with_contexts(seed: u64) -> Scenario {
    let mut scenario = plain(seed);
    let mut random = Random::new(seed, 0xb0d6e7);
    give_contexts(&mut scenario, &mut random);
    if seed % HOGS != HOGS - 1 && random.below(2) == 0 {
        share_contexts(&mut scenario, &mut random);
    }
    if seed % HOGS != HOGS - 1 && random.below(3) > 0 {
        call_each_other(&mut scenario, &mut random);
    }
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

/// Puts some contexts between the threads: a reservation, one that is carved out of it, one out of that, and a limit. Their programs make,
/// use, take and give them back at any step, and now and then end each other.
fn share_contexts(scenario: &mut Scenario, random: &mut Random) {
    let period = Nanos::from_micros(2_000 + random.below(6_000));
    let part = |spec: Nanos, random: &mut Random| Nanos(spec.0 * (20 + random.below(60)) / 100);
    let mut budget = Nanos(period.0 / 2);
    for number in 0..3_u16 {
        // Who divides may have a shorter period than its part, and gets that back with much of it used.
        let times = *random.one_of(&[1, 1, 3, 10]);
        let [budget_then, period_then] = [budget, period].map(|time| Nanos(time.0 * times));
        let spec = Spec::reservation(budget_then, period_then, Nanos::ZERO, Overrun::Throttle);
        scenario.contexts.extend(spec.ok().map(|spec| Context {
            name: format!("context {number}"),
            spec,
            from: number.checked_sub(1).map(ContextIndex),
        }));
        budget = part(budget, random);
    }
    let limit = Spec::limit(part(period, random), period, Overrun::Throttle);
    scenario.contexts.extend(limit.ok().map(|spec| Context {
        name: "limit".to_owned(),
        spec,
        from: None,
    }));
    let count = scenario.contexts.len() as u64;
    let kinds = scenario.threads.len() as u64;
    for thread in &mut scenario.threads {
        // Who has a context from the start on can use no other.
        if random.below(4) > 0 {
            thread.context = None;
        }
        for phase in &mut thread.program.phases {
            for _ in 0..random.below(4) {
                let place = random.below(phase.steps.len() as u64 + 1) as usize;
                let context = ContextIndex(random.below(count) as u16);
                let steps = match random.below(12) {
                    0 => vec![Step::Kill(ThreadKind(random.below(kinds) as u16))],
                    1 => vec![Step::Context(Deed::Revoke, context)],
                    2 => vec![Step::Context(Deed::Return, context)],
                    3 | 4 => vec![Step::Context(Deed::Unbind, context)],
                    5 | 6 => vec![Step::Context(Deed::Carve, context)],
                    7 | 8 => vec![Step::Context(Deed::Bind, context)],
                    _ => [Deed::Carve, Deed::Bind]
                        .map(|deed| Step::Context(deed, context))
                        .to_vec(),
                };
                phase.steps.splice(place..place, steps);
            }
        }
    }
}

/// Turns some kinds of threads into servers without time of their own, in a chain: the first is called by all others, each calls the next,
/// and whoever is behind the last but one may as well call the first, or never answer.
fn call_each_other(scenario: &mut Scenario, random: &mut Random) {
    let servers = 1 + random.below(3) as u16;
    let first = scenario.endpoints.len() as u16;
    scenario
        .endpoints
        .extend((0..servers).map(|number| format!("chain {number}")));
    let call = |random: &mut Random, endpoint: u16| {
        let most = 1 << (5 + random.below(8));
        let span = Nanos::from_micros(5 + random.below(most));
        let patience = match random.below(6) {
            0 => Patience::Within(span),
            1..=3 => Patience::For(span),
            _ => Patience::Unbounded,
        };
        Step::Call(EndpointId(first + endpoint), patience)
    };
    for thread in &mut scenario.threads {
        for phase in &mut thread.program.phases {
            for _ in 0..1 + random.below(3) {
                let place = random.below(phase.steps.len() as u64 + 1) as usize;
                let endpoint = random.below(2).min(u64::from(servers) - 1) as u16;
                phase.steps.insert(place, call(random, endpoint));
            }
        }
    }
    for number in 0..servers {
        let mut steps = vec![Step::Serve(EndpointId(first + number)), Step::Run(run(random))];
        if number + 1 < servers {
            steps.push(call(random, number + 1));
        } else if random.below(4) == 0 {
            // It waits for itself, or for whoever waits for it.
            steps.push(call(random, 0));
        }
        steps.push(Step::Run(run(random)));
        if random.below(12) == 0 {
            steps.push(Step::Run(Span::FOREVER));
        }
        scenario.threads.push(Thread {
            name: format!("server {number}"),
            process: 1,
            weight: Weight::new(1 << random.below(11)).unwrap_or_default(),
            class: LatencyClass::IpcServer,
            affinity: (random.below(3) == 0).then(|| random.one_of(&scenario.masks).clone()),
            context: None,
            arrival: Arrival::At {
                start: Nanos(random.below(2_000_000)),
                count: 1 + random.below(2) as u32,
            },
            program: Program {
                phases: vec![Phase {
                    name: String::new(),
                    repeat: None,
                    steps,
                }],
                repeat: None,
            },
        });
    }
}
