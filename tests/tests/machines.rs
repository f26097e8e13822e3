//! Machines of many shapes: every CPU is found, named and started, by xAPIC and by x2APIC.

use std::time::Duration;
use sundial_tests::{Boot, Setup};

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
