//! P5: a process that ends leaves nothing behind, however it lived and whenever it was ended. Children that compute,
//! sleep, yield, park, start threads and change their memory are killed at random moments, and then as many pages are
//! free as before.

use alloc::vec::Vec;

use rt::Env;
use rt::monitor::Monitor;
use rt::process::ProcessSpawner;
use rt::thread::Threads;
use rt::time::Timer;

use abi::syscall::exit_code;

use crate::tools::{Wrong, free_pages, wait_until};
use crate::{child, ensure};
use rt::random::Random;

/// Children until the kernel has whatever it keeps for later (rows of processes that have ended, room of its heap).
const WARM_UP: u32 = 80;
/// Children that count, in one batch.
const CHILDREN: u32 = 80;
/// Batches, in one of which no page may be lost.
const BATCHES: u32 = 3;
/// How long pages may take to come back, in nanoseconds.
const COMES_BACK_NS: u64 = 5_000_000_000;
/// Latest moment at which one is killed, in nanoseconds after its start.
const LATEST_NS: u32 = 2_000_000;
/// Threads started and ended in this process.
const THREADS: u32 = 200;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let (timer, monitor): (Timer, Monitor) = (env.first()?, env.first()?);
    let mut random = Random(5);
    kill(env, WARM_UP, &mut random)?;
    let rows =
        |monitor: &Monitor| monitor.system(|info| Ok((info.get_process_count(), info.get_thread_count())));
    let alive = rows(&monitor)?;
    // What is kept of the last that ended may come to lie in one page more, once; a leak goes on.
    let mut seen = Vec::new();
    for _ in 0..BATCHES {
        let before = free_pages(&monitor)?;
        kill(env, CHILDREN, &mut random)?;
        let until = timer.now_ns()? + COMES_BACK_NS;
        let mut after = free_pages(&monitor)?;
        while after < before && timer.now_ns()? < until {
            timer.sleep_ns(100_000)?;
            after = free_pages(&monitor)?;
        }
        seen.push((before, after));
        if after >= before {
            break;
        }
    }
    ensure!(
        seen.last().is_some_and(|(before, after)| after >= before),
        "pages that were free before and after {CHILDREN} processes were killed, again and again: {seen:?}"
    );
    let left = rows(&monitor)?;
    ensure!(
        left == alive,
        "processes and threads: {alive:?} before, {left:?} after"
    );
    threads_leave_nothing(env)
}

/// Starts children and kills each at a random moment.
fn kill(env: &Env, count: u32, random: &mut Random) -> Result<(), Wrong> {
    let (spawner, timer): (ProcessSpawner, Timer) = (env.first()?, env.first()?);
    for _ in 0..count {
        let child = child::start(&spawner, "restless", &[])?;
        match random.below(LATEST_NS) {
            // Some at once, before they run at all.
            early if early < LATEST_NS / 8 => {}
            later => timer.sleep_ns(u64::from(later))?,
        }
        child.handle.terminate()?;
        let code = child.handle.wait()?;
        ensure!(
            code == exit_code::TERMINATED,
            "a killed process ended with {code}"
        );
    }
    Ok(())
}

/// Threads that start and end, one after another.
fn threads_leave_nothing(env: &Env) -> Result<(), Wrong> {
    let (threads, timer, monitor): (_, Timer, Monitor) = (Threads::new(env)?, env.first()?, env.first()?);
    let start = |count| -> Result<(), Wrong> {
        for _ in 0..count {
            threads.spawn(|| ())?.join()?;
        }
        Ok(())
    };
    start(20)?;
    let before = free_pages(&monitor)?;
    start(THREADS)?;
    let mut after = 0;
    let returned = wait_until(&timer, "the pages come back", || {
        after = free_pages(&monitor)?;
        Ok(after >= before)
    });
    ensure!(
        returned.is_ok(),
        "{before} pages were free, and {after} after {THREADS} threads ended"
    );
    Ok(())
}
