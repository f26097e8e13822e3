//! SCHED_DEADLINE runs as a reservation: what the numbers come to, by today's names and by those of older versions, and what is refused.

use sched::context::capacity::Binding;
use sched::context::{Kind, Refused};
use sched::{LatencyClass, Nanos, Overrun, Spec, Weight};
use sim::Machine;

use crate::support::{complaints, good, notes_of, threads};

fn reservation(micros: [u64; 3]) -> Option<Spec> {
    let [budget, period, deadline] = micros.map(Nanos::from_micros);
    Spec::reservation(budget, period, deadline, Overrun::Throttle).ok()
}

/// The context of a task with these keys.
#[track_caller]
fn context(keys: &str) -> Option<Spec> {
    threads(&format!(
        r#""t" : {{ "policy" : "SCHED_DEADLINE", {keys}, "run" : 1 }}"#
    ))[0]
        .context
}

#[test]
fn l2_the_period_is_usually_the_runtime_and_the_deadline_the_period() {
    for (keys, expected) in [
        (
            r#""dl-runtime" : 2000, "dl-period" : 10000, "dl-deadline" : 5000"#,
            [2_000, 10_000, 5_000],
        ),
        (
            r#""dl-runtime" : 2000, "dl-period" : 10000"#,
            [2_000, 10_000, 10_000],
        ),
        (r#""dl-runtime" : 200"#, [200, 200, 200]),
    ] {
        assert_eq!(context(keys), reservation(expected), "{keys}");
    }
    let text = r#"{ "global" : { "default_policy" : "SCHED_DEADLINE" },
        "tasks" : { "t" : { "instance" : 2, "dl-runtime" : 100, "dl-period" : 1000, "run" : 1 },
                    "other" : { "policy" : "SCHED_OTHER", "run" : 1 } } }"#;
    let threads = good(text).0.threads;
    assert_eq!(threads[0].context, reservation([100, 1_000, 1_000]));
    assert_eq!(threads[0].context.unwrap().kind(), Kind::Reservation);
    assert_eq!(
        (threads[0].weight, threads[0].class),
        (Weight::DEFAULT, LatencyClass::Normal)
    );
    assert_eq!(threads[1].context, None);
}

#[test]
fn l2_names_of_older_versions_count_where_those_of_today_say_nothing() {
    let phases = r#""phases" : { "p" : { "run" : 1 } }"#;
    let old = |keys: &str| {
        let task = format!(r#""t" : {{ "policy" : "SCHED_DEADLINE", {keys}, {phases} }}"#);
        threads(&task)[0].context
    };
    let keys = r#""runtime" : 300, "period" : 4000, "deadline" : 900"#;
    assert_eq!(old(keys), reservation([300, 4_000, 900]));
    assert_eq!(old(r#""runtime" : 300"#), reservation([300, 300, 300]));
    assert_eq!(
        old(r#""dl-runtime" : 0, "runtime" : 300, "dl-period" : 500"#),
        reservation([300, 500, 500])
    );
    // A runtime that is known makes the period known.
    assert_eq!(
        old(r#""dl-runtime" : 300, "period" : 4000"#),
        reservation([300, 300, 300])
    );
    let text = format!(
        r#"{{ "tasks" : {{ "t" : {{ "policy" : "SCHED_DEADLINE", "dl-runtime" : 300, "period" : 4000, {phases} }} }} }}"#
    );
    let ignored =
        "1:72: `period` is not looked at, as by rt-app: the keys that begin with `dl-` say it already";
    assert!(
        notes_of(&text).contains(&ignored.to_owned()),
        "{:?}",
        notes_of(&text)
    );
}

#[test]
fn l2_an_old_runtime_beside_no_phases_is_an_event_as_well() {
    let text = r#""t" : { "policy" : "SCHED_DEADLINE", "runtime" : 2000, "period" : 9000 }"#;
    let thread = &threads(text)[0];
    assert_eq!(thread.context, reservation([2_000, 9_000, 9_000]));
    assert_eq!(thread.program.phases[0].steps, [crate::support::run(2_000)]);
    let twice =
        r#"{ "tasks" : { "t" : { "policy" : "SCHED_DEADLINE", "runtime" : 2000, "runtime" : 1000 } } }"#;
    assert_eq!(
        complaints(twice),
        ["1:70: which `runtime` is the budget is not clear; say it by `dl-runtime`"]
    );
}

#[test]
fn l2_numbers_that_linux_or_a_reservation_cannot_have_are_refused_where_they_are() {
    let refused = |keys: &str| {
        let text =
            format!(r#"{{ "tasks" : {{ "t" : {{ "run" : 1, "policy" : "SCHED_DEADLINE", {keys} }} }} }}"#);
        complaints(&text)
    };
    for (keys, expected) in [
        (
            r#""priority" : 0"#,
            "1:45: SCHED_DEADLINE needs a `dl-runtime` of more than 0: Linux refuses it without",
        ),
        (
            r#""dl-runtime" : 99, "dl-period" : 1000"#,
            "1:63: a runtime of 99 us is too small: the least budget is 100 us",
        ),
        (
            r#""dl-runtime" : 2000, "dl-period" : 1000"#,
            "1:63: a runtime of 2000 us is more than the deadline of 1000 us: Linux refuses it, too",
        ),
        (
            r#""dl-runtime" : 200, "dl-period" : 1000, "dl-deadline" : 2000"#,
            "1:103: a deadline of 2000 us is after the period of 1000 us: Linux refuses it, too",
        ),
        (
            r#""dl-runtime" : 200, "dl-period" : 10000001"#,
            "1:83: a period of 10000001 us is too long: the longest is 10000000 us",
        ),
        (
            r#""dl-runtime" : -200, "dl-period" : "1000""#,
            "1:78: `dl-runtime` must not be below 0: Linux refuses it",
        ),
    ] {
        assert_eq!(refused(keys)[0], expected, "{keys}");
    }
    let long = r#"{ "tasks" : { "t" : { "run" : 1, "policy" : "SCHED_DEADLINE", "dl-runtime" : 200, "dl-period" : 4194305 } } }"#;
    let note = "1:83: Linux refuses periods above 4194304 us unless it is told otherwise";
    assert!(notes_of(long).contains(&note.to_owned()), "{:?}", notes_of(long));
}

#[test]
fn l2_a_phase_may_repeat_the_reservation_of_its_task_and_not_change_it() {
    let with = |phase: &str| {
        format!(
            r#"{{ "tasks" : {{ "t" : {{ "policy" : "SCHED_DEADLINE", "dl-runtime" : 200, "dl-period" : 1000,
            "phases" : {{ "p" : {{ {phase} "run" : 1 }} }} }} }} }}"#
        )
    };
    let (scenario, _) = good(&with(r#""dl-runtime" : 200, "dl-period" : 1000,"#));
    assert_eq!(scenario.threads[0].program.phases.len(), 1);
    let message =
        "a phase cannot change what its task has reserved: SCHED_DEADLINE and its numbers are the task's";
    let at = format!("2:34: {message}");
    for phase in [
        r#""dl-runtime" : 300, "dl-period" : 1000,"#,
        r#""dl-runtime" : 200,"#,
    ] {
        assert_eq!(complaints(&with(phase)), *core::slice::from_ref(&at), "{phase}");
    }
    let at = format!("2:45: {message}");
    assert_eq!(complaints(&with(r#""policy" : "SCHED_OTHER","#)), [at]);
}

#[test]
fn e14_sets_of_rt_app_are_admitted_served_and_refused_as_others_are() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/deadlines.json");
    let scenario = sim::input::load(path.as_ref())
        .unwrap_or_else(|errors| panic!("{errors}"))
        .scenario;
    let mut machine = Machine::new(&scenario);
    assert_eq!(machine.run().broken, None);
    for jobs in &machine.jobs()[..3] {
        assert!(jobs.done >= 99 && jobs.missed == 0, "{:?}", machine.jobs());
    }
    let [refusal] = machine.refusals() else {
        panic!("{:?}", machine.refusals());
    };
    assert_eq!(refusal.kind.0, 3);
    let Refused::DoesNotFit { binding, .. } = refusal.refused else {
        panic!("{refusal:?}");
    };
    assert!(matches!(binding, Binding::Parent { .. }), "{binding:?}");
    assert!(machine.runtime_by_kind()[4].1 > Nanos::from_millis(150));
}
