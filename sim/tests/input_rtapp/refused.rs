//! What is refused, by name and place, and what is noted because it means nothing here.

use sched::LatencyClass;
use sim::input::rtapp::Options;
use sim::scenario::Machine;

use crate::support::{complaints, good, with};

#[test]
fn l2_real_time_policies_are_refused_unless_they_are_mapped() {
    let text = r#"{
    "global" : { "default_policy" : "SCHED_RR", "duration" : 1 },
    "tasks" : {
        "a" : { "run" : 1 },
        "b" : { "run" : 1 },
        "c" : { "policy" : "SCHED_FIFO", "dl-runtime" : 5, "dl-period" : 10, "run" : 1 },
        "d" : { "policy" : "SCHED_OTHER", "phases" : { "p" : { "policy" : "SCHED_FIFO", "priority" : 9, "run" : 1 } } }
    } }"#;
    assert_eq!(
        complaints(text),
        [
            "2:37: SCHED_RR is not supported: nobody has a priority above others; an option maps it to interactive",
            "6:28: SCHED_FIFO is not supported: nobody has a priority above others; an option maps it to interactive",
            "7:75: SCHED_FIFO is not supported: nobody has a priority above others; an option maps it to interactive",
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
            "6:28: SCHED_FIFO is taken for the class interactive with the heaviest weight",
            "6:42: `dl-runtime` means nothing in the class interactive",
            "6:60: `dl-period` means nothing in the class interactive",
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
    "sleep" : "1",
    "mem" : 1000,
    "memrun" : { "type" : "read" },
    "iorun" : 1,
    "sem_post" : "s",
    "taskgroup" : "/g",
    "nodes_membind" : [0],
    "dl-runtime" : 100,
    "lock",
    "wait" : { "ref" : "c", "mutx" : "m" },
    "timer" : { "ref" : 5 },
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
            "7:15: `sleep` must be a whole number",
            "8:5: `mem` is not supported: there is no model of memory and caches here",
            "9:5: `memrun` is not supported: there is no model of memory and caches here",
            "10:5: `iorun` is not supported: there are no devices here",
            "11:5: `sem_post` is not supported: semaphores are newer than rt-app 1.0",
            "12:5: `taskgroup` is not supported: there are no control groups",
            "13:5: `nodes_membind` is not supported: memory has no nodes here",
            "14:5: `dl-runtime` is for SCHED_DEADLINE; with other policies slices follow from the class",
            "15:11: `lock` has no value; it needs text in quotes",
            "16:29: rt-app has no key `mutx` here; did you mean `mutex`?",
            "17:25: `ref` must be text in quotes",
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
