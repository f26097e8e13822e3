//! A1, B4: what the kernel counts adds up, moves by exactly what happened, and stands still when nothing does. Each part does
//! one thing a known number of times and looks at the counters of all CPUs before and after (docs/counters.md).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Release};

use rt::monitor::Monitor;
use rt::park::{park, unpark};
use rt::policy::SchedulingPolicyCap;
use rt::thread::{ThreadControl, Threads};
use rt::time::Timer;
use rt::{Env, Error};
use schema_gen::monitor::ThreadState;

use crate::ensure;
use crate::tools::{PATIENCE_NS, Wrong, compute_for, wait_until};

const MS: u64 = 1_000_000;

/// How often each thing is done.
const TIMES: u64 = 10;

/// One CPU's counters by name.
type Counted = BTreeMap<String, u64>;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    // Whatever boot left to do is done by then.
    timer.sleep_ns(50 * MS)?;
    everything_adds_up(env)?;
    a_yield_is_a_switch_and_nothing_else(env)?;
    a_sleep_is_a_block_and_a_timer_interrupt(env)?;
    a_thread_begins_once_and_ends_once(env)?;
    a_policy_is_admitted_or_denied(env)?;
    a_burst_interrupts_a_cpu_once(env)?;
    everything_adds_up(env)
}

/// The counters of every CPU.
fn look(env: &Env) -> Result<Vec<Counted>, Error> {
    let monitor: Monitor = env.first()?;
    let count = monitor.system(|info| Ok(info.get_cpu_count()))?;
    (0..count)
        .map(|cpu| {
            monitor.counters(cpu, |_, list| {
                list.iter()
                    .map(|counter| Ok((counter.get_name()?.to_string()?, counter.get_value())))
                    .collect()
            })
        })
        .collect()
}

/// One counter, of all CPUs together.
fn sum(cpus: &[Counted], name: &str) -> u64 {
    cpus.iter()
        .map(|cpu| cpu.get(name).copied().unwrap_or(u64::MAX / 1024))
        .sum()
}

/// By how much counters of all CPUs together moved while something was done.
pub(crate) fn moved<const COUNT: usize>(
    env: &Env,
    names: [&str; COUNT],
    mut act: impl FnMut() -> Result<(), Wrong>,
) -> Result<[u64; COUNT], Wrong> {
    let before = look(env)?;
    act()?;
    let after = look(env)?;
    Ok(names.map(|name| sum(&after, name) - sum(&before, name)))
}

/// Whether the sums over these counters are the same.
fn same(cpus: &[Counted], left: &[&str], right: &[&str]) -> Result<(), Wrong> {
    let total = |names: &[&str]| names.iter().map(|name| sum(cpus, name)).sum::<u64>();
    let (one, other) = (total(left), total(right));
    ensure!(
        one == other,
        "{left:?} are {one}, {right:?} are {other} in {cpus:?}"
    );
    Ok(())
}

/// A1: the equations of docs/counters.md, on a machine whose other CPUs come to rest. One that is still on its way there has asked
/// for an interrupt, say, that it has not sent.
fn everything_adds_up(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let until = timer.now_ns()? + PATIENCE_NS;
    loop {
        match adds_up(env) {
            Err(Wrong::Seen(_)) if timer.now_ns()? < until => timer.sleep_ns(MS)?,
            result => return result,
        }
    }
}

fn adds_up(env: &Env) -> Result<(), Wrong> {
    let cpus = look(env)?;
    for cpu in &cpus {
        let cpu = core::slice::from_ref(cpu);
        same(
            cpu,
            &["switches"],
            &["preemptions", "voluntaryBlocks", "yields", "exits", "running"],
        )?;
        same(
            cpu,
            &["timerInterrupts"],
            &["timerSlice", "timerSleep", "timerBoth", "timerSpurious"],
        )?;
        same(
            cpu,
            &["timerInterrupts"],
            &["ticksIdle", "ticksAlone", "ticksShared"],
        )?;
        same(
            cpu,
            &[
                "wakesLocal",
                "wakesRemote",
                "startsLocal",
                "startsRemote",
                "forcedMoves",
            ],
            &[
                "placedOnlyCpu",
                "placedLastCpu",
                "placedIdleSibling",
                "placedIdleCpu",
                "placedLeastLoaded",
                "placedHere",
                "placementFailures",
            ],
        )?;
        same(cpu, &["ipisAskedFor"], &["ipisReceived", "ipisPending"])?;
        ensure!(
            sum(cpu, "sharedNs") <= sum(cpu, "busyNs") && sum(cpu, "steals") <= sum(cpu, "stealTries"),
            "a part is more than the whole in {cpu:?}"
        );
    }
    same(&cpus, &["ipisSent"], &["ipisAskedFor"])?;
    ensure!(
        sum(&cpus, "placementFailures") == 0,
        "a thread found no CPU to run on: {cpus:?}"
    );
    same(&cpus, &["steals"], &["stolenFrom"])?;
    ensure!(
        sum(&cpus, "running") >= 1,
        "nobody runs, not even who looks: {cpus:?}"
    );
    if cpus.len() == 1 {
        for never in [
            "ipisSent",
            "wakesRemote",
            "startsRemote",
            "stealTries",
            "shootdownsSent",
        ] {
            ensure!(sum(&cpus, never) == 0, "{never} moved on one CPU: {cpus:?}");
        }
    }
    Ok(())
}

fn a_yield_is_a_switch_and_nothing_else(env: &Env) -> Result<(), Wrong> {
    let control: ThreadControl = env.first()?;
    let names = ["yields", "switches", "preemptions", "voluntaryBlocks", "exits"];
    let moved = moved(env, names, || {
        (0..TIMES)
            .try_for_each(|_| control.yield_now())
            .map_err(Wrong::from)
    })?;
    ensure!(
        moved == [TIMES, TIMES, 0, 0, 0],
        "{TIMES} yields moved {names:?} by {moved:?}"
    );
    Ok(())
}

fn a_sleep_is_a_block_and_a_timer_interrupt(env: &Env) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let names = [
        "voluntaryBlocks",
        "timerSleep",
        "ticksIdle",
        "yields",
        "preemptions",
    ];
    let moved = moved(env, names, || {
        (0..TIMES)
            .try_for_each(|_| timer.sleep_ns(MS))
            .map_err(Wrong::from)
    })?;
    ensure!(
        moved == [TIMES, TIMES, TIMES, 0, 0],
        "{TIMES} sleeps moved {names:?} by {moved:?}"
    );
    Ok(())
}

fn a_thread_begins_once_and_ends_once(env: &Env) -> Result<(), Wrong> {
    let threads = Threads::new(env)?;
    let names = ["exits", "startsLocal", "startsRemote", "placementFailures"];
    let moved = moved(env, names, || {
        for _ in 0..TIMES {
            threads.spawn(|| ())?.join()?;
        }
        Ok(())
    })?;
    ensure!(
        moved[0] == TIMES && moved[1] + moved[2] == TIMES && moved[3] == 0,
        "{TIMES} threads moved {names:?} by {moved:?}"
    );
    Ok(())
}

fn a_policy_is_admitted_or_denied(env: &Env) -> Result<(), Wrong> {
    let policy: SchedulingPolicyCap = env.first()?;
    let names = ["policyAdmissions", "policyDenials"];
    let moved = moved(env, names, || {
        for weight in [1, 1024, 64] {
            policy.set_weight(weight)?;
        }
        for weight in [0, 1025] {
            ensure!(policy.set_weight(weight).is_err(), "weight {weight} was taken");
        }
        policy.snapshot()?;
        Ok(())
    })?;
    ensure!(
        moved == [3, 2],
        "three changes and two refusals moved {names:?} by {moved:?}"
    );
    Ok(())
}

/// B4: when many threads wake up at once, each interrupt is for one that became runnable, or for one that began while others
/// waited and summoned a helper for them.
fn a_burst_interrupts_a_cpu_once(env: &Env) -> Result<(), Wrong> {
    const SLEEPERS: u32 = 8;
    let (threads, timer): (_, Timer) = (Threads::new(env)?, env.first()?);
    let word = Arc::new(AtomicU32::new(0));
    let mut sleepers = Vec::new();
    for _ in 0..SLEEPERS {
        let word = word.clone();
        sleepers.push(threads.spawn(move || {
            while word.load(Acquire) == 0 {
                park(&word, 0, u64::MAX);
            }
        })?);
    }
    let monitor: Monitor = env.first()?;
    wait_until(&timer, "all sleepers sleep", || {
        monitor.threads(env.pid() as u32, |all| {
            let parked = all
                .iter()
                .filter(|one| one.get_state() == Ok(ThreadState::Blocked))
                .count();
            Ok(parked as u32 == SLEEPERS)
        })
    })?;
    let names = [
        "wakesLocal",
        "wakesRemote",
        "handoffs",
        "switches",
        "ipisAskedFor",
        "exits",
    ];
    let moved = moved(env, names, || {
        word.store(1, Release);
        unpark(&word, SLEEPERS);
        compute_for(&timer, MS)?;
        wait_until(&timer, "all sleepers are gone", || {
            monitor.threads(env.pid() as u32, |all| Ok(all.len() == 1))
        })
    })?;
    let [local, remote, handed, switches, asked, exits] = moved;
    ensure!(
        exits == u64::from(SLEEPERS)
            && local + remote + handed >= exits
            && asked <= local + remote + switches,
        "{SLEEPERS} threads woke at once and {names:?} moved by {moved:?}"
    );
    for sleeper in sleepers {
        sleeper.join()?;
    }
    Ok(())
}
