//! Machines of many shapes: every CPU is found, named and started, by xAPIC and by x2APIC.

use std::time::Duration;
use sundial_tests::{Boot, Ending, Setup};

/// The lines in which the kernel names the CPUs it runs on: `cpu N apic N package N core N thread N`.
fn places(boot: &Boot) -> Vec<[u32; 5]> {
    let console = boot.console();
    let numbers = |line: &str| -> Option<[u32; 5]> {
        let words: Vec<&str> = line.split_once("kernel: cpu ")?.1.split_whitespace().collect();
        let numbers: Vec<u32> = words.iter().filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().ok()
    };
    console.lines().filter_map(numbers).collect()
}

#[track_caller]
fn every_cpu_is_there(setup: Setup, count: u32) -> Vec<[u32; 5]> {
    let boot = setup.start();
    assert_eq!(boot.exit(), 7);
    let places = places(&boot);
    let cpus: Vec<u32> = places.iter().map(|place| place[0]).collect();
    assert_eq!(cpus, (0..count).collect::<Vec<_>>(), "{}", boot.console());
    places
}

#[test]
fn p2_one_cpu() {
    every_cpu_is_there(Setup::of("hello").cpus(1), 1);
}

#[test]
fn p2_two_cpus() {
    every_cpu_is_there(Setup::of("hello").cpus(2), 2);
}

#[test]
fn p2_eight_cpus_are_named_by_package_core_and_thread() {
    let places = every_cpu_is_there(Setup::of("hello").shape("8,sockets=2,cores=2,threads=2"), 8);
    let names: Vec<[u32; 3]> = places
        .iter()
        .map(|place| [place[2], place[3], place[4]])
        .collect();
    let expected = [
        [0, 0, 0],
        [0, 0, 1],
        [0, 1, 0],
        [0, 1, 1],
        [1, 0, 0],
        [1, 0, 1],
        [1, 1, 0],
        [1, 1, 1],
    ];
    assert_eq!(names, expected);
}

#[test]
fn p2_apic_ids_with_gaps_are_no_trouble() {
    // Three cores take two bits of the id: the second package starts at 4.
    let places = every_cpu_is_there(Setup::of("hello").shape("6,sockets=2,cores=3,threads=1"), 6);
    let ids: Vec<u32> = places.iter().map(|place| place[1]).collect();
    assert_eq!(ids, [0, 1, 2, 4, 5, 6]);
}

#[test]
fn p2_a_processor_without_x2apic_starts_the_others_by_xapic() {
    every_cpu_is_there(Setup::of("hello").cpus(4).model("Nehalem"), 4);
}

#[test]
fn p2_sixty_four_cpus() {
    every_cpu_is_there(Setup::of("hello").cpus(64).memory_mib(512), 64);
}

#[test]
fn p2_two_hundred_and_fifty_six_cpus_need_the_x2apic() {
    // As many host threads as virtual CPUs on the host's few: patience is all it takes.
    let setup = Setup::of("hello")
        .cpus(256)
        .memory_mib(1024)
        .limit(Duration::from_secs(280));
    every_cpu_is_there(setup, 256);
}

#[test]
fn p1_processors_whose_leaves_are_kept_back_boot() {
    // What lays out XSAVE is leaf 13. Below, FXSAVE does; boot once read the leaf all the same and stopped as a kernel bug.
    for level in [1, 2, 4, 7, 12, 13] {
        let boot = Setup::of("hello")
            .cpus(1)
            .model(&format!("max,level={level}"))
            .start();
        assert_eq!(boot.exit(), 7, "level {level}");
        let says_so = boot.console().contains("this processor has no xsave");
        assert_eq!(says_so, level < 13, "{}", boot.console());
    }
}

#[test]
fn p1_what_a_processor_lacks_is_named() {
    for (model, name) in [
        ("max,-nx", "no execute-disable (nx)"),
        ("max,-syscall", "no system calls (syscall)"),
        ("max,-apic", "no local APIC (apic)"),
        ("max,-lm", "no 64-bit mode (lm)"),
        ("max,-sse2", "no SSE2 (sse2)"),
    ] {
        let boot = Setup::of("hello").cpus(1).model(model).start();
        let ending = boot.ending();
        if !matches!(ending, Ending::Refused { .. }) || !boot.console().contains(name) {
            boot.fail(&format!("{model}: {ending}, and {name:?} is not named"));
        }
    }
}

#[test]
fn p1_what_the_kernel_goes_on_without_is_named() {
    let model = "max,-smap,-umip,-mce,-rdrand,-rdseed,-pge,-xsave";
    let boot = Setup::of("hello").cpus(2).model(model).start();
    assert_eq!(boot.exit(), 7);
    for name in ["smap", "umip", "mce, mca", "rdrand, rdseed", "xsave"] {
        assert!(
            boot.console()
                .contains(&format!("this processor has no {name}: ")),
            "{name}: {}",
            boot.console()
        );
    }
}

#[test]
fn p1_a_terminal_that_is_not_there_is_no_success() {
    // The shell has nobody to talk to: once it took that for a goodbye, and the machine ended with success and no word.
    let boot = Setup::shell().cpus(1).without_terminal().start();
    assert_eq!(boot.exit(), 1);
    let told = boot.console();
    let reason = "no serial line answers at port 0x2f8 (COM2)";
    assert!(told.contains(&format!("{reason}. On QEMU")), "{told}");
    assert!(
        told.contains("shell: ") && told.matches(reason).count() == 2,
        "{told}"
    );
}

#[test]
fn p1_words_that_mean_nothing_to_the_kernel_are_named() {
    let boot = Setup::of("hello")
        .argument("trase")
        .argument("trace=lots")
        .start();
    assert_eq!(boot.exit(), 7);
    for word in ["`trase`", "`trace=lots`"] {
        assert!(boot.console().contains(word), "{}", boot.console());
    }
}

#[test]
fn p4_a_machine_check_ends_in_a_report_of_the_hardware() {
    // An uncorrected error of memory, as the processor tells it: bank, status, address.
    let boot = Setup::shell().cpus(2).monitored().start();
    boot.wait_for_line("booted in");
    boot.order("mce 1 2 0xbd00000000000134 0x4 0x1234000 0x8c");
    let ending = boot.ending();
    let told = boot.console();
    if ending.exit_code() != 125 || !told.contains("==== Sundial hardware error ====") {
        boot.fail(&format!("a machine check: {ending}"));
    }
    let bank = "bank 2: status 0xbd00000000000134 address 0x1234000 more 0x8c";
    assert!(told.contains(bank) && told.contains("cpu 1 (apic 1)"), "{told}");
}
