//! P5: when a process is ended, all its threads are ordered to end before the first of them is taken apart. A thread that
//! learns that a sibling has ended this way is not in user mode any more after its next system call.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Release};

use alloc::sync::Arc;

use rt::park::park;
use rt::pipe::Pipe;
use rt::process::{Grant, ProcessSpawner};
use rt::thread::{JoinHandle, ThreadControl, Threads};
use rt::{Env, Error};

use crate::tools::Wrong;
use crate::{child, ensure};

/// Processes that end.
const ROUNDS: u32 = 20;
/// Threads of each that rest while it ends: all but its first, which ends it, and its last, which looks on.
const RESTING: u32 = 14;
/// What the process ends with.
const CODE: i64 = 7;
/// The name of the pipe into which the last thread says that it lives.
const ALIVE: &str = "alive";

/// The proof, for machines on which the last thread runs while the first one ends the process.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let spawner: ProcessSpawner = env.first()?;
    for round in 0..ROUNDS {
        let (reader, writer) = spawner.pipe(0)?;
        let ender = child::start_with(&spawner, "ender", &[], [Grant::give(ALIVE, &writer)])?;
        let code = ender.handle.wait()?;
        ensure!(code == CODE, "process {round} ended with {code}");
        let said = reader.read_to_end()?;
        ensure!(
            said.is_empty(),
            "in process {round} a thread went on beside a sibling that had ended with the process"
        );
        reader.close()?;
    }
    Ok(())
}

/// The part of the children: ends with all threads but one at rest, and that one looking on.
pub fn end_before_the_eyes_of_one(env: &Env) -> Result<i64, Error> {
    let threads = Threads::new(env)?;
    let begun = Arc::new(AtomicU32::new(0));
    let first = threads.spawn(resting(&begun))?;
    for _ in 1..RESTING {
        core::mem::forget(threads.spawn(resting(&begun))?);
    }
    let (control, alive): (ThreadControl, Pipe) = (env.first()?, env.get(ALIVE)?);
    core::mem::forget(threads.spawn({
        let begun = begun.clone();
        move || look_on(&first, &begun, &control, &alive)
    })?);
    while begun.load(Acquire) != RESTING + 1 {
        rt::nap(100_000);
    }
    rt::nap(1_000_000);
    Ok(CODE)
}

fn resting(begun: &Arc<AtomicU32>) -> impl FnOnce() + Send + 'static {
    let begun = begun.clone();
    move || {
        begun.fetch_add(1, Release);
        let word = AtomicU32::new(0);
        loop {
            park(&word, 0, u64::MAX);
        }
    }
}

/// Sees a sibling end without a system call, makes one, and says so if it is still there to make another.
fn look_on(
    sibling: &JoinHandle<()>,
    begun: &AtomicU32,
    control: &ThreadControl,
    alive: &Pipe,
) -> Result<(), Error> {
    let end = sibling.start_join()?;
    begun.fetch_add(1, Release);
    while !end.is_ready() {
        core::hint::spin_loop();
    }
    control.yield_now()?;
    alive.write_all(b"!")
}
