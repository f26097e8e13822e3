//! Two threads meddle with the scheduling policy of others that never stand still: one sets weights, one sets classes, at
//! the same time, while the targets compute, sleep, yield and wake each other. Wherever a target is caught (running, in a
//! queue, parked, just woken, on its way to another CPU), a change must take, must not undo the other meddler's, and must
//! leave no counter smaller than it was. Rules D2, D3, A1 and C2.
//!
//! [`targets`] are the threads that are meddled with.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod targets;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;

use rt::error::Kind;
use rt::monitor::{Monitor, Supervisor};
use rt::policy::{LatencyClass, SchedulingPolicyCap};
use rt::random::Random;
use rt::text::number_in;
use rt::thread::Threads;
use rt::{Env, Error, println};

const USAGE: &str = "usage: meddler [ROUNDS]
  Changes weights and classes of seven busy threads so many times, and checks that every change takes.
  Default: 2000.";

/// The first target's number: the main thread is 1, the second meddler 2.
const FIRST_TARGET: u32 = 3;

/// How often the whole machine is looked at, in rounds.
const LOOK: u32 = 16;

/// How often the effect of a weight is looked at, and for how long each time.
const EFFECTS: usize = 15;
const WATCH_NS: u64 = 10_000_000;

/// Why the program ends early.
enum Trouble {
    /// The kernel answered so.
    Refused(Error),
    /// What was seen is wrong.
    Wrong(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Refused(error)
    }
}

/// Ends the program early unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err(Trouble::Wrong(alloc::format!($($what)+)));
        }
    };
}

fn parse(arguments: &[&str]) -> Result<u32, String> {
    match arguments {
        [] => Ok(2000),
        [rounds] => number_in(rounds, "number of rounds", 1..=1_000_000).map(|rounds| rounds as u32),
        _ => Err("there are too many arguments".into()),
    }
}

/// The program.
pub fn run(env: &Env) -> i64 {
    let rounds = match rt::text::settings(&env.arguments(), USAGE, parse) {
        Ok(rounds) => rounds,
        Err(code) => return code,
    };
    match meddle(env, rounds) {
        Ok(()) => {
            println!("meddler: {rounds} rounds, every change took");
            0
        }
        Err(Trouble::Refused(error)) => {
            println!("meddler: {error}");
            1
        }
        Err(Trouble::Wrong(what)) => {
            println!("meddler: {what}");
            1
        }
    }
}

fn meddle(env: &Env, rounds: u32) -> Result<(), Trouble> {
    let threads = Threads::new(env)?;
    let (monitor, supervisor): (Monitor, Supervisor) = (env.first()?, env.first()?);
    let pid = env.pid() as u32;
    let stop = Arc::new(AtomicBool::new(false));
    let over = Arc::new(AtomicBool::new(false));

    let classes = {
        let (env, over) = (*env, over.clone());
        threads.spawn(move || set_classes(&env, pid, &over))?
    };
    let targets = targets::start(env, &threads, &stop)?;
    let count = targets.len() as u32;
    let policies = policies(&supervisor, pid, count)?;

    // An error ends the program, and with it every thread.
    let weights = set_weights(&monitor, &policies, pid, rounds)?;
    over.store(true, Relaxed);
    let set = classes.join()??;
    check_last(&monitor, pid, &weights, &set)?;
    check_effect(&monitor, &policies, pid)?;
    stop.store(true, Relaxed);
    for target in targets {
        target.join()?;
    }
    check_ended(&supervisor, &policies, pid)
}

/// The policy of every target.
fn policies(supervisor: &Supervisor, pid: u32, count: u32) -> Result<Vec<SchedulingPolicyCap>, Error> {
    (FIRST_TARGET..FIRST_TARGET + count)
        .map(|tid| supervisor.thread_policy(pid, tid))
        .collect()
}

/// Sets random weights; the last one of each target.
fn set_weights(
    monitor: &Monitor,
    policies: &[SchedulingPolicyCap],
    pid: u32,
    rounds: u32,
) -> Result<Vec<u16>, Trouble> {
    let mut weights: Vec<u16> = policies.iter().map(|_| 64).collect();
    let mut random = Random(1);
    let mut seen = Vec::new();
    for round in 0..rounds {
        let index = random.below(policies.len() as u32) as usize;
        let (policy, weight) = (&policies[index], 1 + random.below(1024) as u16);
        let before = policy.snapshot()?;
        policy.set_weight(weight)?;
        weights[index] = weight;
        let after = policy.snapshot()?;
        ensure!(
            after.weight == weight,
            "target {index} has weight {}, not {weight}",
            after.weight
        );
        ensure!(
            after.runtime_ns >= before.runtime_ns
                && after.waiting_ns >= before.waiting_ns
                && after.voluntary_blocks >= before.voluntary_blocks
                && after.preemptions >= before.preemptions,
            "a counter of target {index} went back: {before:?}, then {after:?}"
        );
        if round % LOOK == 0 {
            let now = counters(monitor, pid)?;
            ensure!(
                seen.iter().zip(&now).all(|(before, now)| before <= now),
                "a counter of the machine went back: {seen:?}, then {now:?}"
            );
            seen = now;
        }
    }
    Ok(weights)
}

/// Counters of the CPUs, of this process and of its threads, always in this order.
fn counters(monitor: &Monitor, pid: u32) -> Result<Vec<u64>, Error> {
    let mut all = monitor.cpus(|cpus| {
        let of_one = |cpu: schema_gen::monitor::cpu_status::Reader<'_>| {
            [
                cpu.get_busy_ns(),
                cpu.get_idle_ns(),
                cpu.get_switches(),
                cpu.get_timer_interrupts(),
            ]
        };
        Ok(cpus.iter().flat_map(of_one).collect::<Vec<u64>>())
    })?;
    all.extend(monitor.processes(|processes| {
        let ours = processes.iter().find(|process| process.get_pid() == pid);
        Ok(ours.map_or([0; 2], |process| {
            [process.get_runtime_ns(), process.get_switches()]
        }))
    })?);
    all.extend(monitor.threads(pid, |threads| {
        let of_one = |thread: schema_gen::monitor::thread_status::Reader<'_>| {
            [
                thread.get_runtime_ns(),
                thread.get_virtual_runtime_ns(),
                thread.get_switches(),
            ]
        };
        Ok(threads.iter().flat_map(of_one).collect::<Vec<u64>>())
    })?);
    Ok(all)
}

/// Sets random classes until it is over; the last one of each target.
fn set_classes(env: &Env, pid: u32, over: &AtomicBool) -> Result<Vec<LatencyClass>, Error> {
    let supervisor: Supervisor = env.first()?;
    // The main thread starts the targets meanwhile; the last of them comes last.
    let policies = loop {
        match policies(&supervisor, pid, targets::COUNT) {
            Err(error) if error.is(Kind::InvalidArgument) => rt::nap(100_000),
            found => break found?,
        }
    };
    let mut classes: Vec<LatencyClass> = policies.iter().map(|_| LatencyClass::Normal).collect();
    let mut random = Random(2);
    while !over.load(Relaxed) {
        let index = random.below(policies.len() as u32) as usize;
        let class = LatencyClass::ALL[random.below(4) as usize];
        policies[index].set_latency_class(class)?;
        classes[index] = class;
    }
    Ok(classes)
}

/// Whether each target has the weight and the class that were set last: neither meddler has undone the other's.
fn check_last(monitor: &Monitor, pid: u32, weights: &[u16], classes: &[LatencyClass]) -> Result<(), Trouble> {
    let shown = monitor.threads(pid, |threads| {
        let mut shown = Vec::new();
        for thread in threads.iter().filter(|thread| thread.get_tid() >= FIRST_TARGET) {
            shown.push((thread.get_weight(), thread.get_class()? as u16));
        }
        Ok(shown)
    })?;
    let set: Vec<(u16, u16)> = weights
        .iter()
        .zip(classes)
        .map(|(weight, class)| (*weight, *class as u16))
        .collect();
    ensure!(shown == set, "weights and classes are {shown:?}, not {set:?}");
    Ok(())
}

/// Whether a weight does what it says from the moment it is set: virtual runtime advances by 64 / weight of what a thread
/// runs, wherever it was when its weight changed.
fn check_effect(monitor: &Monitor, policies: &[SchedulingPolicyCap], pid: u32) -> Result<(), Trouble> {
    for weight in [16, 1024, 250, 1, 64].into_iter().cycle().take(EFFECTS) {
        for policy in policies {
            policy.set_weight(weight)?;
        }
        let before = used(monitor, pid)?;
        rt::nap(WATCH_NS);
        let after = used(monitor, pid)?;
        for (target, (before, after)) in before.iter().zip(&after).enumerate() {
            let (ran, advanced) = (after.0 - before.0, after.1 - before.1);
            let expected = ran * 64 / u64::from(weight);
            // Each time a thread leaves a CPU, its virtual time may be rounded.
            ensure!(
                advanced.abs_diff(expected) <= expected / 100 + 1000,
                "target {target} at weight {weight} ran {ran} ns and advanced {advanced}, not {expected}"
            );
        }
    }
    Ok(())
}

/// Runtime and virtual runtime of every target.
fn used(monitor: &Monitor, pid: u32) -> Result<Vec<(u64, u64)>, Error> {
    monitor.threads(pid, |threads| {
        let targets = threads.iter().filter(|thread| thread.get_tid() >= FIRST_TARGET);
        Ok(targets
            .map(|thread| (thread.get_runtime_ns(), thread.get_virtual_runtime_ns()))
            .collect())
    })
}

/// Whether threads that have ended are out of reach, and still tell what they used.
fn check_ended(supervisor: &Supervisor, policies: &[SchedulingPolicyCap], pid: u32) -> Result<(), Trouble> {
    for (tid, policy) in (FIRST_TARGET..).zip(policies) {
        let set = policy.set_weight(64);
        ensure!(
            matches!(&set, Err(error) if error.is(Kind::Disconnected)),
            "the weight of a thread that has ended: {set:?}"
        );
        let used = policy.snapshot()?.runtime_ns;
        ensure!(used > 0, "thread {tid} has ended and has used nothing");
        let found = supervisor.thread_policy(pid, tid).map(|_| ());
        ensure!(
            matches!(&found, Err(error) if error.is(Kind::InvalidArgument)),
            "a thread that has ended was found: {found:?}"
        );
    }
    Ok(())
}
