//! Weights by nice values, the real-time class, reserved time, sleeps to a moment, and what the kernel says threads have used.

use std::fs;
use std::io::Error;

use rustix::process::setpriority_process;
use rustix::thread::{ClockId, clock_nanosleep_absolute, gettid};
use rustix::time::{Timespec, clock_gettime};
use workloads::system::{Account, Budget, Budgets, Kind, Scheduling, WEIGHTS};

use crate::raw;
use crate::system::Linux;

/// Nice values whose weights are [`WEIGHTS`], in their order (kernel/sched/core.c, `sched_prio_to_weight`).
const NICE: [i32; WEIGHTS.len()] = [0, 3, 7, 10];

const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

impl Scheduling for Linux {
    fn own_process(&self) -> u32 {
        std::process::id()
    }

    fn own_thread(&self) -> u32 {
        gettid().as_raw_nonzero().get().unsigned_abs()
    }

    fn set_own_weight(&self, weight: u16) -> Result<(), Error> {
        let place = WEIGHTS.iter().position(|known| *known == weight);
        let place = place.ok_or_else(|| Error::other(format!("no nice value has weight {weight}")))?;
        // Priorities of "processes" are those of single threads.
        Ok(setpriority_process(Some(gettid()), NICE[place])?)
    }

    fn become_urgent(&self) -> Result<(), Error> {
        raw::become_real_time()
    }

    fn moment(&self) -> u64 {
        let time = clock_gettime(CLOCK);
        time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
    }

    fn sleep_until(&self, moment: u64) -> Result<(), Error> {
        let moment = Timespec {
            tv_sec: (moment / 1_000_000_000).cast_signed(),
            tv_nsec: (moment % 1_000_000_000).cast_signed(),
        };
        Ok(clock_nanosleep_absolute(ClockId::Monotonic, &moment)?)
    }

    fn runtimes(&self, accounts: &[Account]) -> Result<Vec<u64>, Error> {
        accounts.iter().map(runtime).collect()
    }
}

/// By the class SCHED_DEADLINE. What caps in Linux is a group of processes and no thread, so there are no limits here.
impl Budgets for Linux {
    /// Nineteen twentieths of a CPU may be reserved (sched_rt_runtime_us and sched_rt_period_us), and the kernel itself reserves one for the
    /// ordinary class since 6.12 (kernel/sched/deadline.c, the fair server).
    const WHOLE_CPU: Budget = Budget {
        kind: Kind::Reservation,
        time_ns: 900_000_000,
        period_ns: 1_000_000_000,
    };

    fn with_budget<T>(&self, budget: Budget, body: impl FnOnce() -> T) -> Result<T, Error> {
        if budget.kind == Kind::Limit {
            return Err(Error::other("there are no limits of single threads here"));
        }
        raw::reserve(budget.time_ns, budget.period_ns)?;
        let result = body();
        raw::reserve_no_more()?;
        Ok(result)
    }
}

fn runtime(account: &Account) -> Result<u64, Error> {
    let tasks = format!("/proc/{}/task", account.process);
    match account.thread {
        Some(thread) => runtime_of_task(&format!("{tasks}/{thread}")),
        None => fs::read_dir(&tasks)?
            .map(|task| runtime_of_task(&task?.path().display().to_string()))
            .sum(),
    }
}

/// The first number of a task's schedstat: nanoseconds on a CPU (Documentation/scheduler/sched-stats.rst).
fn runtime_of_task(folder: &str) -> Result<u64, Error> {
    let file = format!("{folder}/schedstat");
    let text = fs::read_to_string(&file).map_err(|error| Error::other(format!("{file}: {error}")))?;
    let number = text.split_whitespace().next().and_then(|word| word.parse().ok());
    number.ok_or_else(|| Error::other(format!("{file} says `{}`", text.trim())))
}
