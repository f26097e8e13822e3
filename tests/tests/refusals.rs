//! What the kernel refuses to boot, field by field, and what stops it later: the host is told by a code of its own, a
//! person by a sentence that names the place.

use capnp::message::{Builder, HeapAllocator, ReaderOptions};
use capnp::serialize::{read_message_from_flat_slice, write_message_to_words};
use schema_gen::system::system_manifest;
use sundial_tests::{Ending, Setup, images};

/// The manifest of `hello` with something spoilt.
fn spoilt(spoil: impl FnOnce(system_manifest::Builder<'_>)) -> tempfile::NamedTempFile {
    let whole = std::fs::read(images::manifest("hello")).expect("the built manifest");
    let message = read_message_from_flat_slice(&mut &whole[..], ReaderOptions::new()).expect("a message");
    let mut copy: Builder<HeapAllocator> = Builder::new_default();
    let root = message.get_root::<system_manifest::Reader<'_>>();
    copy.set_root(root.expect("a manifest")).expect("a copy");
    spoil(copy.get_root().expect("a manifest"));
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), write_message_to_words(&copy)).expect("a file");
    file
}

/// Boots the spoilt manifest: it must be refused with the field named, before anything has started.
#[track_caller]
fn refused(field: &str, spoil: impl FnOnce(system_manifest::Builder<'_>)) {
    let file = spoilt(spoil);
    let boot = Setup::of_file(file.path().to_path_buf()).start();
    let ending = boot.ending();
    let console = boot.console();
    if !matches!(ending, Ending::Refused { .. }) || ending.exit_code() != 123 {
        boot.fail(&format!("{field}: {ending}"));
    }
    if !console.contains(field) || console.contains("hello from") {
        boot.fail(&format!("{field} is not named, or something has started"));
    }
}

#[test]
fn p13_a_copy_with_nothing_spoilt_boots() {
    let file = spoilt(|_| ());
    assert_eq!(Setup::of_file(file.path().to_path_buf()).start().exit(), 7);
}

#[test]
fn p13_a_schema_version_from_elsewhere_is_refused_by_name() {
    refused("schemaVersion", |mut manifest| manifest.set_schema_version(2));
}

#[test]
fn p13_a_line_speed_that_cannot_be_is_refused_by_name() {
    refused("kernelParams.terminalUart.baud", |manifest| {
        let kernel = manifest.get_kernel_params().expect("kernel parameters");
        let mut line = kernel.init_terminal_uart();
        line.set_port(schema_gen::system::UartPort::Com2);
        line.set_baud(7);
    });
}

#[test]
fn p13_a_pool_of_cpus_that_are_not_there_is_refused_by_name() {
    refused("cpuIsolationPools[0].poolCpuMask", |manifest| {
        let kernel = manifest.get_kernel_params().expect("kernel parameters");
        let mut pool = kernel.init_cpu_isolation_pools(1).get(0);
        pool.set_pool_id(1);
        pool.set_pool_cpu_mask(&[0, 1]);
    });
}

#[test]
fn p13_a_binary_without_a_name_is_refused_by_place() {
    refused("binaries[0].name", |manifest| {
        let binaries = manifest.get_binaries().expect("binaries");
        binaries.get(0).set_name("");
    });
}

#[test]
fn p13_an_init_that_is_not_there_is_refused_by_name() {
    refused("initConfig", |manifest| {
        let binaries = manifest.get_binaries().expect("binaries");
        binaries.get(0).set_name("somebody-else");
    });
}

#[test]
fn p13_a_program_that_is_none_is_refused_by_name() {
    refused("hello", |manifest| {
        let binaries = manifest.get_binaries().expect("binaries");
        binaries
            .get(0)
            .set_data(b"\x7fELF and then nothing that makes sense");
    });
}

#[test]
fn b3_the_guard_of_the_hard_paths_stops_the_kernel_that_allocates_there() {
    let boot = Setup::of("hello").argument("allocate-on-hard-path").start();
    let ending = boot.ending();
    if ending != Ending::Panicked || ending.exit_code() != 125 {
        boot.fail(&format!("nobody noticed: {ending}"));
    }
    let report = boot.console();
    assert!(
        report.contains("allocat") && report.contains("kernel::boot::boot"),
        "the report:\n{report}"
    );
}

#[test]
fn a_busy_machine_that_counts_instructions_runs_exactly_alike() {
    // Threads, sleeps, wake-ups, preemptions: everything that could depend on the host.
    let run = || {
        let boot = Setup::of("proofs/newcomers").cpus(1).icount().traced().start();
        assert_eq!(boot.exit(), 0, "{}", boot.console());
        (boot.console(), boot.events())
    };
    let (first, second) = (run(), run());
    assert!(first.1.len() > 100, "hardly anything was traced");
    assert!(first == second, "two runs differ");
}
