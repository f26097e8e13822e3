//! What each key and event comes to.

use sched::{LatencyClass, Nanos};
use sim::scenario::{Arrival, Barrier, Span, Step, Timer, TimerId};

use crate::support::{complaints, good, notes_of, programs, threads};

#[test]
fn l2_locks_conditions_and_resumes_are_what_rt_app_makes_of_them() {
    let text = programs(
        r#""a" : { "lock" : "m", "wait" : { "ref" : "c", "mutex" : "m" }, "unlock" : "m", "suspend" : "a" },
           "b" : { "lock1" : "m", "sync" : { "ref" : "c", "mutex" : "m" }, "unlock1" : "m",
                   "signal" : "c", "broad" : "c", "resume" : "a", "sync2" : { "ref" : "c", "mutex" : "m" } }"#,
    );
    assert_eq!(
        text,
        r#"[[thread]]
repeat = "forever"
program = ["lock m", "wait c m", "unlock m", "lock a", "wait a a", "unlock a"]
[[thread]]
repeat = "forever"
program = [
    "lock m",
    "signal c",
    "wait c m",
    "unlock m",
    "signal c",
    "broadcast c",
    "lock a",
    "broadcast a",
    "unlock a",
    "lock m",
    "signal c",
    "wait c m",
    "unlock m",
]"#
    );
}

#[test]
fn l2_a_wait_without_its_lock_and_a_signal_to_nobody_are_noted() {
    let notes = notes_of(
        r#"{ "global" : { "duration" : 1 }, "tasks" : { "t" : { "instance" : 2,
            "wait" : { "ref" : "c", "mutex" : "m" }, "signal" : "d", "resume" : "x" } } }"#,
    );
    assert_eq!(
        notes[1..],
        [
            "2:13: `m` is not locked before this wait; it is locked around it",
            "2:54: nobody ever waits as `d`",
            "2:70: nobody ever waits as `x`",
        ]
    );
}

#[test]
fn l2_suspend_under_another_name_works_as_in_version_1_0() {
    let text = r#"{ "tasks" : { "left" : { "suspend" : "both", "run" : 1 }, "right" : { "suspend" : "both", "run" : 2 },
        "waker" : { "resume" : "both", "sleep" : 1000 } } }"#;
    let (scenario, notes) = good(text);
    assert_eq!(scenario.conditions, ["both"]);
    let differs = notes
        .iter()
        .filter(|note| note.message.contains("versions since 2025"));
    assert_eq!(differs.count(), 2);
}

#[test]
fn l2_timers_are_shared_unless_they_are_unique_and_absolute_everywhere_if_anywhere() {
    let timer = |name: &str, mode: &str| format!(r#""timer" : {{ "ref" : "{name}", "period" : 10 {mode} }}"#);
    let absolute = r#", "mode" : "absolute""#;
    let (scenario, _) = good(&format!(
        r#"{{ "tasks" : {{ "a" : {{ {}, {}, {} }}, "b" : {{ {}, {} }} }} }}"#,
        timer("tick", ""),
        timer("unique", absolute),
        timer("uniqueB", ", \"mode\" : \"relative\""),
        timer("tick", absolute),
        timer("unique", ""),
    ));
    let timers = [("tick", true), ("unique", false), ("uniqueB", false)].map(|(name, shared)| Timer {
        name: name.to_owned(),
        shared,
    });
    assert_eq!(scenario.timers, timers);
    let modes = |thread: usize| {
        let steps = &scenario.threads[thread].program.phases[0].steps;
        let modes = steps.iter().filter_map(|step| match step {
            Step::Timer { absolute, .. } => Some(*absolute),
            _ => None,
        });
        modes.collect::<Vec<_>>()
    };
    assert_eq!((modes(0), modes(1)), (vec![true, true, false], vec![true, false]));
    let still = notes_of(r#"{ "tasks" : { "t" : { "run" : 1, "timer" : { "period" : 0 } } } }"#);
    assert!(
        still
            .iter()
            .any(|note| note.contains("`timer` has no `ref`; rt-app calls it `unknown`"))
    );
    assert!(
        still
            .iter()
            .any(|note| note.contains("period of 0 and never waits"))
    );
}

#[test]
fn l2_barriers_are_as_large_as_their_users_are_many() {
    let (scenario, notes) = good(
        r#"{ "tasks" : { "a" : { "instance" : 3, "barrier1" : "meet" }, "b" : { "barrier" : "meet", "run" : 1,
            "barrier2" : "alone", "barrier3" : "alone" } } }"#,
    );
    let sizes = [("meet", 4), ("alone", 2)].map(|(name, size)| Barrier {
        name: name.to_owned(),
        size,
    });
    assert_eq!(scenario.barriers, sizes);
    assert!(
        notes
            .iter()
            .any(|note| note.message.contains("names the barrier `alone` twice"))
    );
}

#[test]
fn l2_forks_start_tasks_that_do_not_start_by_themselves() {
    let threads = threads(
        r#""child" : { "instance" : 0, "run" : 1, "loop" : 1 }, "parent" : { "fork" : "child", "sleep" : 1, "loop" : 1 }"#,
    );
    assert_eq!(threads[0].arrival, Arrival::Forked);
    assert_eq!(threads[1].program.phases[0].steps.len(), 2);
    assert_eq!(
        complaints(
            r#"{ "tasks" : {
            "child" : { "instance" : 0, "delay" : 5, "barrier" : "b" },
            "parent" : { "fork" : "child", "fork2" : "chlid", "fork3" : "Child" } } }"#
        ),
        [
            "2:41: `delay` in a task that is forked is not supported: rt-app counts it from the start of everything",
            "2:54: `barrier` in a task that is forked: nobody knows how many come to `b`",
            "3:44: `fork` names no task: there is no `chlid`",
            "3:63: `fork` names no task: there is no `Child`",
        ]
    );
}

#[test]
fn l2_nice_levels_and_policies_become_weights_and_classes() {
    let policy = |keys: &str| {
        let thread = threads(&format!(r#""t" : {{ {keys} "run" : 1 }}"#)).remove(0);
        (thread.weight.get(), thread.class)
    };
    assert_eq!(policy(""), (64, LatencyClass::Normal));
    assert_eq!(policy(r#""priority" : -5,"#), (195, LatencyClass::Normal));
    assert_eq!(policy(r#""priority" : 19,"#), (1, LatencyClass::Normal));
    let batch = r#""policy" : "SCHED_BATCH", "priority" : 5,"#;
    assert_eq!(policy(batch), (21, LatencyClass::Batch));
    assert_eq!(policy(r#""policy" : "SCHED_IDLE","#), (1, LatencyClass::Batch));
    let idle = r#"{ "tasks" : { "t" : { "policy" : "SCHED_IDLE", "priority" : 3, "run" : 1 } } }"#;
    assert!(
        notes_of(idle).contains(&"1:61: SCHED_IDLE is the lightest weight at every nice level".to_owned())
    );
    let notes = notes_of(r#"{ "tasks" : { "t" : { "priority" : -19, "run" : 1 } } }"#);
    assert!(notes.contains(&"1:36: nice -19 would be weight 4441; it gets 1024, the heaviest".to_owned()));
}

#[test]
fn l2_phases_change_policy_and_cpus_before_they_begin() {
    let text = programs(
        r#""t" : { "cpus" : [2], "phases" : {
            "one" : { "cpus" : [0, 1], "priority" : 1, "loop" : 9, "run" : 1 },
            "two" : { "run" : 2 },
            "three" : { "policy" : "SCHED_BATCH", "run" : 3 } } }"#,
    );
    assert_eq!(
        text,
        r#"[[thread]]
repeat = "forever"
[[thread.phase]]
program = ["weight 51 normal", "cpus 0-1"]
[[thread.phase]]
repeat = 9
program = ["run 1us"]
[[thread.phase]]
program = ["cpus 2"]
[[thread.phase]]
program = ["run 2us"]
[[thread.phase]]
program = ["weight 64 batch"]
[[thread.phase]]
program = ["run 3us"]"#
    );
}

#[test]
fn l2_tasks_start_one_after_the_other_unless_they_are_delayed() {
    let threads = threads(
        r#""a" : { "run" : 1 }, "b" : { "run" : 1 }, "c" : { "run" : 1, "delay" : 7 }, "d" : { "run" : 1 }"#,
    );
    let starts: Vec<u64> = threads
        .iter()
        .map(|thread| match thread.arrival {
            Arrival::At { start, .. } => start.0,
            _ => u64::MAX,
        })
        .collect();
    assert_eq!(starts, [0, 10_000, 7_000, 30_000]);
}

#[test]
fn l2_two_threads_that_resume_each_other_go_on() {
    // On equal terms both would resume the other before it suspends, and then sleep for ever.
    let (scenario, _) = good(
        r#"{ "tasks" : {
            "ping" : { "run" : 1000, "resume" : "pong", "suspend" },
            "pong" : { "run" : 1000, "resume" : "ping", "suspend" } }, "global" : { "duration" : 1 } }"#,
    );
    let mut machine = sim::Machine::new(&scenario);
    assert!(machine.run().broken.is_none());
    assert!(machine.summary().busy > Nanos::from_millis(900));
}

#[test]
fn l9_lengths_below_zero_mean_what_they_mean_to_rt_app() {
    // `run` and `sleep` take them for unsigned numbers, `runtime` looks at the clock after each round of work.
    let text = r#"{ "tasks" : {
        "a" : { "loop" : 1, "run" : -1 }, "b" : { "sleep" : -5 }, "c" : { "runtime" : -1 }, "d" : { "runtime" : 40 },
        "e" : { "timer" : { "ref" : "t", "period" : -1 } }, "f" : { "run" : 1, "timer" : { "ref" : "t" } } },
    "global" : { "duration" : 1 } }"#;
    let (scenario, notes) = good(text);
    let steps: Vec<Step> = scenario
        .threads
        .iter()
        .map(|thread| thread.program.phases[0].steps[0])
        .collect();
    let timer = Step::Timer {
        timer: TimerId(0),
        period: Nanos::MAX,
        absolute: false,
    };
    let run = |micros| Step::Run(Span::Fixed(Nanos::from_micros(micros)));
    let expected = [
        Step::Run(Span::FOREVER),
        Step::Sleep(Span::FOREVER),
        run(32),
        run(40),
        timer,
        run(1),
    ];
    assert_eq!(steps, expected);
    let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
    for note in [
        "2:37: `run` of -1 is for ever, as for rt-app",
        "2:61: `sleep` of -5 is for ever, as for rt-app",
        "2:87: `runtime` of -1 is one round of 32 microseconds, as for rt-app",
        "3:53: `period` of -1 is for ever, as for rt-app",
        "3:80: `t` has a period of 0 and never waits; it is left out",
    ] {
        assert!(notes.contains(&note.to_owned()), "{note}: {notes:#?}");
    }
}

#[test]
fn l9_a_run_for_ever_lasts_as_long_as_the_simulation() {
    let (scenario, _) = good(
        r#"{ "tasks" : { "busy" : { "loop" : 1, "run" : -1 }, "late" : { "delay" : -1, "run" : 1 } },
             "global" : { "duration" : 1 } }"#,
    );
    let mut machine = sim::Machine::new(&scenario);
    let outcome = machine.run();
    assert_eq!((outcome.broken, outcome.ending), (None, sim::Ending::TimeIsOver));
    assert_eq!(
        machine.runtime_by_kind(),
        [(1, Nanos::from_secs(1)), (0, Nanos::ZERO)]
    );
}

#[test]
fn l9_numbers_end_where_those_of_rt_app_end() {
    let (scenario, notes) = good(
        r#"{ "tasks" : { "t" : { "loop" : 5000000000, "run" : 3000000000 } }, "global" : { "duration" : null } }"#,
    );
    let phase = &scenario.threads[0].program.phases[0];
    assert_eq!(phase.repeat, Some(i32::MAX.unsigned_abs()));
    assert_eq!(
        phase.steps,
        [Step::Run(Span::Fixed(Nanos::from_micros(2_147_483_647)))]
    );
    let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
    for note in [
        "1:32: rt-app has no number like 5000000000 and takes 2147483647",
        "1:52: rt-app has no number like 3000000000 and takes 2147483647",
        "1:81: `duration` is null, which is as if it were not there",
    ] {
        assert!(notes.contains(&note.to_owned()), "{note}: {notes:#?}");
    }
}
