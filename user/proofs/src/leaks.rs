//! P5: a process that ends leaves nothing behind, however it lived and whenever it was ended. Children that compute,
//! sleep, yield, park, start threads and change their memory are killed at random moments, and then as many pages are
//! free as before.

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
/// Children that count.
const CHILDREN: u32 = 80;
/// Latest moment at which one is killed, in nanoseconds after its start.
const LATEST_NS: u32 = 2_000_000;
/// Threads started and ended in this process.
const THREADS: u32 = 200;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let (timer, monitor): (Timer, Monitor) = (env.first()?, env.first()?);
    let mut random = Random(5);
    kill(env, WARM_UP, &mut random)?;
    let before = free_pages(&monitor)?;
    let rows =
        |monitor: &Monitor| monitor.system(|info| Ok((info.get_process_count(), info.get_thread_count())));
    let alive = rows(&monitor)?;
    kill(env, CHILDREN, &mut random)?;
    let mut after = 0;
    let returned = wait_until(&timer, "the pages come back", || {
        after = free_pages(&monitor)?;
        Ok(after >= before)
    });
    ensure!(
        returned.is_ok(),
        "{before} pages were free, and {after} after {CHILDREN} processes were killed"
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
