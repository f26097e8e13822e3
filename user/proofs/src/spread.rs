//! B1, B4, B5 on four CPUs: new threads go to CPUs that are less loaded and otherwise stay, an idle CPU takes over who
//! waits behind another, and a wake-up costs at most one interrupt. Where each thread was put first is also in the
//! trace, which the host reads.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU32};

use rt::monitor::Monitor;
use rt::park::{park, unpark};
use rt::thread::{JoinHandle, Threads};
use rt::time::Timer;
use rt::{Env, Error};
use schema_gen::monitor::ThreadState;

use crate::ensure;
use crate::tools::{PATIENCE_NS, Wrong, compute, compute_for, cpus, wait_until};

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let (timer, monitor): (Timer, Monitor) = (env.first()?, env.first()?);
    let count = monitor.system(|info| Ok(info.get_cpu_count()))? as usize;
    a_wake_up_takes_one_interrupt(env)?;

    // One for each idle CPU, and one more, which has nowhere better to go than here.
    let mut spinners = Vec::new();
    for _ in 0..count {
        spinners.push(Spinner::start(env)?);
    }
    // The first one ends: its CPU has nothing to do, while the last one waits behind this thread, which does not block.
    let first = spinners.remove(0);
    first.stop.store(true, Relaxed);
    let until = timer.now_ns()? + PATIENCE_NS;
    while !first.stopped.load(Acquire) || somebody_waits(env)? {
        compute_for(&timer, 1_000_000)?;
        ensure!(timer.now_ns()? < until, "a CPU idles while a thread waits");
    }
    first.stop()?;
    for spinner in spinners {
        spinner.stop()?;
    }
    Ok(())
}

/// Whether a thread of this process is ready and does not run.
fn somebody_waits(env: &Env) -> Result<bool, Error> {
    env.first::<Monitor>()?.threads(env.pid() as u32, |threads| {
        Ok(threads
            .iter()
            .any(|thread| thread.get_state() == Ok(ThreadState::Ready)))
    })
}

/// A thread that computes until it is told to stop.
struct Spinner {
    stop: Arc<AtomicBool>,
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Spinner {
    fn start(env: &Env) -> Result<Spinner, Error> {
        let (stop, stopped) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let thread = Threads::new(env)?.spawn({
            let (stop, stopped) = (stop.clone(), stopped.clone());
            move || {
                while !stop.load(Relaxed) {
                    compute(100);
                }
                stopped.store(true, Release);
            }
        })?;
        Ok(Spinner {
            stop,
            stopped,
            thread,
        })
    }

    fn stop(self) -> Result<(), Error> {
        self.stop.store(true, Relaxed);
        self.thread.join()
    }
}

/// B4: wakes one sleeper many times.
fn a_wake_up_takes_one_interrupt(env: &Env) -> Result<(), Wrong> {
    const WAKES: u32 = 100;
    let (timer, monitor): (Timer, Monitor) = (env.first()?, env.first()?);
    let (call, answer) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let sleeper = Threads::new(env)?.spawn({
        let (call, answer) = (call.clone(), answer.clone());
        move || {
            for round in 0..WAKES {
                while call.load(Acquire) == round {
                    park(&call, round, u64::MAX);
                }
                answer.store(round + 1, Release);
            }
        }
    })?;
    let sent = || -> Result<(u64, u64), Error> {
        let all = cpus(&monitor, |cpu| {
            (cpu.get_reschedule_ipis_sent(), cpu.get_remote_wakes())
        })?;
        Ok(all.iter().fold((0, 0), |sum, cpu| (sum.0 + cpu.0, sum.1 + cpu.1)))
    };
    let before = sent()?;
    for round in 0..WAKES {
        call.store(round + 1, Release);
        unpark(&call, 1);
        wait_until(&timer, "the sleeper answers", || {
            Ok(answer.load(Acquire) == round + 1)
        })?;
    }
    let after = sent()?;
    sleeper.join()?;
    let (interrupts, wakes) = (after.0 - before.0, after.1 - before.1);
    ensure!(
        interrupts <= wakes,
        "{interrupts} interrupts for {wakes} wake-ups on other CPUs"
    );
    Ok(())
}
