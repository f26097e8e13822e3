//! What is measured is the kernel and not the measuring (rules A2 and A3).

use sundial_tests::{Setup, images};

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
