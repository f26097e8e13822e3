//! A thousand CPUs and a hundred thousand threads.

use sched::Nanos;
use sim::{Machine, compare};

/// All threads are made on one CPU at once and must find their way to all the others.
#[test]
fn s4_a_hundred_thousand_threads_keep_a_thousand_cpus_busy_and_the_rules() {
    let scenario = compare::crowd(1_024, 100_000, Nanos::from_millis(25));
    let mut machine = Machine::new(&scenario);
    machine.audit_every(400_000);
    let outcome = machine.run();
    assert_eq!(outcome.broken, None);
    let summary = machine.summary();
    assert_eq!(summary.threads, 100_000);
    let capacity = summary.now.0 * 1_024;
    let idle = capacity.saturating_sub(summary.busy.0);
    // Each CPU is woken once; what is charged last is not collected yet.
    assert!(idle * 20 < capacity, "{idle} ns of {capacity} were idle");
}

/// The same machine again is the same run: nothing depends on the host.
#[test]
fn l1_a_large_machine_repeats_exactly() {
    let scenario = compare::crowd(256, 10_000, Nanos::from_millis(5));
    let run = || {
        let mut machine = Machine::new(&scenario);
        machine.audit_every(0);
        machine.run().fingerprint
    };
    assert_eq!(run(), run());
}
