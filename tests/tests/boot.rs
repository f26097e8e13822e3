//! Booting and ending: the machine comes up on what the host gives it, runs the first program, and every way it can end
//! is told apart by the host without reading prose.

use std::time::Duration;
use sundial_tests::{Ending, Event, Setup, images};

#[test]
fn p1_the_first_program_runs_and_its_exit_code_is_the_machines() {
    let boot = Setup::of("hello").start();
    boot.wait_for_line("hello from process 1");
    assert_eq!(boot.exit(), 7);
}

#[test]
fn p1_thirty_two_mebibytes_are_enough() {
    assert_eq!(Setup::of("hello").memory_mib(32).start().exit(), 7);
}

#[test]
fn p1_a_processor_without_the_newer_protections_is_enough() {
    // Nehalem has neither SMEP, SMAP, AVX nor a TSC deadline timer.
    assert_eq!(Setup::of("hello").model("Nehalem").start().exit(), 7);
}

#[test]
fn p13_bytes_that_are_no_manifest_are_refused_before_anything_starts() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    for bytes in [&[0_u8; 64][..], &[0xff; 4096], b"not a manifest at all"] {
        std::fs::write(file.path(), bytes).expect("a file");
        let boot = Setup::of_file(file.path().to_path_buf()).start();
        assert!(
            matches!(boot.ending(), Ending::Refused { .. }),
            "{:?}\n{}",
            boot.ending(),
            boot.console()
        );
        assert!(!boot.console().contains("hello"), "{}", boot.console());
    }
}

#[test]
fn p13_a_manifest_cut_short_anywhere_is_refused() {
    let whole = std::fs::read(images::manifest("hello")).expect("the built manifest");
    let file = tempfile::NamedTempFile::new().expect("a file");
    for length in [1, 8, 24, whole.len() / 2, whole.len() - 8] {
        std::fs::write(file.path(), &whole[..length]).expect("a file");
        let boot = Setup::of_file(file.path().to_path_buf()).start();
        assert!(
            matches!(boot.ending(), Ending::Refused { .. }),
            "{length} bytes: {:?}",
            boot.ending()
        );
    }
}

#[test]
fn a_kernel_panic_ends_the_machine_with_a_report_and_a_code_of_its_own() {
    let boot = Setup::of("hello").cpus(2).argument("panic").start();
    assert_eq!(boot.ending(), Ending::Panicked);
    let report = boot.console();
    assert!(
        report.contains("asked for on the command line"),
        "the message:\n{report}"
    );
    // The back trace has names: the function that panicked is among them.
    assert!(report.contains("kernel::boot::boot"), "the back trace:\n{report}");
}

#[test]
fn p1_two_machines_that_count_instructions_run_exactly_alike() {
    let run = || {
        let boot = Setup::of("hello").cpus(1).icount().traced().start();
        assert_eq!(boot.exit(), 7);
        (boot.console(), boot.events())
    };
    let (first, second) = (run(), run());
    assert!(!first.1.is_empty(), "nothing was traced");
    assert_eq!(first, second);
}

#[test]
fn the_trace_tells_the_first_process_from_start_to_exit() {
    let boot = Setup::of("hello").traced().start();
    assert_eq!(boot.exit(), 7);
    let events: Vec<Event> = boot.events().into_iter().map(|(_, event)| event).collect();
    let started = events.iter().position(|event| {
        matches!(
            event,
            Event::ProcessStart {
                pid: 1,
                parent: 0,
                ..
            }
        )
    });
    let exited = events
        .iter()
        .position(|event| matches!(event, Event::ProcessExit { pid: 1, code: 7, .. }));
    assert!(started.is_some() && started < exited, "{events:?}");
}

/// Whoever ran last ran until then, and no record of its CPU says so.
#[test]
fn l9_the_record_ends_when_the_machine_does() {
    let boot = Setup::of("hello").cpus(2).traced().start();
    assert_eq!(boot.exit(), 7);
    let events = boot.events();
    let (last, event) = events.last().unwrap();
    assert_eq!(*event, Event::RecordEnd {});
    let ends = events.iter().filter(|(_, event)| *event == Event::RecordEnd {});
    assert_eq!(ends.count(), 1);
    let exit = |(_, event): &&(abi::trace::Record, Event)| matches!(event, Event::ProcessExit { .. });
    assert!(
        events
            .iter()
            .find(exit)
            .is_some_and(|(exit, _)| exit.at_ns < last.at_ns)
    );
}

#[test]
fn a_boot_that_is_dropped_leaves_nothing_behind() {
    let boot = Setup::of("hello").limit(Duration::from_secs(60)).start();
    boot.wait_for_line("Sundial");
    let process = boot.process();
    drop(boot);
    assert!(
        !std::path::Path::new(&format!("/proc/{process}")).exists(),
        "QEMU is still there"
    );
}
