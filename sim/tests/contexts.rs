//! Reservations and limits on simulated machines: admitted sets miss nothing, refused ones are quoted, and random machines with all
//! kinds of contexts break no rule (rules E3, E10, E13, E14, E16 and E17).

use std::path::Path;

use sched::context::{Binding, Refused};
use sched::{Nanos, Policy};
use sim::campaign::{MOST_EVENTS, run_with};
use sim::{Jobs, Machine, Scenario, generate, input};

fn checked_in(name: &str) -> Scenario {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let loaded = input::load(&folder.join(name)).unwrap_or_else(|errors| panic!("{errors}"));
    loaded.scenario
}

fn read(text: &str) -> Scenario {
    input::toml::read(text, "here").unwrap_or_else(|errors| panic!("{errors}"))
}

/// Runs it under a policy; no rule may break.
fn ran(scenario: &Scenario, policy: Policy) -> Machine {
    let mut scenario = scenario.clone();
    scenario.machine.policy = policy;
    let mut machine = Machine::new(&scenario);
    let outcome = machine.run();
    assert_eq!(outcome.broken, None, "{policy:?}");
    machine
}

#[test]
fn e17_a_set_of_95_hundredths_misses_no_deadline_beside_hogs_and_many_without_reservations() {
    let scenario = checked_in("reserved.toml");
    for policy in Policy::ALL {
        let machine = ran(&scenario, policy);
        let jobs = &machine.jobs()[..3];
        assert!(
            jobs.iter().all(|jobs| jobs.done > 90 && jobs.missed == 0),
            "{jobs:?}"
        );
        assert_eq!(machine.refusals(), []);
        let hogs = machine.runtime_by_kind()[3].1;
        assert!(hogs > Nanos::from_millis(3_000 / 20), "the floor: {hogs}");
        let mut without = scenario.clone();
        without
            .threads
            .iter_mut()
            .for_each(|thread| thread.context = None);
        let missed = |jobs: &Jobs| jobs.missed > jobs.done / 2;
        assert!(ran(&without, policy).jobs()[..3].iter().any(missed));
    }
}

#[test]
fn e4_a_chain_of_servers_works_with_its_callers_reservation_and_no_job_is_late() {
    let scenario = checked_in("chain.toml");
    for policy in Policy::ALL {
        let mut timed = scenario.clone();
        timed.machine.policy = policy;
        let mut machine = Machine::new(&timed);
        machine.supply = Some(sim::supply::Supply::default());
        assert_eq!(machine.run().broken, None, "{policy:?}");
        let [control, poor, ..] = machine.jobs() else {
            panic!("{:?}", machine.jobs());
        };
        assert!(control.done > 190 && control.missed == 0, "{control:?}");
        assert!(poor.done > 15, "{poor:?}");
        assert!(machine.loans() > 2 * control.done, "{} loans", machine.loans());
        for track in machine.supply.iter().flat_map(|supply| supply.tracks()) {
            let most = track.bound() + machine.lateness();
            assert!(track.fullest() <= most, "{} of {most}", track.fullest());
        }
        let mut without = scenario.clone();
        without
            .threads
            .iter_mut()
            .for_each(|thread| thread.context = None);
        assert!(
            ran(&without, policy).jobs()[0].missed > 100,
            "the hogs are in nobody's way"
        );
    }
}

#[test]
fn e14_the_same_of_101_hundredths_is_refused_with_a_quote_that_holds() {
    let mut scenario = checked_in("refused.toml");
    let machine = ran(&scenario, Policy::Eevdf);
    let [refusal] = machine.refusals() else {
        panic!("{:?}", machine.refusals());
    };
    let Refused::DoesNotFit { most, binding, .. } = refusal.refused else {
        panic!("{refusal:?}");
    };
    assert!(matches!(binding, Binding::Parent { .. }), "{binding:?}");
    assert_eq!(most, Some(Nanos::from_micros(10_500)));
    assert!(machine.jobs()[..2].iter().all(|jobs| jobs.missed == 0));
    let vision = &mut scenario.threads[2];
    let asked = vision.context.unwrap();
    vision.context = Some(asked.with_budget(most.unwrap()).unwrap());
    assert_eq!(ran(&scenario, Policy::Eevdf).refusals(), []);
}

#[test]
fn e3_a_limited_hog_has_its_part_and_no_more_and_the_other_the_rest() {
    let scenario = read(
        "duration = '1s'
        [[thread]]
        name = 'limited'
        limit = { budget = '2ms', period = '10ms' }
        program = ['run forever']
        [[thread]]
        name = 'free'
        program = ['run forever']",
    );
    for policy in Policy::ALL {
        let used = ran(&scenario, policy).runtime_by_kind();
        assert_eq!(used[0].1, Nanos::from_millis(200), "{policy:?}");
        assert!(used[1].1 >= Nanos::from_micros(799_900), "{used:?}");
    }
}

#[test]
fn e16_a_demoted_thread_goes_on_by_weight_and_others_keep_their_deadlines() {
    let scenario = read(
        "duration = '1s'
        [[thread]]
        name = 'greedy'
        reserve = { budget = '2ms', period = '10ms', overrun = 'demote' }
        program = ['run forever']
        [[thread]]
        name = 'periodic'
        reserve = { budget = '3ms', period = '10ms' }
        repeat = 'forever'
        program = ['timer beat 10ms absolute', 'run 2900us']
        [[thread]]
        name = 'free'
        program = ['run forever']",
    );
    for policy in Policy::ALL {
        let machine = ran(&scenario, policy);
        assert_eq!(machine.jobs()[1].missed, 0);
        let used = machine.runtime_by_kind();
        // 200 of 1,000 ms by reservation, half of the 500 that are left by weight.
        let off = used[0].1.0.abs_diff(450_000_000);
        assert!(off < 20_000_000, "{policy:?}: {used:?}");
    }
}

#[test]
fn e3_a_thread_that_agreed_to_it_ends_when_it_overruns() {
    let scenario = read(
        "duration = '100ms'
        [[thread]]
        name = 'greedy'
        limit = { budget = '2ms', period = '10ms', overrun = 'fault' }
        program = ['run forever']",
    );
    let machine = ran(&scenario, Policy::Eevdf);
    assert_eq!(machine.summary().living, 0);
    assert_eq!(machine.summary().busy, Nanos::from_millis(2));
}

// 100 and 150 of the first 500 ms are reserved, the hog has the rest; then there are three hogs.
#[test]
fn e10_a_divided_reservation_serves_both_parts_and_is_revoked_with_what_was_carved_out_of_it() {
    let scenario = checked_in("robot.toml");
    for policy in Policy::ALL {
        let machine = ran(&scenario, policy);
        assert_eq!(machine.refusals(), []);
        let used = machine.runtime_by_kind();
        for ((_, used), expected) in used.iter().zip([100 + 167, 150 + 167, 250 + 167]) {
            let off = used.0.abs_diff(expected * 1_000_000);
            assert!(off < 6_000_000, "{policy:?}: {used} instead of {expected} ms");
        }
    }
}

#[test]
fn e10_what_is_in_use_is_not_given_back_and_nothing_is_carved_out_of_what_is_not_there() {
    let text = |first: &str| {
        format!(
            "duration = '100ms'
            [objects]
            contexts = [
                {{ name = 'all', reserve = {{ budget = '8ms', period = '10ms' }} }},
                {{ name = 'part', reserve = {{ budget = '2ms', period = '10ms' }}, from = 'all' }},
                {{ name = 'more', reserve = {{ budget = '4ms', period = '10ms' }} }},
            ]
            [[thread]]
            name = 'holder'
            program = [{first}, 'run forever']
            [[thread]]
            name = 'other'
            start = '1ms'
            program = ['return part', 'return all', 'carve more', 'bind more', 'run forever']"
        )
    };
    // The other is refused while 8 of 10 ms are reserved, and holds what it asks for when they are not.
    for (first, refusals) in [
        ("'carve all', 'carve part', 'bind part'", 1),
        ("'carve all', 'carve part', 'bind part', 'unbind part'", 0),
        ("'carve part', 'carve all', 'bind all', 'bind all'", 2),
        ("'carve all', 'bind all', 'revoke all'", 0),
    ] {
        let machine = ran(&read(&text(first)), Policy::Eevdf);
        assert_eq!(
            machine.refusals().len(),
            refusals,
            "{first}: {:?}",
            machine.refusals()
        );
    }
}

#[test]
fn e13_random_machines_with_contexts_and_faults_break_no_rule() {
    for seed in (7..4_000_u64).step_by(8) {
        let scenario = generate::with_contexts(seed);
        let outcome = run_with(&scenario, |machine| machine.stop_after(MOST_EVENTS));
        assert_eq!(outcome.broken, None, "seed {seed}");
    }
}
