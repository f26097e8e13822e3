//! Every rule of the audit can be broken, and is noticed when it is.

use std::collections::BTreeMap;

use sim::campaign::{self, MOST_EVENTS, run_with};
use sim::{Broken, Rule, Sabotage, generate};

/// What each of some seeds breaks under a mistake.
fn broken_by(sabotage: Sabotage, seeds: core::ops::Range<u64>) -> Vec<Broken> {
    let runs = seeds.map(|seed| {
        run_with(&generate::scenario(seed), |machine| {
            machine.sabotage(sabotage);
            machine.stop_after(MOST_EVENTS);
        })
    });
    runs.filter_map(|outcome| outcome.broken).collect()
}

/// The rule that a scenario breaks when the machine makes this mistake.
fn broken_in(text: &str, name: &str, sabotage: Sabotage) -> Option<Broken> {
    let scenario = sim::input::toml::read(text, name).unwrap_or_else(|errors| panic!("{errors}"));
    run_with(&scenario, |machine| machine.sabotage(sabotage)).broken
}

/// Two threads that want one CPU for a second: random scenarios are too short for somebody to fall behind.
fn two_hogs(sabotage: Sabotage) -> Option<Broken> {
    let text = "
        duration = '1s'
        machine = { cpus = 1 }
        [[thread]]
        name = 'hog'
        instances = 2
        repeat = 'forever'
        program = ['run 50ms']
    ";
    broken_in(text, "two hogs", sabotage)
}

/// Three threads that want two CPUs for ten seconds: no CPU of them can be shared fairly for ever.
fn three_hogs(sabotage: Sabotage) -> Option<Broken> {
    let text = "
        duration = '10s'
        machine = { cpus = 2 }
        [[thread]]
        name = 'hog'
        instances = 3
        program = ['run forever']
    ";
    broken_in(text, "three hogs", sabotage)
}

/// Three threads that have reserved half of a CPU each, if that is granted; two come to their end.
fn three_halves(sabotage: Sabotage) -> Option<Broken> {
    let text = "
        duration = '1s'
        machine = { cpus = 1 }
        [[thread]]
        name = 'half'
        instances = 3
        reserve = { budget = '2ms', period = '4ms' }
        repeat = 30
        program = ['run 10ms']
    ";
    broken_in(text, "three halves", sabotage)
}

/// A limited thread that uses up its budget and sleeps for a moment, again and again.
fn dozer(sabotage: Sabotage) -> Option<Broken> {
    let text = "
        duration = '100ms'
        machine = { cpus = 1 }
        [[thread]]
        name = 'dozer'
        limit = { budget = '1ms', period = '4ms' }
        repeat = 'forever'
        program = ['run 990us', 'sleep 10us']
    ";
    broken_in(text, "dozer", sabotage)
}

#[test]
fn l1_every_mistake_of_the_machine_is_noticed_by_the_rule_it_breaks() {
    for sabotage in Sabotage::ALL {
        let mut noticed: BTreeMap<Rule, u32> = BTreeMap::new();
        for broken in broken_by(sabotage, 0..60)
            .into_iter()
            .chain(two_hogs(sabotage))
            .chain(three_hogs(sabotage))
            .chain(three_halves(sabotage))
            .chain(dozer(sabotage))
        {
            *noticed.entry(broken.rule).or_default() += 1;
        }
        let right = noticed.keys().any(|rule| sabotage.breaks().contains(rule));
        assert!(right, "{sabotage:?} was noticed as {noticed:?}");
    }
}

#[test]
fn l1_a_healthy_machine_breaks_nothing_with_the_same_seeds() {
    for seed in 0..60 {
        let outcome = run_with(&generate::scenario(seed), |machine| {
            machine.stop_after(MOST_EVENTS)
        });
        assert_eq!(outcome.broken, None, "seed {seed}");
    }
}

#[test]
fn l1_a_panic_is_a_finding() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = run_with(&generate::scenario(0), |_| panic!("on purpose"));
    std::panic::set_hook(hook);
    let broken = outcome.broken.unwrap();
    assert_eq!(
        (broken.rule, broken.evidence.as_str()),
        (Rule::NoPanic, "on purpose")
    );
}

#[test]
fn l1_two_runs_that_differ_are_a_finding() {
    let run = |seed| run_with(&generate::scenario(seed), |machine| machine.stop_after(1_000));
    assert_eq!(campaign::compared(&run(1), &run(1)), None);
    let broken = campaign::compared(&run(1), &run(2)).unwrap();
    assert_eq!(broken.rule, Rule::RunsAreRepeatable);
}
