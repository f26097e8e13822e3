//! The operator's view of the counters (rule A1): `stat`, `cpus` and `top`, typed at the shell.

use serde_json::Value;
use sundial_tests::Boot;
use sundial_tests::shell::{answer, seated};
use xtask::workspace;

/// The object that a form of `stat --json` prints.
fn stat(boot: &Boot, line: &str) -> Value {
    let said = answer(boot, line);
    let object = said.lines().find(|line| line.starts_with('{'));
    let object = object.unwrap_or_else(|| boot.fail(&format!("no object in {said}")));
    serde_json::from_str(object).unwrap_or_else(|error| boot.fail(&format!("{error} in {object}")))
}

fn counter(object: &Value, name: &str) -> u64 {
    object[name]
        .as_u64()
        .unwrap_or_else(|| panic!("no {name} in {object}"))
}

#[test]
fn a1_stat_is_the_sum_of_its_cpus_and_every_name_is_in_the_book() {
    let boot = seated();
    let seen = stat(&boot, "stat --json");
    let machine = seen["machine"].as_object().expect("the machine's counters");
    let cpus = seen["cpus"].as_array().expect("a list of CPUs");
    assert_eq!(cpus.len(), 2);
    let book = std::fs::read_to_string(workspace::root().join("docs/counters.md")).expect("docs/counters.md");
    for (name, whole) in machine {
        let parts: u64 = cpus.iter().map(|cpu| counter(&cpu["counters"], name)).sum();
        assert_eq!(whole.as_u64(), Some(parts), "{name}");
        assert!(
            book.contains(&format!("| `{name}` |")),
            "{name} is not in docs/counters.md"
        );
    }
    for cpu in cpus {
        let counters = &cpu["counters"];
        let sum = |names: &[&str]| names.iter().map(|name| counter(counters, name)).sum::<u64>();
        assert_eq!(
            sum(&["switches"]),
            sum(&["preemptions", "voluntaryBlocks", "yields", "exits", "running"]),
            "{counters}"
        );
    }
    let table = answer(&boot, "stat");
    assert!(
        table.contains("MACHINE") && table.contains("CPU 1") && table.contains("switches"),
        "{table}"
    );
    let one = answer(&boot, "stat 1");
    assert!(one.contains("CPU 1") && !one.contains("CPU 0"), "{one}");
    assert!(answer(&boot, "stat 7").contains("there is no CPU 7"));
}

#[test]
fn a1_stat_over_a_while_shows_what_happened_in_it() {
    let boot = seated();
    let before = stat(&boot, "stat --json");
    let said = answer(&boot, "hello");
    assert!(said.contains("hello from process"), "{said}");
    let after = stat(&boot, "stat --json");
    let exits = |seen: &Value| counter(&seen["machine"], "exits");
    assert_eq!(exits(&after), exits(&before) + 1, "one thread ended");

    // Nothing but the shell's own waiting happens in this second: nobody ends, no policy changes, no tick is taken.
    let quiet = stat(&boot, "stat 1s --json");
    assert_eq!(quiet["overNs"], 1_000_000_000_u64);
    let machine = &quiet["machine"];
    for still in [
        "exits",
        "policyAdmissions",
        "policyDenials",
        "preemptions",
        "yields",
    ] {
        assert_eq!(counter(machine, still), 0, "{still} in {machine}");
    }
    let passed = counter(machine, "busyNs") + counter(machine, "idleNs");
    assert!(
        passed >= 2_000_000_000,
        "two CPUs had {passed} ns in a second of each"
    );
    let suppressed = counter(machine, "ticksSuppressedIdle");
    assert!(
        suppressed > 2 * counter(machine, "timerInterrupts"),
        "{suppressed} ticks suppressed in {machine}"
    );
}

#[test]
fn a1_cpus_and_top_name_the_policy() {
    let boot = seated();
    let cpus = answer(&boot, "cpus");
    assert!(cpus.contains("scheduler: eevdf, fair between threads"), "{cpus}");
    assert!(cpus.contains("MOVED OUT") && cpus.contains("SAVED"), "{cpus}");
    boot.type_text("top 1 1\r");
    let top = boot.expect("CALL/s");
    assert!(top.contains("eevdf"), "{top}");
}

#[test]
fn c3_an_ended_process_keeps_its_switches() {
    let boot = seated();
    let said = answer(&boot, "hello");
    assert!(said.contains("hello from process"), "{said}");
    let processes = answer(&boot, "ps");
    let row = processes
        .lines()
        .find(|line| line.contains("hello") && line.contains("exited 7"));
    let row = row.unwrap_or_else(|| boot.fail(&processes));
    let state = row.find("exited").expect("its state");
    let switches = row[..state]
        .split_whitespace()
        .last()
        .expect("a column before the state");
    assert!(
        switches
            .replace(',', "")
            .parse::<u64>()
            .is_ok_and(|count| count > 0),
        "{row}"
    );
}
