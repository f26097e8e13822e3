//! Runs the program on this machine, with few rounds, and reads what it prints. How long anything takes is not looked
//! at: only that it was done, and that the program's own checks passed.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_linux-bench"))
        .args(arguments)
        .output()
        .expect("the program was built with the tests")
}

/// The program's lines, after it has ended well.
fn lines(arguments: &[&str]) -> Vec<String> {
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {}\n{text}",
        output.status
    );
    text.lines().map(str::to_owned).collect()
}

/// Runs a row with two rounds: it prints so many samples of so many operations, and nothing was wrong.
fn a_row_prints(row: &str, samples: usize, operations: u64) {
    let lines = lines(&["--rows", row, "--rounds", "2"]);
    assert_eq!(lines.first().map(String::as_str), Some("@begin"));
    let start = format!("@sample {row} {operations} ");
    let ticks: Vec<u64> = lines
        .iter()
        .filter_map(|line| line.strip_prefix(&start)?.parse().ok())
        .collect();
    assert_eq!(ticks.len(), samples, "{lines:?}");
    assert!(ticks.iter().all(|ticks| *ticks > 0), "{lines:?}");
    let wrong = format!("@fact {row} wrong 0");
    assert!(lines.contains(&wrong), "{lines:?}");
}

#[test]
fn n1_null_system_calls_are_counted() {
    a_row_prints("null-entry", 2, 2_000);
}

#[test]
fn n3_every_way_to_call_answers_every_call() {
    for row in ["call-pipe", "call-socket", "call-futex"] {
        a_row_prints(row, 2, 2_000);
    }
}

#[test]
fn n5_two_threads_take_turns() {
    a_row_prints("park", 2, 2_000);
}

#[test]
fn n13_threads_live_and_are_joined() {
    a_row_prints("thread", 2, 100);
}

#[test]
fn n14_processes_live_and_are_reaped_both_ways() {
    for row in ["process", "process-fork"] {
        a_row_prints(row, 2, 20);
    }
}

/// The values of a row's facts called `name`.
fn facts(lines: &[String], row: &str, name: &str) -> Vec<u64> {
    let start = format!("@fact {row} {name} ");
    let values = lines.iter().filter_map(|line| line.strip_prefix(&start));
    values.map(|value| value.parse().expect("a number")).collect()
}

#[test]
fn s3_processes_and_services_by_every_way_come_in_pairs_with_nothing_wrong() {
    let rows = ["processes", "services", "services-pipe", "services-socket"];
    let lines = lines(&["--rows", &rows.join(","), "--rounds", "1"]);
    for row in rows {
        assert_eq!(facts(&lines, row, "wrong"), [0, 0], "{row}");
        for name in ["work-1", "work-2", "total-1", "total-2"] {
            assert_eq!(facts(&lines, row, name).len(), 1, "{row} {name}");
        }
    }
}

#[test]
fn d6_the_kernel_tells_what_threads_processes_and_pairs_have_used() {
    let rows = [("fair-weights", 4), ("fair-processes", 6), ("fair-calls", 4)];
    let names = rows.map(|(row, _)| row).join(",");
    let lines = lines(&["--rows", &names, "--window", "20000000"]);
    for (row, members) in rows {
        // Not whether any was wrong: on a machine with other things to do a member may get nothing done in so short a time.
        assert_eq!(facts(&lines, row, "wrong").len(), 1, "{row}");
        let mut used = 0;
        for member in 0..members {
            for name in ["weight", "runtime", "count"] {
                let values = facts(&lines, row, &format!("{name}-{member}"));
                assert_eq!(values.len(), 1, "{row} {name}-{member}");
            }
            used += facts(&lines, row, &format!("runtime-{member}"))[0];
        }
        assert!(used > 0, "{row}: {lines:?}");
    }
    assert_eq!(facts(&lines, "fair-weights", "weight-3"), [110]);
}

#[test]
fn n10_a_limit_of_a_single_thread_is_refused_in_words() {
    let output = run(&["--rows", "throttle-limit"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("@error throttle-limit"), "{text}");
    assert!(!text.contains("@fact throttle-limit"), "{text}");
}

#[test]
fn the_help_tells_how_it_is_used_and_the_list_has_every_row() {
    let help = lines(&["--help"]).concat();
    assert!(
        help.contains("--rows ROW,ROW") && help.contains("/plan"),
        "{help}"
    );
    let rows = lines(&["--list"]);
    for row in [
        "boot",
        "null-entry",
        "call-pipe",
        "park",
        "yield",
        "process-fork",
        "scale",
    ] {
        assert!(
            rows.iter().any(|known| known == row),
            "{row} is missing in {rows:?}"
        );
    }
}

#[test]
fn a_row_that_does_not_exist_is_named_and_nothing_is_measured() {
    let output = run(&["--rows", "park,call-letter"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains("@error call-letter"), "{text}");
    assert!(!text.contains("@sample"), "{text}");
}

#[test]
fn arguments_that_make_no_sense_are_named() {
    let output = run(&["--rows", "park", "--round", "3"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains("--round 3") && text.contains("usage:"), "{text}");
}
