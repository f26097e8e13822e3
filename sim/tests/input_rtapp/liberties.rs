//! Files as people write them: comments, commas, repeated keys, missing values.

use sched::Nanos;
use sim::scenario::{Arrival, Machine, Step};

use crate::support::{good, notes_of, run, sleep, threads};

#[test]
fn l2_a_file_as_they_are_found_is_read_with_all_its_events_in_order() {
    let text = r#"/* A workload with every liberty. */
{
    "tasks" : {
        'pump' : {             // single quotes
            "instance" : 2,
            "delay" : 500,
            "loop" : -1,
            "run" : 100,
            "sleep" : 10,
            "run" : 200,       /* the same key again */
            "suspend",         // no value
            "run0" : 300,
            "yield" : "",
        },
    },
    "global" : { "duration" : 3, "gnuplot" : False, },
}
// the end"#;
    let (scenario, notes) = good(text);
    assert_eq!(scenario.name, "test");
    assert_eq!(scenario.duration, Nanos::from_secs(3));
    assert_eq!(scenario.machine, Machine::flat(4));
    let pump = &scenario.threads[0];
    let twice = Arrival::At {
        start: Nanos::from_micros(500),
        count: 2,
    };
    assert_eq!((pump.name.as_str(), pump.arrival), ("pump", twice));
    assert_eq!(pump.program.repeat, Some(1));
    let [phase] = pump.program.phases.as_slice() else {
        panic!("one phase");
    };
    assert_eq!(phase.repeat, None);
    assert_eq!(phase.steps[..3], [run(100), sleep(10), run(200)]);
    assert_eq!(phase.steps[6..], [run(300), Step::Yield]);
    assert_eq!(
        (scenario.locks[0].as_str(), scenario.conditions[0].as_str()),
        ("pump", "pump")
    );
    let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "1:1: rt-app's files describe no machine; this one has 4 CPUs",
            "16:34: `gnuplot` means nothing here: the report has plots of its own",
        ]
    );
}

#[test]
fn l2_loops_count_as_rt_app_counts_them() {
    let program = |task: &str| threads(task)[0].program.clone();
    let repeats = |task: &str| {
        let program = program(task);
        (program.repeat, program.phases[0].repeat)
    };
    // Without phases, a loop is that of the one phase, and without a loop it goes on for ever.
    assert_eq!(repeats(r#""t" : { "run" : 1 }"#), (None, Some(1)));
    assert_eq!(repeats(r#""t" : { "run" : 1, "loop" : 7 }"#), (Some(1), Some(7)));
    assert_eq!(repeats(r#""t" : { "run" : 1, "loop" : -1 }"#), (Some(1), None));
    let phases = |keys: &str| {
        repeats(&format!(
            r#""t" : {{ {keys} "phases" : {{ "p" : {{ "run" : 1 }} }} }}"#
        ))
    };
    assert_eq!(phases(""), (None, Some(1)));
    assert_eq!(phases(r#""loop" : 5,"#), (Some(5), Some(1)));
    assert_eq!(phases(r#""loop" : 0,"#), (Some(0), Some(1)));
    let text = r#"{ "tasks" : { "t" : { "phases" : { "p" : { "loop" : 0, "run" : 1 } } } } }"#;
    assert!(
        notes_of(text)
            .iter()
            .any(|note| note == "1:53: rt-app repeats a phase whose loop is 0 for ever")
    );
}

#[test]
fn l2_phases_of_the_same_name_all_stay() {
    let program = &threads(
        r#""t" : { "phases" : { "p" : { "run" : 1 }, "q" : { "run" : 2 }, "p" : { "loop" : 3, "run" : 4 } } }"#,
    )[0]
    .program;
    let names = program.phases.iter().map(|phase| phase.name.as_str());
    assert!(names.eq(["p", "q", "p"]));
    assert_eq!(program.phases[2].repeat, Some(3));
}

#[test]
fn l2_a_task_that_comes_twice_gets_a_name_of_its_own() {
    let text = r#"{ "tasks" : { "t" : { "run" : 1 } "t" : { "run" : 2 } } }"#;
    let (scenario, notes) = good(text);
    assert!(scenario.threads.iter().map(|thread| &thread.name).eq(["t", "t1"]));
    let notes: Vec<&str> = notes.iter().map(|note| note.message.as_str()).collect();
    assert!(notes.contains(&"`t` is here for the second time; this one is called `t1`"));
    assert!(notes.contains(&"a comma is missing before this; rt-app itself would not read it"));
}
