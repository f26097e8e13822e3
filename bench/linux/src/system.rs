//! Time, memory, threads and entries, as Linux has them.

use std::fmt;
use std::io::{Error, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use rustix::thread::futex;
use rustix::time::{ClockId, clock_gettime};
use workloads::system::{BATCH, Entry, System, Threads};

use crate::raw;

/// The system needs no handle: a process may do what it may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linux;

/// Nanoseconds on the clock that no daemon bends.
fn raw_ns() -> u64 {
    let time = clock_gettime(ClockId::MonotonicRaw);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// Ticks of the time-stamp counter in a second, counted once over a twentieth of a second.
fn count_tick_hz() -> u64 {
    let (ticks, nanos) = (raw::ticks(), raw_ns());
    std::thread::sleep(Duration::from_millis(50));
    let (ticks, nanos) = (raw::ticks() - ticks, raw_ns() - nanos);
    u64::try_from(u128::from(ticks) * 1_000_000_000 / u128::from(nanos)).unwrap_or(u64::MAX)
}

impl System for Linux {
    type Error = Error;

    #[inline]
    fn ticks() -> u64 {
        raw::ticks()
    }

    fn tick_hz(&self) -> Result<u64, Error> {
        static TICK_HZ: OnceLock<u64> = OnceLock::new();
        Ok(*TICK_HZ.get_or_init(count_tick_hz))
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        // Whoever does not listen any more misses nothing.
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    fn sleep_ns(&self, duration_ns: u64) -> Result<(), Error> {
        std::thread::sleep(Duration::from_nanos(duration_ns));
        Ok(())
    }

    fn words(&self, count: usize) -> Result<&'static [AtomicU64], Error> {
        Ok((0..count).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().leak())
    }
}

impl Threads for Linux {
    type Thread<T: Send + 'static> = raw::Thread<T>;
    type Turns = Turns;

    fn spawn<T, F>(&self, body: F) -> Result<raw::Thread<T>, Error>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        raw::spawn(body)
    }

    fn join<T: Send + 'static>(&self, thread: raw::Thread<T>) -> Result<T, Error> {
        thread.join()
    }

    #[inline]
    fn park(word: &AtomicU32, expected: u32) {
        // Another value in the word and a signal are reasons to look again, as any wake-up is.
        let _ = futex::wait(word, futex::Flags::PRIVATE, expected, None);
    }

    #[inline]
    fn unpark(word: &AtomicU32, most: u32) {
        // The kernel takes it for a signed number.
        let _ = futex::wake(word, futex::Flags::PRIVATE, most.min(i32::MAX.cast_unsigned()));
    }

    #[inline]
    fn yield_while(&self, mut again: impl FnMut() -> bool) -> Result<(), Error> {
        while again() {
            rustix::thread::sched_yield();
        }
        Ok(())
    }

    fn turns(&self) -> Result<Turns, Error> {
        Ok(Turns)
    }
}

/// Turns by futex: a call to wake the other, and one to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns;

impl workloads::system::Turns for Turns {
    fn take_while(
        &self,
        own: &'static AtomicU32,
        other: &'static AtomicU32,
        mut again: impl FnMut() -> bool,
    ) {
        while again() {
            let seen = own.load(Ordering::Relaxed);
            other.store(other.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
            Linux::unpark(other, 1);
            Linux::park(own, seen);
        }
    }
}

impl Entry for Linux {
    /// `getppid`, which the C library does not answer by itself.
    #[inline]
    fn null_entries(&self, count: u64) -> Result<u64, Error> {
        let parent = rustix::process::getppid();
        let mut wrong = 0;
        for _ in 0..count {
            wrong += u64::from(rustix::process::getppid() != parent);
        }
        Ok(wrong)
    }

    /// NOPs of io_uring.
    fn nop_batches(&self, count: u64) -> Result<u64, Error> {
        let mut ring = raw::NopRing::new(BATCH as u32)?;
        let mut wrong = 0;
        for _ in 0..count {
            wrong += ring.nops(BATCH as u32)?;
        }
        Ok(wrong)
    }
}
