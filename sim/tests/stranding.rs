//! Rule E15, exhaustively for small systems: over every way to call, every state of the receiver, every state of the budgets and every pair of
//! CPUs, in every order of the first choices, nobody who could run is left for nobody to run, and a caller that others are in front of is
//! answered within a bound that does not depend on how little time those have.

use sched::Nanos;
use sim::scenario::Strategy;
use sim::{Machine, RunResult, Sabotage, Scenario, choose, input};

/// What the server does for one call. The budgets of poor callers are a tenth of it.
const SECTION: Nanos = Nanos::from_micros(1_000);

/// How many choices are gone through completely; all later ones take the first way.
const DEPTH: usize = 8;

/// How a caller waits.
const WAYS: [&str; 3] = ["", " within 300us", " for 300us"];

/// What a caller has.
const BUDGETS: [&str; 5] = [
    "",
    "limit = { budget = '100us', period = '100ms' }",
    "reserve = { budget = '100us', period = '100ms' }",
    "reserve = { budget = '100us', period = '100ms', overrun = 'demote' }",
    "reserve = { budget = '3ms', period = '10ms' }",
];

/// What the receiver is at when it is called, and what it has; and who is there besides.
const RECEIVERS: [(&str, &str, &str); 7] = [
    ("waits for calls", "", ""),
    ("computes", "start = '100us'", ""),
    ("has a limit", "limit = { budget = '500us', period = '2ms' }", ""),
    ("is far behind", "weight = 16", ""),
    (
        "calls on",
        "",
        "[[thread]]
        name = 'server behind'
        repeat = 'forever'
        program = ['serve behind', 'run 200us']",
    ),
    (
        "is ended at work",
        "instances = 2",
        "[[thread]]
        name = 'killer'
        start = '400us'
        program = ['kill server']
        [[thread]]
        name = 'server after'
        start = '450us'
        repeat = 'forever'
        program = ['serve files', 'run 1ms']",
    ),
    (
        "is called by somebody who ends",
        "",
        "[[thread]]
        name = 'killer'
        start = '400us'
        program = ['kill poor']",
    ),
];

/// On which CPU the callers are, and on which the server; one that has reserved time is where that is.
const PAIRS: [(&str, &str); 3] = [
    ("cpus = [0]", "cpus = [0]"),
    ("cpus = [0]", "cpus = [1]"),
    ("", ""),
];

/// Each of them.
fn systems() -> impl Iterator<Item = (String, Scenario)> {
    let ways = WAYS.into_iter();
    ways.flat_map(|way| BUDGETS.map(|budget| (way, budget)))
        .flat_map(|(way, budget)| RECEIVERS.map(|receiver| (way, budget, receiver)))
        .flat_map(|(way, budget, receiver)| PAIRS.map(|pair| system(way, budget, receiver, pair)))
}

fn system(
    way: &str,
    budget: &str,
    (state, receiver, others): (&str, &str, &str),
    (callers, server): (&str, &str),
) -> (String, Scenario) {
    let calls_on = if others.contains("serve behind") {
        "'call behind',"
    } else {
        ""
    };
    let text = format!(
        "duration = '40ms'
        machine = {{ cpus = 2, step = '200ns', ipi_delay = '500ns', timer_latency = '300ns' }}
        explore = {{ window = '400ns' }}
        [objects]
        endpoints = ['files', 'behind']
        [[thread]]
        name = 'server'
        {receiver}
        {server}
        repeat = 'forever'
        program = ['serve files', 'run 500us', {calls_on} 'run 500us']
        [[thread]]
        name = 'poor'
        {budget}
        {callers}
        program = ['call files{way}', 'run 50us']
        [[thread]]
        name = 'waiter'
        {callers}
        start = '100us'
        program = ['timer asks 1us', 'call files', 'timer asks 1us']
        [[thread]]
        name = 'hog'
        program = ['run forever']
        {server}
        {others}"
    );
    let scenario = input::toml::read(&text, "system").unwrap_or_else(|errors| panic!("{errors}"));
    (
        format!("a receiver that {state}, called{way} with '{budget}', on {callers} and {server}"),
        scenario,
    )
}

/// What is wrong with one run: a rule that broke, somebody left behind, or a waiter that was answered too late.
fn wrong(machine: &Machine, outcome: &RunResult) -> Option<String> {
    if let Some(broken) = &outcome.broken {
        return Some(broken.to_string());
    }
    // Servers wait for more calls.
    let left = outcome
        .waiters
        .iter()
        .find(|waiter| !waiter.thread.starts_with("server"));
    if let Some(left) = left {
        return Some(format!("{} waits for ever for {}", left.thread, left.waits_for));
    }
    let job = machine.jobs()[2];
    let is_late = job.done == 0 || job.longest > bound();
    is_late.then(|| format!("the waiter was answered late: {job:?}"))
}

/// Within which a waiter is answered: the section of who is in front of it and its own, each with the little that is called behind, at half a CPU
/// beside the hog or less where its server has a limit or little weight; and turns of the hog.
const fn bound() -> Nanos {
    Nanos(2 * SECTION.0 * 5 + 10_000_000)
}

/// Runs a system in every order of its first choices; how many orders there are, or what is wrong with one.
fn explore(scenario: &Scenario) -> Result<usize, String> {
    let mut scenario = scenario.clone();
    let (mut decisions, mut runs) = (Vec::new(), 0);
    loop {
        scenario.explore.strategy = Strategy::Given(decisions);
        let mut machine = Machine::new(&scenario);
        machine.audit_every(1);
        let outcome = machine.run();
        if let Some(wrong) = wrong(&machine, &outcome) {
            return Err(wrong);
        }
        runs += 1;
        match choose::next_decisions(&outcome.choices, DEPTH) {
            Some(next) => decisions = next,
            None => return Ok(runs),
        }
    }
}

#[test]
fn e15_nobody_is_stranded_however_who_calls_whom_with_what_time_on_which_cpus() {
    let (mut count, mut orders) = (0, 0);
    for (name, scenario) in systems() {
        orders += explore(&scenario).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        count += 1;
    }
    assert_eq!(count, WAYS.len() * BUDGETS.len() * RECEIVERS.len() * PAIRS.len());
    assert!(orders > 4 * count, "{orders} orders of {count} systems");
}

/// Whatever is wrong with lending, or with waking, is seen in some of these systems.
#[test]
fn e15_the_same_systems_show_what_a_machine_does_wrong() {
    let caught = |mistake, every| {
        let runs = systems().map(|(_, scenario)| {
            let mut machine = Machine::new(&scenario);
            machine.audit_every(every);
            machine.sabotage(mistake);
            let outcome = machine.run();
            wrong(&machine, &outcome)
        });
        runs.flatten().collect::<Vec<_>>()
    };
    for mistake in [Sabotage::StopAtTheEnd, Sabotage::KeepALoan] {
        assert!(caught(mistake, 1).len() > 4, "{mistake:?}");
    }
    // Also where nothing is looked at but how long the waiter waits.
    let late = caught(Sabotage::StopAtTheEnd, 0);
    assert!(
        late.iter()
            .filter(|wrong| wrong.contains("answered late"))
            .count()
            > 4,
        "{late:?}"
    );
}
