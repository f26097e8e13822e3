//! Taking until there is no more. The answer must be the exception `overloaded`, and everything must be there
//! again once it was given back.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use rt::memory::{Protection, VirtualMemory};
use rt::process::{Child, ProcessSpawner};
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Env, Error, Kind};

use crate::child;
use crate::report::Report;

/// More than any limit is.
const MOST: usize = 1000;

/// Memory is taken in pieces of this size, addresses without memory in larger ones.
const PIECE: u64 = 1 << 20;
const RESERVATION: u64 = 16 << 20;

/// Long enough that no sleep ends while more are started, in nanoseconds.
const SLEEP_NS: u64 = 200_000_000;

/// All of them, as far as the capabilities for them were granted.
pub fn attack(env: &Env, report: &mut Report) {
    if let Some(spawner) = report.needs("pipes and processes", env.first::<ProcessSpawner>()) {
        taking(report, "pipes", || spawner.pipe(16));
        report.works("a pipe after that", spawner.pipe(16));
        processes(env, report, &spawner);
    }
    if let Some(memory) = report.needs("memory and address space", env.first::<VirtualMemory>()) {
        let pieces = taking(report, "memory", || memory.map(0, PIECE, Protection::ReadWrite));
        let returned = pieces
            .into_iter()
            .try_for_each(|addr| rt::hostile::unmap(&memory, addr, PIECE));
        report.works("giving it back", returned);
        let pieces = taking(report, "address space", || memory.reserve(RESERVATION));
        let returned = pieces
            .into_iter()
            .try_for_each(|addr| rt::hostile::unmap(&memory, addr, RESERVATION));
        report.works("giving it back", returned);
    }
    if let Some(timer) = report.needs("sleeps", env.first::<Timer>()) {
        let sleeps = taking(report, "sleeps", || {
            let sleep = timer.start_sleep(SLEEP_NS)?;
            // A refusal is there at once; a sleep is not.
            if sleep.is_ready() {
                Err(sleep.wait().err().unwrap_or(Error::Malformed))
            } else {
                Ok(sleep)
            }
        });
        // Half are dropped, which leaves them to the kernel; the others are waited for, which outlasts all.
        let waited = sleeps.into_iter().step_by(2).try_for_each(|sleep| sleep.wait());
        report.works("waiting for half of them", waited);
        report.works("a sleep after that", timer.sleep_ns(1));
    }
    if let Ok(threads) = Threads::new(env) {
        let stop = Arc::new(AtomicBool::new(false));
        let taken = taking(report, "threads", || {
            let stop = stop.clone();
            threads.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    rt::nap(1_000_000);
                }
            })
        });
        stop.store(true, Ordering::Relaxed);
        let joined = taken.into_iter().try_for_each(|thread| thread.join());
        report.works("joining them all", joined);
        report.works(
            "a thread after that",
            threads.spawn(|| ()).and_then(|thread| thread.join()),
        );
    }
}

/// Takes until refused, and says how it ended; what was taken is the caller's.
fn taking<T>(report: &mut Report, what: &str, mut take: impl FnMut() -> Result<T, Error>) -> Vec<T> {
    let mut taken = Vec::new();
    while taken.len() < MOST {
        match take() {
            Ok(one) => taken.push(one),
            Err(error) => {
                let count = taken.len();
                report.line(
                    error.is(Kind::Overloaded),
                    format_args!("taking {what}"),
                    format_args!("{error} after {count}"),
                );
                return taken;
            }
        }
    }
    report.line(
        false,
        format_args!("taking {what}"),
        format_args!("no end after {MOST}"),
    );
    taken
}

fn processes(env: &Env, report: &mut Report, spawner: &ProcessSpawner) {
    let children: Vec<Child> = taking(report, "processes", || child::start(env, spawner, child::SLEEPER));
    let ended = children.iter().try_for_each(|child| {
        child.handle.terminate()?;
        child.handle.wait().map(|_| ())
    });
    report.works("ending them all", ended);
    drop(children);
    report.works(
        "a process after that",
        spawner
            .spawn("victim", "hello", &[])
            .and_then(|child| child.handle.wait()),
    );
}
