//! P4: a page that was unmapped is gone for every thread on every CPU, and the counters tell how many CPUs had to be
//! told.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use core::sync::atomic::{AtomicBool, AtomicU64};

use abi::layout::PAGE_SIZE;
use abi::syscall::exit_code::of_fault;
use rt::hostile::{read_u32, unmap, write_u32};
use rt::memory::{Protection, VirtualMemory};
use rt::monitor::Monitor;
use rt::process::ProcessSpawner;
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Env, Error};

use crate::tools::{Wrong, cpus, wait_until};
use crate::{child, ensure};

/// How often a page is mapped and unmapped.
const ROUNDS: u64 = 50;

/// Vector of a page fault.
const PAGE_FAULT: u8 = 14;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    readers_of_a_page_that_goes_away_end(env)?;
    other_cpus_are_told(env)
}

fn readers_of_a_page_that_goes_away_end(env: &Env) -> Result<(), Wrong> {
    let spawner: ProcessSpawner = env.first()?;
    for _ in 0..5 {
        let code = child::start(&spawner, "reader", &[])?.handle.wait()?;
        ensure!(
            code == of_fault(PAGE_FAULT),
            "a process that reads a page it has unmapped ended with {code}"
        );
    }
    Ok(())
}

/// The child's part: another thread reads a page, which is then unmapped here. Coming back is wrong.
pub fn read_for_ever(env: &Env) -> Result<i64, Error> {
    let memory: VirtualMemory = env.first()?;
    let page = memory.map(0, PAGE_SIZE, Protection::ReadWrite)?;
    let seen = Arc::new(AtomicU64::new(0));
    let reader = Threads::new(env)?.spawn({
        let seen = seen.clone();
        move || {
            loop {
                read_u32(page);
                seen.fetch_add(1, Relaxed);
            }
        }
    })?;
    while seen.load(Acquire) < 100 {
        rt::nap(10_000);
    }
    unmap(&memory, page, PAGE_SIZE)?;
    let read = seen.load(Acquire);
    rt::nap(2_000_000_000);
    core::mem::forget::<rt::thread::JoinHandle<()>>(reader);
    // Still here: the reader got something from somewhere.
    Ok(i64::from(seen.load(Acquire) > read + 1))
}

fn other_cpus_are_told(env: &Env) -> Result<(), Wrong> {
    let (memory, timer, monitor): (VirtualMemory, Timer, Monitor) =
        (env.first()?, env.first()?, env.first()?);
    let told = || -> Result<(u64, u64), Error> {
        let all = cpus(&monitor, |cpu| {
            (cpu.get_shootdowns_sent(), cpu.get_shootdowns_received())
        })?;
        Ok(all.iter().fold((0, 0), |sum, cpu| (sum.0 + cpu.0, sum.1 + cpu.1)))
    };
    let come_and_go = || -> Result<(u64, u64), Error> {
        let before = told()?;
        for _ in 0..ROUNDS {
            let page = memory.map(0, PAGE_SIZE, Protection::ReadWrite)?;
            write_u32(page, 1);
            unmap(&memory, page, PAGE_SIZE)?;
        }
        let after = told()?;
        Ok((after.0 - before.0, after.1 - before.1))
    };
    let alone = come_and_go()?;
    let (stop, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let companion = Threads::new(env)?.spawn({
        let (stop, turns) = (stop.clone(), turns.clone());
        move || {
            while !stop.load(Relaxed) {
                turns.fetch_add(1, Relaxed);
            }
        }
    })?;
    wait_until(&timer, "the companion runs", || Ok(turns.load(Acquire) > 0))?;
    let together = come_and_go()?;
    stop.store(true, Relaxed);
    companion.join()?;
    let several = monitor.system(|info| Ok(info.get_cpu_count()))? > 1;
    ensure!(
        alone == (0, 0),
        "a process with one thread told others {alone:?} times"
    );
    ensure!(
        if several {
            together.0 >= ROUNDS && together.1 >= ROUNDS
        } else {
            together == (0, 0)
        },
        "{ROUNDS} pages went away beside another thread, and {together:?} shootdowns were sent and received"
    );
    Ok(())
}
