//! Weights, classes, sleeps to a moment, and what the kernel says threads have used.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use rt::monitor::Monitor;
use rt::policy::{LatencyClass, SchedulingPolicyCap};
use rt::{Env, Error};
use workloads::system::{Account, Scheduling, System};

use crate::system::Sundial;

/// The heaviest weight there is.
const HEAVIEST: u16 = 1024;

/// Nanoseconds per tick as a fixed-point number with so many digits behind the point: a wake-up has no time to divide.
const FRACTION_BITS: u32 = 32;

static NANOS_PER_TICK: AtomicU64 = AtomicU64::new(0);

impl Sundial {
    fn nanos_per_tick(&self) -> u64 {
        match NANOS_PER_TICK.load(Ordering::Relaxed) {
            0 => {
                // Without a monitor there is no row that asks for a moment.
                let hz = self.tick_hz().unwrap_or(1_000_000_000);
                let nanos = (1_000_000_000_u128 << FRACTION_BITS) / u128::from(hz.max(1));
                NANOS_PER_TICK.store(nanos as u64, Ordering::Relaxed);
                nanos as u64
            }
            known => known,
        }
    }
}

/// The scheduling policy of the calling thread.
fn policy(env: &Env) -> Result<SchedulingPolicyCap, Error> {
    env.first()
}

impl Scheduling for Sundial {
    fn own_process(&self) -> u32 {
        self.0.pid() as u32
    }

    fn own_thread(&self) -> u32 {
        rt::current_tid()
    }

    fn set_own_weight(&self, weight: u16) -> Result<(), Error> {
        policy(&self.0)?.set_weight(weight)
    }

    fn become_urgent(&self) -> Result<(), Error> {
        let policy = policy(&self.0)?;
        policy.set_weight(HEAVIEST)?;
        policy.set_latency_class(LatencyClass::Interactive)
    }

    /// The time-stamp counter, in nanoseconds: the kernel's clock goes by it too.
    fn moment(&self) -> u64 {
        ((u128::from(Sundial::ticks()) * u128::from(self.nanos_per_tick())) >> FRACTION_BITS) as u64
    }

    /// There is no sleep to a moment, so the way to the kernel with what is left till then is part of what the sleeper is late.
    fn sleep_until(&self, moment: u64) -> Result<(), Error> {
        let now = self.moment();
        if now < moment {
            rt::nap(moment - now);
        }
        Ok(())
    }

    fn runtimes(&self, accounts: &[Account]) -> Result<Vec<u64>, Error> {
        let monitor: Monitor = self.0.first()?;
        let threads: Vec<(u32, u32, u64)> = monitor.threads(0, |threads| {
            let each = threads.iter();
            Ok(each
                .map(|thread| (thread.get_pid(), thread.get_tid(), thread.get_runtime_ns()))
                .collect())
        })?;
        accounts
            .iter()
            .map(|account| {
                let own = threads.iter().filter(|(pid, tid, _)| {
                    *pid == account.process && account.thread.is_none_or(|thread| thread == *tid)
                });
                let mut found = false;
                let sum = own.map(|(.., runtime)| *runtime).inspect(|_| found = true).sum();
                if found { Ok(sum) } else { Err(Error::Malformed) }
            })
            .collect()
    }
}
