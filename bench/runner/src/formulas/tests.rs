//! The formulas on consoles of a few lines.

use super::*;

#[test]
fn a_row_of_operations_needs_its_check() {
    let checked = booted("@sample call 10 700\n@sample call 10 720\n@fact call wrong 0");
    let figures = per_operation(&checked, "call").unwrap();
    assert_eq!(
        (figures.samples, figures.refuted, figures.warm_up),
        (vec![70.0, 72.0], false, 1)
    );
    let unchecked = booted("@sample call 10 700");
    assert!(per_operation(&unchecked, "call").unwrap().refuted);
    assert!(per_operation(&booted("@fact call wrong 0"), "call").is_err());
}

#[test]
fn n6_a_yield_that_nobody_answered_refutes_the_row() {
    let lines = |switches: u32| {
        booted(&format!(
            "@sample yield 1 9\n@fact yield wrong 0\n@fact yield own-yields 5\n@fact yield switches {switches}"
        ))
    };
    assert!(!yields(&lines(10), "yield").unwrap().refuted);
    assert!(yields(&lines(9), "yield").unwrap().refuted);
}

#[test]
fn n7_the_interrupt_that_ends_the_sleep_is_not_counted() {
    let text = "@fact tick interrupts 6\n@fact tick asked-for 1\n@fact tick window 500000000";
    assert_eq!(interrupts(&booted(text), "tick").unwrap().samples, [10.0]);
}

#[test]
fn n7_what_two_hogs_lost_is_divided_by_the_interrupts() {
    let lines = |other: u32, counted: &str| {
        booted(&format!(
            "@fact t window 1000\n@fact t pieces-alone 100\n@fact t pieces-own 45\n@fact t pieces-other {other}\n\
             @fact t interrupts 10\n{counted}"
        ))
    };
    let by_slices = interrupt_cost(&lines(45, "@fact t slices 5"), "t").unwrap();
    assert_eq!((by_slices.samples, by_slices.refuted), (vec![20.0], false));
    assert_eq!(interrupt_cost(&lines(45, ""), "t").unwrap().samples, [10.0]);
    assert!(
        interrupt_cost(&lines(30, ""), "t").unwrap().refuted,
        "unequal shares"
    );
    assert!(
        interrupt_cost(&lines(55, ""), "t").unwrap().refuted,
        "two did as much as one"
    );
}

#[test]
fn n12_times_of_boots_come_from_the_program_and_from_the_host() {
    let booted = booted("@fact boot ticks 5000\n@fact boot boot-ns 2000000");
    assert_eq!(power_on(&booted, "boot").unwrap().samples, [5000.0]);
    assert_eq!(kernel_boot(&booted, "boot").unwrap().samples, [2e6]);
    assert_eq!(kernel_boot_ms(&booted, "boot").unwrap().samples, [2.0]);
    assert_eq!(first_line(&booted, "boot").unwrap().samples, [250.0]);
}

#[test]
fn n14_a_page_costs_what_the_padded_image_adds() {
    let text = "@sample process 1 100\n@sample process-padded 1 740\n@fact process-padded pages 64";
    assert_eq!(image_page(&booted(text), "process").unwrap().samples, [10.0]);
}
