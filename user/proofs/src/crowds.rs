//! D7 on one CPU: a process with one computing thread beside one with four. They have equal parts if the manifest says
//! that processes share, and one and four fifths if it says that threads do.

use rt::monitor::Monitor;
use rt::process::ProcessSpawner;
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Env, Error};
use schema_gen::system::FairnessScope;

use crate::tools::{Wrong, compute, wait_until};
use crate::{child, ensure};

const MS: u64 = 1_000_000;

/// How long the two compute beside each other.
const SPELL: u64 = 1_500 * MS;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let (timer, monitor, spawner): (Timer, Monitor, ProcessSpawner) =
        (env.first()?, env.first()?, env.first()?);
    let children = [
        child::start(&spawner, "crowd", &["1"])?,
        child::start(&spawner, "crowd", &["4"])?,
    ];
    wait_until(&timer, "both have all their threads", || {
        Ok(used(&monitor, 1)?.is_some() && used(&monitor, 4)?.is_some())
    })?;
    timer.sleep_ns(100 * MS)?;
    let measured = |threads| -> Result<u64, Error> { Ok(used(&monitor, threads)?.unwrap_or(0)) };
    let before = [measured(1)?, measured(4)?];
    timer.sleep_ns(SPELL)?;
    let [one, four] = [measured(1)? - before[0], measured(4)? - before[1]];
    for child in &children {
        child.handle.terminate()?;
    }
    let fairness = monitor.system(|info| Ok(info.get_fairness()?))?;
    let part = match fairness {
        FairnessScope::Threads => 5,
        FairnessScope::Processes => 2,
    };
    let ideal = (one + four) / part;
    // Two turns, and two hundredths of it.
    ensure!(
        one.abs_diff(ideal) <= ideal / 50 + 8 * MS,
        "one thread used {one} ns beside four with {four}, instead of {ideal}"
    );
    ensure!(
        one + four >= SPELL / 10 * 9,
        "the CPU was idle beside five threads"
    );
    Ok(())
}

/// What the child with so many threads has used, if there is one.
fn used(monitor: &Monitor, threads: u32) -> Result<Option<u64>, Error> {
    monitor.processes(|all| {
        let child = all
            .iter()
            .find(|process| process.get_parent_pid() != 0 && process.get_threads() == threads);
        Ok(child.map(|child| child.get_runtime_ns()))
    })
}

/// The part of the children: so many threads compute until they are ended from outside.
pub fn compute_for_ever(env: &Env, count: u32) -> Result<i64, Error> {
    let threads = Threads::new(env)?;
    for _ in 1..count {
        core::mem::forget(threads.spawn(|| -> () {
            loop {
                compute(1_000);
            }
        })?);
    }
    loop {
        compute(1_000);
    }
}
