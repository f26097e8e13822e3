//! Every load looks at its own result: on a system that works nothing is wrong, and on one that damages what a worker
//! was given or came to, something is.

mod host;

use host::Host;

fn is_right(row: &str) {
    let wrong = Host::new().run(row).facts(row, "wrong");
    assert!(!wrong.is_empty(), "{row} does not look");
    assert!(wrong.iter().all(|count| *count == 0), "{row}: {wrong:?}");
}

fn damage_is_noticed(row: &str) {
    let wrong = Host::broken().run(row).facts(row, "wrong");
    assert!(wrong.iter().any(|count| *count > 0), "{row}: {wrong:?}");
}

/// Runs a row until it is right. Members that share a CPU for a time may get none of it on a machine with much else to
/// do, and that counts as wrong; it cannot go on like that for ever.
fn right_at_last(row: &str) -> Host {
    loop {
        let host = Host::new().run(row);
        if host.facts(row, "wrong") == [0] {
            return host;
        }
    }
}

#[test]
fn n1_n2_n3_n14_failures_that_the_system_tells_of_are_counted() {
    for row in ["null-entry", "nop-batch", "process"] {
        is_right(row);
        damage_is_noticed(row);
    }
}

#[test]
fn n5_n6_n13_threads_do_what_they_were_made_for() {
    for row in ["park", "yield", "thread"] {
        is_right(row);
    }
}

#[test]
fn n7_windows_come_with_the_hogs_verdicts() {
    for row in ["tick-alone", "tick-shared"] {
        is_right(row);
    }
}

#[test]
fn e9_a_window_with_a_budget_comes_with_the_hogs_verdict() {
    is_right("tick-budget");
}

#[test]
fn n10_both_threads_work_and_say_what_they_did() {
    for row in ["throttle-limit", "throttle-reservation"] {
        let host = Host::new().run(row);
        assert_eq!(host.facts(row, "wrong"), [0], "{row}");
        for name in ["steps-alone", "steps-held", "steps-other"] {
            assert!(host.facts(row, name)[0] > 0, "{row} {name}");
        }
    }
}

#[test]
fn b7_a_damaged_block_is_noticed() {
    is_right("scale");
    damage_is_noticed("scale");
}

#[test]
fn s3_a_damaged_word_under_map_and_reduce_is_noticed() {
    is_right("map-reduce");
    damage_is_noticed("map-reduce");
}

#[test]
fn s3_a_damaged_task_is_noticed() {
    is_right("task-pool");
    damage_is_noticed("task-pool");
}

#[test]
fn s3_a_damaged_cell_is_noticed() {
    is_right("phases");
    damage_is_noticed("phases");
}

#[test]
fn s3_a_damaged_answer_of_a_process_is_noticed() {
    is_right("processes");
    damage_is_noticed("processes");
}

#[test]
fn s3_one_wrong_answer_of_a_service_is_noticed() {
    is_right("services");
    damage_is_noticed("services");
}

#[test]
fn n11_a_thousand_wakes_are_printed_and_those_that_came_too_early_are_not() {
    for row in ["wake-idle", "wake-idle-reserved"] {
        is_right(row);
        damage_is_noticed(row);
    }
}

#[test]
fn d6_members_of_every_kind_have_a_weight_a_time_and_a_count() {
    for (row, members) in [
        ("fair-hogs", 4),
        ("fair-sleepers", 2),
        ("fair-calls", 4),
        ("fair-weights", 4),
    ] {
        let host = right_at_last(row);
        for member in 0..members {
            for name in ["weight", "runtime", "count"] {
                let values = host.facts(row, &format!("{name}-{member}"));
                assert!(values[0] > 0, "{row} {name}-{member}");
            }
        }
    }
}

#[test]
fn d6_a_wrong_answer_in_a_pair_and_a_hog_that_boasts_are_noticed() {
    damage_is_noticed("fair-calls");
    right_at_last("fair-processes");
    damage_is_noticed("fair-processes");
}

#[test]
fn a5_pairs_come_with_both_times_of_both_and_the_length_of_a_tick() {
    let host = Host::new().run("services");
    for name in ["work-1", "work-2", "total-1", "total-2"] {
        let ticks = host.facts("services", name);
        assert!(
            !ticks.is_empty() && ticks.iter().all(|ticks| *ticks > 0),
            "{name}: {ticks:?}"
        );
    }
    assert_eq!(host.facts("services", "tick-hz").first(), Some(&1_000_000_000));
}

#[test]
fn a1_a_row_comes_with_what_the_kernel_counted_meanwhile() {
    assert_eq!(
        Host::new()
            .run("null-entry")
            .facts("null-entry", "counter-answers")
            .len(),
        1
    );
}
