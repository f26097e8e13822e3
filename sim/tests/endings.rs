//! How runs end, and what is said about it: a deadlock or a lost wake-up must not look like a good run.

use sched::Nanos;
use sim::input::toml;
use sim::{Ending, Machine, RunResult};

/// Runs one CPU for five seconds; without delays, so that times are round.
#[track_caller]
fn run(text: &str) -> (Machine, RunResult) {
    let text = format!("duration = '5s'\nmachine = {{ cpus = 1, entry = '1ns' }}\n{text}");
    let scenario = toml::read(&text, "test.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let mut machine = Machine::new(&scenario);
    let outcome = machine.run();
    assert_eq!(outcome.broken, None);
    (machine, outcome)
}

fn thread(name: &str, program: &str) -> String {
    format!("[[thread]]\nname = '{name}'\nprogram = [{program}]\n")
}

fn millis(machine: &Machine, at: sched::Instant) -> u64 {
    machine.since_power_on(at).0 / 1_000_000
}

/// Who waits at which step, for what, and who has it.
fn waits(outcome: &RunResult) -> Vec<String> {
    let waiters = outcome.waiters.iter();
    let waiters = waiters.map(|waiter| {
        let holder = waiter.held_by.as_deref().unwrap_or("nobody");
        format!(
            "{}: {}: {}: {holder}",
            waiter.thread, waiter.step, waiter.waits_for
        )
    });
    waiters.collect()
}

#[test]
fn l9_a_thread_that_nobody_resumes_is_named_and_has_its_share_of_the_time_asked_for() {
    let (machine, outcome) = run(&thread("stuck", "'run 1ms', 'suspend', 'run 1ms'"));
    let Ending::Stuck { at } = outcome.ending else {
        panic!("{:?}", outcome.ending)
    };
    assert_eq!(millis(&machine, at), 1);
    assert_eq!(
        waits(&outcome),
        ["stuck 1: suspend: somebody to resume it: nobody"]
    );
    let summary = machine.summary();
    assert_eq!(
        (summary.now, summary.busy),
        (Nanos::from_secs(5), Nanos(1_000_001))
    );
}

#[test]
fn l9_two_locks_in_both_orders_are_told_with_their_owners() {
    let (_, outcome) = run(&[
        thread("a", "'lock m', 'sleep 1ms', 'lock n', 'unlock n', 'unlock m'"),
        thread("b", "'lock n', 'sleep 1ms', 'lock m', 'unlock m', 'unlock n'"),
        thread("c", "'sleep 2ms', 'lock m', 'unlock m'"),
    ]
    .concat());
    assert!(matches!(outcome.ending, Ending::Stuck { .. }));
    assert_eq!(
        waits(&outcome),
        [
            "a 1: lock n: lock n: b 2",
            "b 2: lock m: lock m: a 1",
            "c 3: lock m: lock m: a 1"
        ]
    );
}

#[test]
fn l9_a_lock_taken_twice_by_its_owner_is_waited_for_and_said() {
    let twice = thread("twice", "'lock m', 'run 1ms', 'lock m', 'unlock m', 'unlock m'");
    let other = thread("other", "'sleep 500us', 'lock m', 'unlock m'");
    let (_, outcome) = run(&(twice + &other));
    assert!(matches!(outcome.ending, Ending::Stuck { .. }));
    assert_eq!(
        waits(&outcome),
        [
            "twice 1: lock m: lock m: twice 1",
            "other 2: lock m: lock m: twice 1"
        ]
    );
    let said = "twice 1 waits for ever at `lock m` for lock m, which it has itself";
    assert_eq!(outcome.stuck().as_deref(), Some(said));
    // Beside somebody who goes on it is as wrong.
    let hog = "[[thread]]\nname = 'hog'\nrepeat = 'forever'\nprogram = ['run 10ms']\n";
    let (_, outcome) = run(&(thread("twice", "'lock m', 'lock m'") + hog));
    assert_eq!(
        (outcome.ending, outcome.stuck().as_deref()),
        (Ending::TimeIsOver, Some(said))
    );
    // Who gives it back in between may take it again.
    let (_, outcome) = run(&thread("twice", "'lock m', 'unlock m', 'lock m', 'unlock m'"));
    assert!(matches!(outcome.ending, Ending::EverybodyEnded { .. }) && outcome.stuck().is_none());
}

#[test]
fn l9_a_busy_machine_hides_nobody_who_waits_for_ever() {
    let hog = "[[thread]]\nname = 'hog'\nrepeat = 'forever'\nprogram = ['run 10ms']\n";
    let (_, outcome) = run(&(thread("stuck", "'suspend'") + hog));
    assert_eq!(outcome.ending, Ending::TimeIsOver);
    assert_eq!(
        waits(&outcome),
        ["stuck 1: suspend: somebody to resume it: nobody"]
    );
}

#[test]
fn l9_who_is_let_go_on_in_the_end_does_not_wait_for_ever() {
    // Each of them is freed by somebody who sleeps beyond the end, or by somebody whom that one frees.
    let objects =
        "objects = { barriers = [{ name = 'round', size = 2 }], pipes = [{ name = 'p', capacity = 9 }] }\n";
    let (_, outcome) = run(&[
        objects.to_owned(),
        thread("owner", "'lock m', 'sleep 9s', 'signal ready', 'barrier round'"),
        thread(
            "locker",
            "'sleep 1ms', 'lock m', 'resume sleeper', 'write p 5', 'call files'",
        ),
        thread("sleeper", "'suspend'"),
        thread("reader", "'read p 5'"),
        thread("server", "'serve files', 'serve files'"),
        thread("round", "'barrier round'"),
        thread("waiter", "'lock n', 'wait ready n'"),
    ]
    .concat());
    assert_eq!(outcome.ending, Ending::TimeIsOver);
    assert_eq!(waits(&outcome), [] as [&str; 0]);
}

#[test]
fn l9_each_kind_of_waiting_is_told_in_words() {
    let objects =
        "objects = { barriers = [{ name = 'round', size = 3 }], pipes = [{ name = 'p', capacity = 9 }] }\n";
    let (_, outcome) = run(&[
        objects.to_owned(),
        thread("a", "'barrier round'"),
        thread("b", "'write p 5', 'write p 5'"),
        thread("c", "'call files'"),
        thread("d", "'serve files', 'call other'"),
        thread("e", "'serve files'"),
        thread("f", "'lock m', 'wait ready m'"),
    ]
    .concat());
    assert!(matches!(outcome.ending, Ending::Stuck { .. }));
    assert_eq!(
        waits(&outcome),
        [
            "a 1: barrier round: barrier round, where 1 of 3 are: nobody",
            "b 2: write p 5: pipe p, which holds 5 of 9 bytes: nobody",
            "c 3: call files: an answer from files: d 4",
            "d 4: call other: an answer from other: nobody",
            "e 5: serve files: a call to files: nobody",
            "f 6: wait ready m: condition ready: nobody",
        ]
    );
}

#[test]
fn l9_a_run_whose_threads_have_ended_says_when() {
    let (machine, outcome) = run(&thread("short", "'run 18ms'"));
    let Ending::EverybodyEnded { at } = outcome.ending else {
        panic!("{:?}", outcome.ending)
    };
    assert_eq!((millis(&machine, at), outcome.waiters.len()), (18, 0));
    assert_eq!(machine.summary().now, Nanos::from_secs(5));
    // Somebody is still to come after the end.
    let late = "[[thread]]\nname = 'late'\nstart = '6s'\nprogram = ['run 1ms']\n";
    let (_, outcome) = run(late);
    assert_eq!(outcome.ending, Ending::TimeIsOver);
}

#[test]
fn l9_a_run_that_is_stopped_says_so() {
    let text =
        "duration = '1s'\n[[thread]]\nname = 'hog'\ninstances = 2\nrepeat = 'forever'\nprogram = ['run 1ms']";
    let scenario = toml::read(text, "test.toml").unwrap();
    let mut machine = Machine::new(&scenario);
    machine.stop_after(100);
    assert_eq!(machine.run().ending, Ending::Stopped);
}

/// Two CPUs, one of which runs a hog and makes no record for the rest of the second.
#[test]
fn l9_what_a_cpu_ran_last_counts_to_the_end_in_every_picture() {
    let text = "
        duration = '1s'
        machine = { cpus = 2, entry = '1ns' }
        [[thread]]
        name = 'late'
        start = '500ms'
        repeat = 'forever'
        program = ['run 10ms']
        [[thread]]
        name = 'short'
        start = '500ms'
        cpus = [1]
        program = ['run 10ms']
    ";
    let scenario = toml::read(text, "test.toml").unwrap();
    let mut machine = Machine::new(&scenario);
    machine.recorder.keep();
    let _ = machine.run();
    let trace = machine.trace();
    assert_eq!(trace.span(), Nanos::from_secs(1));
    let mut file = Vec::new();
    trace.write(&mut file).unwrap();
    let trace = lab::Trace::read(&mut file.as_slice()).unwrap();
    let summary = lab::summary::Summary::of(&trace);
    assert!(summary.text().contains("events in 1000.000 ms on 2 CPUs"));
    let threads = summary.json()["threads"].clone();
    assert_eq!(threads[0]["runtime_ns"], 500_000_000);
    assert_eq!(threads[1]["runtime_ns"], 10_000_001);
    let page = lab::report::of_trace(&trace, "").markdown();
    assert!(page.contains("500.0 ms |           25.00 %"), "{page}");
}
