//! Time, memory, threads and entries, as Sundial has them.

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::park::NO_TIMEOUT;
use rt::memory::VirtualMemory;
use rt::monitor::Monitor;
use rt::raw::{Operation, shared_words, with_ring};
use rt::thread::{JoinHandle, ThreadControl, Threads as Spawner};
use rt::time::Timer;
use rt::{Env, Error, println};
use workloads::system::{BATCH, Entry, System, Threads};

use crate::turns::Turns;

/// The program's surroundings are its handle on the system.
#[derive(Clone, Copy, Debug)]
pub struct Sundial(pub Env);

/// Ticks in a second, once the monitor was asked.
static TICK_HZ: AtomicU64 = AtomicU64::new(0);

impl System for Sundial {
    type Error = Error;

    #[inline]
    fn ticks() -> u64 {
        rt::raw::ticks()
    }

    fn tick_hz(&self) -> Result<u64, Error> {
        let known = TICK_HZ.load(Ordering::Relaxed);
        if known != 0 {
            return Ok(known);
        }
        let hz = self.0.first::<Monitor>()?.system(|info| Ok(info.get_tsc_hz()))?;
        TICK_HZ.store(hz, Ordering::Relaxed);
        Ok(hz)
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        println!("{text}");
    }

    fn sleep_ns(&self, duration_ns: u64) -> Result<(), Error> {
        if duration_ns == 0 {
            return Ok(());
        }
        self.0.first::<Timer>()?.sleep_ns(duration_ns)
    }

    fn words(&self, count: usize) -> Result<&'static [AtomicU64], Error> {
        shared_words(&self.0.first::<VirtualMemory>()?, count)
    }
}

/// Where threads come from: made once, for the stacks that it keeps for later threads.
static SPAWNER: rt::park::Mutex<Option<Spawner>> = rt::park::Mutex::new(None);

impl Threads for Sundial {
    type Thread<T: Send + 'static> = JoinHandle<T>;
    type Turns = Turns<true>;

    fn spawn<T, F>(&self, body: F) -> Result<JoinHandle<T>, Error>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let mut spawner = SPAWNER.lock();
        match &mut *spawner {
            Some(spawner) => spawner.spawn(body),
            none => none.insert(Spawner::new(&self.0)?).spawn(body),
        }
    }

    fn join<T: Send + 'static>(&self, thread: JoinHandle<T>) -> Result<T, Error> {
        thread.join()
    }

    fn park(word: &AtomicU32, expected: u32) {
        rt::park::park(word, expected, NO_TIMEOUT);
    }

    fn unpark(word: &AtomicU32, most: u32) {
        rt::park::unpark(word, most);
    }

    #[inline]
    fn yield_while(&self, mut again: impl FnMut() -> bool) -> Result<(), Error> {
        let yielding = Operation::yield_now(&self.0.first::<ThreadControl>()?);
        with_ring(|ring| {
            while again() {
                ring.perform(&yielding);
            }
        });
        Ok(())
    }

    fn turns(&self) -> Result<Turns<true>, Error> {
        Turns::new(&self.0)
    }
}

impl Entry for Sundial {
    #[inline]
    fn null_entries(&self, count: u64) -> Result<u64, Error> {
        let mut wrong = 0;
        with_ring(|ring| {
            for _ in 0..count {
                wrong += u64::from(ring.perform(&Operation::nop()).result != 0);
            }
        });
        Ok(wrong)
    }

    #[inline]
    fn nop_batches(&self, count: u64) -> Result<u64, Error> {
        let mut completed = 0;
        with_ring(|ring| {
            for _ in 0..count {
                for _ in 0..BATCH {
                    ring.submit(&Operation::nop());
                }
                ring.enter(BATCH as u32);
                while let Some(cqe) = ring.completion() {
                    completed += u64::from(cqe.result == 0);
                }
            }
        });
        Ok((count * BATCH).abs_diff(completed))
    }
}
