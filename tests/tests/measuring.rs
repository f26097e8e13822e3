//! What is measured is the kernel and not the measuring (rules A2 and A3), and what the rows about CPU time say of their own work.

use sundial_tests::{Boot, Setup, images};

#[test]
fn a3_a_kernel_that_keeps_a_trace_is_not_measured() {
    let boot = Setup::of("bench").cpus(1).icount().traced().start();
    boot.wait_for_line("@error bench events are traced");
    assert_eq!(boot.exit(), 3);
    assert!(!boot.console().contains("@sample"), "{}", boot.console());
}

#[test]
fn a3_the_same_boot_without_a_trace_is_measured() {
    let boot = Setup::of("bench").cpus(1).icount().start();
    boot.wait_for_line("@sample null-entry");
    assert_eq!(boot.exit(), 0);
}

#[test]
fn a2_the_kernel_that_is_booted_carries_no_tables_of_attribution() {
    let image = std::fs::read(images::kernel()).expect("the kernel");
    let carries = |text: &[u8]| image.windows(text.len()).any(|window| window == text);
    assert!(carries(b"init exited with code"), "this is no kernel of ours");
    assert!(!carries(b"@attribution"), "the kernel was built to be measured");
}

/// Boots the rows about scheduling contexts, where an instruction is a nanosecond.
fn measured_in_contexts() -> Boot {
    let boot = Setup::of("bench-contexts").cpus(1).icount().start();
    let code = boot.exit();
    if code != 0 || boot.console().contains("@error") {
        boot.fail(&format!("the rows were not measured, the exit code is {code}"));
    }
    boot
}

/// The values that were printed of a row, in the order in which they were.
fn facts(boot: &Boot, row: &str, name: &str) -> Vec<u64> {
    let start = format!("@fact {row} {name}");
    let lines = boot.console();
    let values = lines.lines().filter_map(|line| line.strip_prefix(&start));
    values
        .filter_map(|rest| rest.split_whitespace().last()?.parse().ok())
        .collect()
}

#[test]
fn e9_n4_n10_all_time_needs_no_timer_time_goes_along_with_calls_and_a_budget_is_had_in_each_period() {
    let boot = measured_in_contexts();
    // E9: in 10^9 instructions.
    assert_eq!(facts(&boot, "tick-budget", "interrupts "), [0]);
    // N4: the caller's time goes along with every call if the server has none, and with no call if it has.
    for (row, calls) in [
        ("call-own-limit", 0..1),
        ("call-own-reservation", 0..1),
        ("call-lent-limit", 4_000..4_002),
        ("call-lent-reservation", 4_000..4_002),
    ] {
        let lent = facts(&boot, row, "lent ");
        assert!(
            lent.iter().all(|lent| calls.contains(lent)) && lent.len() == 1,
            "{row}: {lent:?}"
        );
        assert_eq!(facts(&boot, row, "wrong "), [0], "{row}");
    }
    // N10: 50 times, and never more than the budget without a pause.
    for row in ["throttle-limit", "throttle-reservation"] {
        let lasted = facts(&boot, row, "lasted-");
        assert!((49..=51).contains(&lasted.len()), "{row}: {lasted:?}");
        assert!(
            lasted.iter().all(|ticks| *ticks <= 1_000_000),
            "{row}: {lasted:?}"
        );
        assert_eq!(facts(&boot, row, "wrong "), [0], "{row}");
    }
}
