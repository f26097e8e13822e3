//! C1, C2, C3: what a thread used is charged to it when it leaves the CPU and not a moment longer, a blocked thread's
//! runtime stands still, and what threads and processes used that are gone stays in the sums.

use alloc::sync::Arc;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Release};

use rt::monitor::Monitor;
use rt::park::{park, unpark};
use rt::policy::SchedulingPolicyCap;
use rt::process::ProcessSpawner;
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Env, Error};
use schema_gen::monitor::{ProcessState, ThreadState};

use crate::tools::{Wrong, compute_for, thread, wait_until};
use crate::{child, ensure};

const MS: u64 = 1_000_000;

/// How long threads compute here.
const WORK_NS: u64 = 20 * MS;

/// The first thread that this program starts: the main thread is 1.
const FIRST: u32 = 2;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    a_blocked_thread_uses_nothing(env)?;
    every_nap_is_counted(env)?;
    nobody_uses_more_than_there_is(env)?;
    exited_threads_stay_in_the_sum(env)?;
    exited_processes_keep_theirs(env)
}

/// C1: computes, blocks, and is looked at while another thread computes on.
fn a_blocked_thread_uses_nothing(env: &Env) -> Result<(), Wrong> {
    let (threads, timer): (_, Timer) = (Threads::new(env)?, env.first()?);
    let word = Arc::new(AtomicU32::new(0));
    let worker = threads.spawn({
        let (env, word) = (*env, word.clone());
        move || -> Result<(), Error> {
            compute_for(&env.first()?, WORK_NS)?;
            while word.load(Acquire) == 0 {
                park(&word, 0, u64::MAX);
            }
            Ok(())
        }
    })?;
    let used = || {
        thread(env, FIRST, |thread| {
            (
                thread.get_runtime_ns(),
                thread.get_virtual_runtime_ns(),
                thread.get_switches(),
            )
        })
    };
    // It enters the kernel while it computes, and naps on locks of the runtime, but not for as long as this.
    let mut before = used()?;
    wait_until(&timer, "the worker has finished and sleeps", || {
        timer.sleep_ns(5 * MS)?;
        let now = used()?;
        let still = now == before && now.0 >= WORK_NS / 2;
        before = now;
        Ok(still && blocked(env)?)
    })?;
    compute_for(&timer, WORK_NS)?;
    let after = used()?;
    ensure!(
        after == before,
        "a blocked thread went from {before:?} to {after:?}"
    );
    word.store(1, Release);
    unpark(&word, 1);
    worker.join()??;
    Ok(())
}

fn blocked(env: &Env) -> Result<bool, Error> {
    thread(env, FIRST, |thread| {
        thread.get_state() == Ok(ThreadState::Blocked)
    })
}

/// C2: voluntary blocks and switches, of the thread that looks.
fn every_nap_is_counted(env: &Env) -> Result<(), Wrong> {
    const NAPS: u64 = 10;
    let timer: Timer = env.first()?;
    let counts = || {
        thread(env, 1, |thread| {
            (
                thread.get_voluntary_blocks(),
                thread.get_switches(),
                thread.get_runtime_ns(),
            )
        })
    };
    let before = counts()?;
    for _ in 0..NAPS {
        timer.sleep_ns(100_000)?;
    }
    let after = counts()?;
    let (blocks, switches) = (after.0 - before.0, after.1 - before.1);
    ensure!(
        blocks == NAPS && switches >= NAPS && after.2 > before.2,
        "{NAPS} sleeps, and the counters went from {before:?} to {after:?}"
    );
    Ok(())
}

/// C2: on as many CPUs as there are, threads that compute together use no more than those CPUs, and what a thread did
/// not use while it could run, it waited.
fn nobody_uses_more_than_there_is(env: &Env) -> Result<(), Wrong> {
    let (threads, timer, monitor): (_, Timer, Monitor) = (Threads::new(env)?, env.first()?, env.first()?);
    let cpus = u64::from(monitor.system(|info| Ok(info.get_cpu_count()))?);
    let used = || -> Result<u64, Error> {
        monitor.processes(|all| {
            let ours = all
                .iter()
                .find(|process| u64::from(process.get_pid()) == env.pid());
            Ok(ours.map_or(0, |process| process.get_runtime_ns()))
        })
    };
    let (began, before) = (timer.now_ns()?, used()?);
    let hogs = cpus + 1;
    let mut started = alloc::vec::Vec::new();
    for _ in 0..hogs {
        let env = *env;
        started.push(threads.spawn(move || -> Result<[u64; 3], Error> {
            let timer: Timer = env.first()?;
            let policy: SchedulingPolicyCap = env.first()?;
            // The clock on both sides of each look at the counters: bounds that hold however slow the host is.
            let (outer, start, inner) = (timer.now_ns()?, policy.snapshot()?, timer.now_ns()?);
            compute_for(&timer, 3 * WORK_NS)?;
            let (least, end, most) = (
                timer.now_ns()? - inner,
                policy.snapshot()?,
                timer.now_ns()? - outer,
            );
            let accounted = end.runtime_ns - start.runtime_ns + end.waiting_ns - start.waiting_ns;
            Ok([least, accounted, most])
        })?);
    }
    for hog in started {
        let [least, accounted, most] = hog.join()??;
        // On its way from one CPU to another a thread neither runs nor waits; that is not long.
        ensure!(
            accounted <= most && accounted >= least - least / 4,
            "a thread ran or waited {accounted} ns in {least} to {most} ns"
        );
    }
    let used = used()? - before;
    let passed = timer.now_ns()? - began;
    ensure!(used <= passed * cpus, "{used} ns on {cpus} CPUs in {passed} ns");
    Ok(())
}

/// C3: a process's runtime covers what its threads used that have ended.
fn exited_threads_stay_in_the_sum(env: &Env) -> Result<(), Wrong> {
    let (threads, monitor): (_, Monitor) = (Threads::new(env)?, env.first()?);
    let sum = || -> Result<u64, Error> {
        monitor.processes(|all| {
            let ours = all
                .iter()
                .find(|process| u64::from(process.get_pid()) == env.pid());
            Ok(ours.map_or(0, |process| process.get_runtime_ns()))
        })
    };
    let before = sum()?;
    let mut used = 0;
    for _ in 0..3 {
        let env = *env;
        let worker = threads.spawn(move || -> Result<u64, Error> {
            compute_for(&env.first()?, WORK_NS / 4)?;
            let policy: SchedulingPolicyCap = env.first()?;
            Ok(policy.snapshot()?.runtime_ns)
        })?;
        used += worker.join()??;
    }
    let after = sum()?;
    ensure!(
        used > 0 && after >= before + used,
        "three threads used {used} ns and ended; their process went from {before} to {after} ns"
    );
    Ok(())
}

/// C3: the row of a process that has ended keeps its runtime, which moves no more.
fn exited_processes_keep_theirs(env: &Env) -> Result<(), Wrong> {
    let (spawner, timer, monitor): (ProcessSpawner, Timer, Monitor) =
        (env.first()?, env.first()?, env.first()?);
    let child = child::start(&spawner, "worker", &[])?;
    let code = child.handle.wait()?;
    ensure!(code == 0, "the worker ended with {code}");
    let row = || {
        monitor.processes(|all| {
            let ended = all
                .iter()
                .find(|process| u64::from(process.get_pid()) != env.pid());
            Ok(ended.map(|process| (process.get_state().ok(), process.get_runtime_ns())))
        })
    };
    let before = row()?;
    compute_for(&timer, WORK_NS)?;
    let after = row()?;
    let kept = matches!(before, Some((Some(ProcessState::Exited), used)) if used >= child::WORKER_NS / 2);
    ensure!(
        kept && before == after,
        "a process that has ended is shown as {before:?}, then as {after:?}"
    );
    Ok(())
}
