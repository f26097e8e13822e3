//! The bounded campaign of every test run, and what campaigns found before.

use std::num::NonZeroUsize;
use std::time::Duration;

use sim::campaign::{self, Campaign, MOST_EVENTS};
use sim::scenario::Strategy;
use sim::{Machine, Rule, Sabotage, choose, generate, input, shrink};

#[test]
fn l1_two_thousand_seeds_break_no_rule_and_repeat_exactly() {
    let campaign = Campaign {
        first: 0,
        seeds: 2_000,
        workers: NonZeroUsize::MIN.saturating_add(1),
        limit: Duration::from_secs(3_600),
    };
    let report = campaign.run(|_, _| {});
    let failures: Vec<String> = report
        .failures
        .iter()
        .map(|failure| format!("./x sim replay {}: {}", failure.seed, failure.broken))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(report.seeds, 2_000);
    assert!(report.canary_caught, "a machine that loses wake-ups passed");
    let (seen, possible) = (report.coverage.seen(), report.coverage.possible());
    assert!(
        seen * 100 >= possible * 87,
        "only {seen} of {possible} pairs of steps: {:?}",
        report.coverage.missing().collect::<Vec<_>>()
    );
}

#[test]
fn l1_what_was_found_once_stays_mended() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions");
    let mut tried = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let scenario = input::load(&file)
            .unwrap_or_else(|errors| panic!("{errors}"))
            .scenario;
        let (broken, _) = campaign::run_twice(&scenario);
        assert_eq!(broken, None, "{}", file.display());
        tried += 1;
    }
    assert!(tried > 0, "no scenario is kept in {folder}");
}

/// A failure of a campaign becomes a few lines that break the same rule.
#[test]
fn l1_failures_shrink_to_a_few_steps_that_break_the_same_rule() {
    let mut shrunk = 0;
    for seed in 0..40 {
        let scenario = generate::scenario(seed);
        let sabotaged = |scenario: &sim::Scenario| {
            let outcome = campaign::run_with(scenario, |machine| {
                machine.sabotage(Sabotage::LoseAWake);
                machine.stop_after(MOST_EVENTS);
            });
            outcome
                .broken
                .filter(|broken| broken.rule == Rule::NoWakeUpIsLost)
        };
        let Some(small) = shrink::shrink(&scenario, Duration::from_secs(60), sabotaged) else {
            continue;
        };
        shrunk += 1;
        assert_eq!(small.broken.rule, Rule::NoWakeUpIsLost);
        let (before, after) = (shrink::size(&scenario), shrink::size(&small.scenario));
        assert!(
            after <= 8 && after < before,
            "seed {seed}: {before} became {after}"
        );
        let again = input::toml::read(&input::toml::write(&small.scenario), "small.toml").unwrap();
        assert!(
            sabotaged(&again).is_some(),
            "seed {seed}: its file breaks nothing"
        );
        if shrunk == 5 {
            return;
        }
    }
    panic!("only {shrunk} of the seeds lost a wake-up that mattered");
}

#[test]
fn l1_every_order_of_a_small_machines_first_choices_holds() {
    let text = "
        duration = '300us'
        machine = { cpus = 2, step = '100ns', ipi_delay = '200ns' }
        explore = { window = '150ns' }
        [objects]
        locks = ['m']
        [[thread]]
        name = 'locker'
        instances = 3
        program = ['lock m', 'run 5us', 'unlock m', 'run 3us']
    ";
    let mut scenario = input::toml::read(text, "orders.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let (mut decisions, mut runs) = (Vec::new(), 0);
    let mut endings = std::collections::BTreeSet::new();
    loop {
        scenario.explore.strategy = Strategy::Given(decisions);
        let outcome = campaign::run(&scenario);
        assert_eq!(outcome.broken, None);
        endings.insert(outcome.fingerprint);
        runs += 1;
        match choose::next_decisions(&outcome.choices, 9) {
            Some(next) => decisions = next,
            None => break,
        }
    }
    assert!(
        runs >= 256 && endings.len() > 64,
        "{runs} orders, {} endings",
        endings.len()
    );
}

/// The rules hold under each policy with the time it takes to see everything after every event.
#[test]
fn l1_looking_at_everything_after_every_event_changes_nothing() {
    for seed in 0..20 {
        let scenario = generate::scenario(seed);
        let run = |every| {
            let mut machine = Machine::new(&scenario);
            machine.stop_after(3_000);
            machine.audit_every(every);
            machine.run()
        };
        let (often, seldom) = (run(1), run(1_000_000));
        assert_eq!(often.broken, None, "seed {seed}");
        assert_eq!(often.fingerprint, seldom.fingerprint, "seed {seed}");
    }
}
