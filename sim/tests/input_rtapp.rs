//! What rt-app's files mean, with every liberty that such files take, and what is refused.

use sched::{LatencyClass, Nanos};
use sim::input::rtapp::{Options, read};
use sim::input::{Errors, Note, toml};
use sim::scenario::{Arrival, Barrier, Machine, Scenario, Span, Step, Thread, Timer};

fn with(text: &str, options: &Options) -> Result<(Scenario, Vec<Note>), Errors> {
    read(text, "test.json", options)
}

#[track_caller]
fn good(text: &str) -> (Scenario, Vec<Note>) {
    let read = with(text, &Options::default()).unwrap_or_else(|errors| panic!("{errors}"));
    let again = toml::read(&toml::write(&read.0), "again.toml");
    assert_eq!(
        again.as_ref(),
        Ok(&read.0),
        "what was read can be written as TOML"
    );
    read
}

/// The threads of a file whose `tasks` are these, after a duration that needs no note.
#[track_caller]
fn threads(tasks: &str) -> Vec<Thread> {
    good(&format!(
        "{{ \"global\" : {{ \"duration\" : 1 }}, \"tasks\" : {{ {tasks} }} }}"
    ))
    .0
    .threads
}

/// The steps of all phases, as TOML writes them.
#[track_caller]
fn programs(tasks: &str) -> String {
    let (scenario, _) = good(&format!("{{ \"tasks\" : {{ {tasks} }} }}"));
    let text = toml::write(&scenario);
    let lines = text.lines().filter(|line| {
        ["[[", "program", "repeat", "    \"", "]"]
            .iter()
            .any(|start| line.starts_with(start))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// All complaints, as `line:column: message`.
#[track_caller]
fn complaints(text: &str) -> Vec<String> {
    let errors = with(text, &Options::default()).expect_err("this is refused");
    let lines = errors.0.iter().map(|error| match error.place {
        Some(place) => format!("{place}: {}", error.message),
        None => error.message.clone(),
    });
    lines.collect()
}

fn notes_of(text: &str) -> Vec<String> {
    good(text).1.iter().map(ToString::to_string).collect()
}

fn run(micros: u64) -> Step {
    Step::Run(Span::Fixed(Nanos::from_micros(micros)))
}

fn sleep(micros: u64) -> Step {
    Step::Sleep(Span::Fixed(Nanos::from_micros(micros)))
}

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
            "parent" : { "fork" : "child", "fork2" : "chlid" } } }"#
        ),
        [
            "2:41: `delay` in a task that is forked is not supported: rt-app counts it from the start of everything",
            "2:54: `barrier` in a task that is forked: nobody knows how many come to `b`",
            "3:44: `fork` names no task: there is no `chlid`",
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
fn l2_real_time_policies_are_refused_unless_they_are_mapped() {
    let text = r#"{
    "global" : { "default_policy" : "SCHED_RR", "duration" : 1 },
    "tasks" : {
        "a" : { "run" : 1 },
        "b" : { "run" : 1 },
        "c" : { "policy" : "SCHED_DEADLINE", "dl-runtime" : 5, "dl-period" : 10, "run" : 1 },
        "d" : { "policy" : "SCHED_OTHER", "phases" : { "p" : { "policy" : "SCHED_FIFO", "priority" : 9, "run" : 1 } } }
    } }"#;
    assert_eq!(
        complaints(text),
        [
            "2:37: SCHED_RR is not supported: there are no real-time policies; an option maps them to interactive",
            "6:28: SCHED_DEADLINE is not supported: there are no real-time policies; an option maps them to interactive",
            "7:75: SCHED_FIFO is not supported: there are no real-time policies; an option maps them to interactive",
        ]
    );
    let options = Options {
        realtime_as_interactive: true,
        machine: Some(Machine::flat(2)),
        ..Options::default()
    };
    let (scenario, notes) = with(text, &options).expect("an option maps them");
    assert_eq!(scenario.machine, Machine::flat(2));
    assert!(
        scenario.threads[..3]
            .iter()
            .all(|thread| thread.class == LatencyClass::Interactive)
    );
    assert_eq!(scenario.threads[3].class, LatencyClass::Normal);
    let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "2:37: SCHED_RR is taken for the class interactive with the heaviest weight",
            "6:28: SCHED_DEADLINE is taken for the class interactive with the heaviest weight",
            "6:46: `dl-runtime` means nothing in the class interactive",
            "6:64: `dl-period` means nothing in the class interactive",
            "7:75: SCHED_FIFO is taken for the class interactive with the heaviest weight",
            "7:102: real-time priorities are all the same here",
        ]
    );
}

#[test]
fn l2_everything_that_is_not_supported_is_refused_in_one_go() {
    let text = r#"{
"global" : { "durations" : 5, "_author" : "me" },
"tasks" : {
  "t" : {
    "run" : "5",
    "run" : 1.5,
    "sleep" : -1,
    "mem" : 1000,
    "memrun" : { "type" : "read" },
    "iorun" : 1,
    "sem_post" : "s",
    "taskgroup" : "/g",
    "nodes_membind" : [0],
    "dl-runtime" : 100,
    "lock",
    "wait" : { "ref" : "c", "mutx" : "m" },
    "timer" : { "ref" : "tick" },
    "timer" : { "ref" : "tick", "period" : 1, "mode" : "sometimes" },
    "cpus" : [],
    "priority" : 20,
    "instance" : -1,
    "exec" : 100,
    "looop" : 3,
    "loop" : 1,
    "loop" : 2
  },
  "u" : { "loop" : 1 },
  "v" : { "run" : 1, "phases" : { "p" : { "instance" : 2, "run" : 1 }, "q" : {} } }
},
"extra" : 1
}"#;
    assert_eq!(
        complaints(text),
        [
            "2:14: rt-app has no key `durations` here; did you mean `duration`?",
            "5:13: `run` must be a whole number",
            "6:13: `run` must be a whole number, not 1.5",
            "7:15: `sleep` must be a number of microseconds from 0 on, not -1",
            "8:5: `mem` is not supported: there is no model of memory and caches here",
            "9:5: `memrun` is not supported: there is no model of memory and caches here",
            "10:5: `iorun` is not supported: there are no devices here",
            "11:5: `sem_post` is not supported: semaphores are newer than rt-app 1.0",
            "12:5: `taskgroup` is not supported: there are no control groups",
            "13:5: `nodes_membind` is not supported: memory has no nodes here",
            "14:5: `dl-runtime` is not supported: there is no SCHED_DEADLINE, and slices follow from the class",
            "15:11: `lock` has no value; it needs text in quotes",
            "16:29: rt-app has no key `mutx` here; did you mean `mutex`?",
            "17:5: `timer` needs a period",
            "18:56: `sometimes` is no mode of timers; there are relative and absolute",
            "19:5: a set without any CPU leaves a thread nowhere to run",
            "20:18: 20 is no nice level: they go from -20 to 19",
            "21:18: `instance` must be a number from 0 on",
            "22:5: `exec` is from before rt-app 1.0; tasks are sequences of events now",
            "23:5: rt-app has no key `looop` here; did you mean `loop`?",
            "25:5: `loop` is here for the second time; the first is in line 24",
            "27:3: task `u` has no events",
            "28:11: the event `run` stands beside `phases`, where rt-app does not look for events",
            "28:43: `instance` belongs to the task, not to a phase of it",
            "28:72: phase `q` has no events",
            "30:1: rt-app has no key `extra` here",
        ]
    );
}

#[test]
fn l2_what_means_nothing_here_is_noted_key_by_key() {
    let text = r#"{ "tasks" : { "t" : { "run" : 1, "util_min" : 5, "taskgroup" : "" } },
        "global" : { "duration" : 1, "calibration" : "CPU0", "default_policy" : "SCHED_OTHER", "pi_enabled" : false,
        "lock_pages" : true, "logdir" : "./", "log_basename" : "x", "log_size" : "file", "ftrace" : "main",
        "gnuplot" : true, "frag" : 1, "io_device" : "/dev/null", "mem_buffer_size" : 1, "cumulative_slack" : false } }"#;
    let notes = good(text).1;
    let named = [
        "util_min",
        "taskgroup",
        "calibration",
        "lock_pages",
        "logdir",
        "log_basename",
        "log_size",
        "ftrace",
        "gnuplot",
        "frag",
        "io_device",
        "mem_buffer_size",
        "cumulative_slack",
    ];
    // Besides the note that the file describes no machine.
    assert_eq!(notes.len(), 1 + named.len());
    for key in named {
        assert!(
            notes
                .iter()
                .any(|note| note.message.contains(&format!("`{key}`"))),
            "{key}"
        );
    }
    let inherits = text.replace("\"pi_enabled\" : false", "\"pi_enabled\" : true");
    assert_eq!(good(&inherits).1.len(), 2 + named.len());
}

#[test]
fn l2_files_without_tasks_are_refused() {
    assert_eq!(
        complaints("[]"),
        ["1:1: a workload is an object: { \"tasks\" : { ... } }"]
    );
    assert_eq!(complaints("{ }"), ["1:1: `tasks` is missing: nothing would run"]);
    assert_eq!(
        complaints("{ \"tasks\" : {} }"),
        ["1:3: `tasks` is empty: nothing would run"]
    );
    assert_eq!(
        complaints("{ \"tasks\" : 3 }"),
        ["1:13: `tasks` must be an object, { ... }"]
    );
    assert_eq!(
        complaints("{ \"tasks\" : {\n\"t\" { } } }"),
        ["2:5: `:` and the value of `t` is expected here, not `{`"]
    );
}

#[test]
fn l2_cpus_are_those_of_the_machine() {
    let text = r#"{ "tasks" : { "t" : { "cpus" : [0, 9], "run" : 1 } } }"#;
    assert_eq!(good(text).0.machine, Machine::flat(10));
    let options = Options {
        machine: Some(Machine::flat(8)),
        ..Options::default()
    };
    let errors = with(text, &options).expect_err("eight CPUs are 0 to 7");
    assert_eq!(
        errors.to_string(),
        "test.json:1:36: this is no CPU: the machine has CPUs 0 to 7"
    );
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

#[test]
fn l2_the_old_section_of_resources_only_has_to_make_sense() {
    let text = r#"{ "resources" : { "m" : { "type" : "mutex" } }, "tasks" : { "t" : { "lock" : "m", "unlock" : "m" } } }"#;
    assert_eq!(good(text).0.locks, ["m"]);
    let old = text.replace("\"mutex\"", "\"lockk\", \"target\" : \"x\"");
    assert_eq!(
        complaints(&old),
        [
            "1:36: rt-app has no resource of type `lockk`",
            "1:45: `target` is from before rt-app 1.0: there, `signal` and `broad` events name what they wake",
        ]
    );
}

#[test]
fn l2_no_text_makes_the_reader_panic() {
    // Every prefix and every single change of a file that uses everything.
    let text = r#"{ "tasks" : { "t" : { "run" : 1, "suspend", /**/ "cpus" : [1], "timer" : { "period" : 5 } } } } // "#;
    for end in 0..text.len() {
        let _ = with(&text[..end], &Options::default());
        for other in ['{', '}', '"', ',', ':', '-', '\\', 'ä', '\n'] {
            let changed = format!("{}{other}{}", &text[..end], &text[end + 1..]);
            let _ = with(&changed, &Options::default());
        }
    }
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
