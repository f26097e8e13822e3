//! P4, B5: machines with more CPUs than a word has bits. A thread far out is where it was told to be, and shows so; and what
//! goes away under it is gone there, too.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Release};

use abi::layout::PAGE_SIZE;
use rt::Env;
use rt::hostile::{read_u32, unmap, write_u32};
use rt::memory::{Protection, VirtualMemory};
use rt::monitor::{Monitor, Supervisor};
use rt::placement::set_of;
use rt::thread::Threads;
use rt::time::Timer;

use crate::ensure;
use crate::tools::{Wrong, thread, wait_until};

/// Bits of a word of a set of CPUs.
const WORD: u32 = 64;
/// Threads of a process are numbered in the order of their creation; the first runs this.
const FIRST_TID: u32 = 2;

/// What the page holds before it goes, what the frame it had is given to, and what is in its place afterwards.
const OLD: u32 = 1;
const ELSEWHERE: u32 = 2;
const NEW: u32 = 3;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let monitor: Monitor = env.first()?;
    let cpus = monitor.system(|info| Ok(info.get_cpu_count()))?;
    ensure!(
        cpus > WORD,
        "this is about more than {WORD} CPUs, and there are {cpus}"
    );
    let far = [WORD / 2 - 1, WORD / 2, WORD - 1, WORD, cpus - 1];
    for (tid, cpu) in (FIRST_TID..).zip(far) {
        what_goes_away_is_gone_on(env, tid, cpu)?;
    }
    Ok(())
}

/// A thread on that CPU reads a page, stays in user mode while the page is replaced by another at the same address, and reads again.
fn what_goes_away_is_gone_on(env: &Env, tid: u32, cpu: u32) -> Result<(), Wrong> {
    let (memory, timer): (VirtualMemory, Timer) = (env.first()?, env.first()?);
    let page = memory.map(0, PAGE_SIZE, Protection::ReadWrite)?;
    write_u32(page, OLD);
    let (turn, seen) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let reader = Threads::new(env)?.spawn({
        let (turn, seen) = (turn.clone(), seen.clone());
        move || {
            for mine in [1, 3] {
                while turn.load(Acquire) != mine {
                    core::hint::spin_loop();
                }
                seen.store(read_u32(page), Release);
                turn.store(mine + 1, Release);
            }
        }
    })?;
    let place = env
        .first::<Supervisor>()?
        .thread_placement(env.pid() as u32, tid)?;
    let refused = place.set_cpus(&set_of([cpu]))?;
    ensure!(refused == Ok(()), "CPU {cpu} was refused: {refused:?}");
    wait_until(&timer, "a thread runs where it was pinned", || {
        thread(env, tid, |thread| thread.get_cpu() == cpu)
    })?;
    let shown: Vec<u32> = place.cpus()?;
    ensure!(shown == [cpu], "pinned to CPU {cpu}, and {shown:?} is shown");
    let read = |mine: u32| -> Result<u32, Wrong> {
        turn.store(mine, Release);
        wait_until(&timer, "a thread on its own CPU reads", || {
            Ok(turn.load(Acquire) == mine + 1)
        })?;
        Ok(seen.load(Acquire))
    };
    let before = read(1)?;
    unmap(&memory, page, PAGE_SIZE)?;
    let again = memory.map(page, PAGE_SIZE, Protection::ReadWrite)?;
    // The frame that was freed last is given first.
    let elsewhere = memory.map(0, PAGE_SIZE, Protection::ReadWrite)?;
    write_u32(elsewhere, ELSEWHERE);
    write_u32(again, NEW);
    let after = read(3)?;
    reader.join()?;
    ensure!(
        (before, after) == (OLD, NEW),
        "on CPU {cpu} a page held {before} before it was replaced and {after} afterwards"
    );
    Ok(())
}
