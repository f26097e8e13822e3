//! What the proofs share: saying what is wrong, computing for a while, waiting for a condition, and the two views of
//! the machine that most of them compare.

use alloc::string::String;
use core::fmt;
use core::hint::black_box;

use rt::monitor::Monitor;
use rt::time::Timer;
use rt::{Env, Error};
use schema_gen::monitor::{cpu_status, thread_status};

/// Longest time anything is waited for, in nanoseconds of the guest: only a hang gets there.
pub const PATIENCE_NS: u64 = 60_000_000_000;

/// Why a proof fails.
#[derive(Debug)]
pub enum Wrong {
    /// The kernel refused what it should do.
    Refused(Error),
    /// What was seen is not as it should be.
    Seen(String),
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Wrong {
        Wrong::Refused(error)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Refused(error) => write!(out, "refused: {error}"),
            Wrong::Seen(what) => out.write_str(what),
        }
    }
}

/// Ends the proof unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err($crate::tools::Wrong::Seen(alloc::format!($($what)+)));
        }
    };
}

/// Computes, without entering the kernel.
pub fn compute(turns: u32) {
    let mut value = 1_u64;
    for _ in 0..turns {
        value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// Computes until so much time has passed.
pub fn compute_for(timer: &Timer, duration_ns: u64) -> Result<(), Error> {
    let until = timer.now_ns()? + duration_ns;
    while timer.now_ns()? < until {
        compute(1_000);
    }
    Ok(())
}

/// Looks again and again until `condition` holds.
pub fn wait_until(
    timer: &Timer,
    what: &str,
    mut condition: impl FnMut() -> Result<bool, Error>,
) -> Result<(), Wrong> {
    let until = timer.now_ns()? + PATIENCE_NS;
    while !condition()? {
        ensure!(timer.now_ns()? < until, "it never came that {what}");
        timer.sleep_ns(100_000)?;
    }
    Ok(())
}

/// One thread of this process, as the monitor shows it.
pub fn thread<R>(env: &Env, tid: u32, read: impl FnOnce(thread_status::Reader<'_>) -> R) -> Result<R, Error> {
    env.first::<Monitor>()?
        .threads(env.pid() as u32, |threads| {
            Ok(threads.iter().find(|thread| thread.get_tid() == tid).map(read))
        })?
        .ok_or(Error::Malformed)
}

/// Something of every CPU.
pub fn cpus<R>(
    monitor: &Monitor,
    read: impl Fn(cpu_status::Reader<'_>) -> R,
) -> Result<alloc::vec::Vec<R>, Error> {
    monitor.cpus(|cpus| Ok(cpus.iter().map(&read).collect()))
}

/// Free pages of the machine.
pub fn free_pages(monitor: &Monitor) -> Result<u64, Error> {
    monitor.system(|info| Ok(info.get_frames_free()))
}
