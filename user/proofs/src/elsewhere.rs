//! A1: a system call that is done in pieces and goes on on another CPU is counted once, where it began; also where the CPU on
//! which it ends has had no system call yet.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Release};

use rt::monitor::{Monitor, Supervisor};
use rt::park::ParkSpace;
use rt::placement::set_of;
use rt::raw::{Operation, with_ring};
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Env, Error};

use crate::ensure;
use crate::passes::{await_blocked, park_often};
use crate::tools::{Wrong, cpus, wait_until};

/// Threads that park, how often each does, and how many that is.
const CROWD: usize = 10;
const PARKS: u32 = 64;
const ALL: u32 = CROWD as u32 * PARKS;
/// The number of the thread that wakes them: threads are numbered in the order of their creation, and the first runs this.
const WAKER: u32 = CROWD as u32 + 2;

/// The proof, for machines with many more CPUs than it has threads: while a thread wakes hundreds with one UNPARK, it is sent to a CPU
/// on which nobody has entered the kernel by a system call.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let (timer, monitor): (Timer, Monitor) = (env.first()?, env.first()?);
    let threads = Threads::new(env)?;
    let word = Arc::new(AtomicU32::new(0));
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let (env, word) = (*env, word.clone());
        crowd.push(threads.spawn(move || park_often(&env, &word))?);
    }
    await_blocked(env, CROWD)?;
    let turn = Arc::new(AtomicU32::new(0));
    let waker = threads.spawn({
        let (env, word, turn) = (*env, word.clone(), turn.clone());
        move || wake_all(&env, &word, &turn)
    })?;
    wait_until(&timer, "the waker is there", || Ok(turn.load(Acquire) == 1))?;
    let place = env
        .first::<Supervisor>()?
        .thread_placement(env.pid() as u32, WAKER)?;
    let unused = |cpu: u32| -> Result<bool, Error> {
        let all = cpus(&monitor, |cpu| (cpu.get_cpu(), cpu.get_syscalls()))?;
        Ok(all.contains(&(cpu, 0)))
    };
    let last = monitor.system(|info| Ok(info.get_cpu_count()))? - 1;
    ensure!(unused(last)?, "CPU {last} has had a system call");
    turn.store(2, Release);
    while turn.load(Acquire) == 2 {
        core::hint::spin_loop();
    }
    let refused = place.set_cpus(&set_of([last]))?;
    turn.store(4, Release);
    ensure!(refused == Ok(()), "CPU {last} was refused: {refused:?}");
    let woken = waker.join()??;
    for thread in crowd {
        thread.join()??;
    }
    ensure!(woken == ALL as i32, "{woken} of {ALL} parks were woken");
    let counted = cpus(&monitor, |cpu| cpu.get_syscalls())?;
    ensure!(
        counted.iter().all(|count| *count < u64::from(u32::MAX)),
        "system calls were counted as {counted:?}"
    );
    Ok(())
}

/// The waker: says that it is there, and that it begins, and wakes everybody.
fn wake_all(env: &Env, word: &AtomicU32, turn: &AtomicU32) -> Result<i32, Error> {
    let space: ParkSpace = env.first()?;
    turn.store(1, Release);
    while turn.load(Acquire) != 2 {
        core::hint::spin_loop();
    }
    turn.store(3, Release);
    let mut woken = 0;
    with_ring(|ring| woken = ring.perform(&Operation::unpark(&space, word, u32::MAX)).result);
    // Should it be done before it is sent, it is there to be sent all the same.
    while turn.load(Acquire) != 4 {
        core::hint::spin_loop();
    }
    Ok(woken)
}
