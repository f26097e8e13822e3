//! A thread that has work once in every period.

use core::hint::black_box;

use rt::policy::SchedulingPolicyCap;
use rt::time::Timer;
use rt::{Env, Error};

use crate::latency::Latencies;

/// Turns of the loop by which its speed is found out.
const TRIAL: u32 = 200_000;
/// Times that it is tried; the fastest counts, since nothing makes it faster than it is.
const TRIALS: u32 = 5;

/// What the thread has to do.
pub struct Task {
    timer: Timer,
    policy: SchedulingPolicyCap,
    turns: u32,
    period_ns: u64,
    /// What one job takes when nobody is in the way, about.
    pub work_ns: u64,
}

/// Computes, without entering the kernel.
pub fn compute(turns: u32) {
    let mut value = 1_u64;
    for _ in 0..turns {
        value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

impl Task {
    /// Work for so long in every period.
    ///
    /// # Errors
    /// When a capability is missing.
    pub fn new(env: &Env, work_ns: u64, period_ns: u64) -> Result<Task, Error> {
        let policy: SchedulingPolicyCap = env.first()?;
        let mut fastest = u64::MAX;
        for _ in 0..TRIALS {
            let before = policy.snapshot()?.runtime_ns;
            compute(TRIAL);
            fastest = fastest.min(policy.snapshot()?.runtime_ns - before);
        }
        let turns = u128::from(work_ns) * u128::from(TRIAL) / u128::from(fastest.max(1));
        Ok(Task {
            timer: env.first()?,
            policy,
            turns: u32::try_from(turns).unwrap_or(u32::MAX),
            period_ns,
            work_ns,
        })
    }

    /// Does so many jobs. One whose whole period is over before it could begin is left out, and counts as missed.
    ///
    /// # Errors
    /// When the timer does not work.
    pub fn run(&self, jobs: u32, deadline_ns: u64) -> Result<Latencies, Error> {
        let mut seen = Latencies::default();
        let waited = self.policy.snapshot()?.waiting_ns;
        let mut release = self.timer.now_ns()?;
        for _ in 0..jobs {
            release += self.period_ns;
            let now = self.timer.now_ns()?;
            if now < release {
                self.timer.sleep_ns(release - now)?;
            } else if now - release >= self.period_ns {
                seen.missed += 1;
                seen.left_out += 1;
                continue;
            }
            let begun = self.timer.now_ns()?;
            compute(self.turns);
            let done = self.timer.now_ns()?;
            seen.begun.push(begun - release);
            seen.done.push(done - release);
            seen.missed += u32::from(done - release > deadline_ns);
        }
        seen.waited_ns = self.policy.snapshot()?.waiting_ns - waited;
        Ok(seen)
    }
}
