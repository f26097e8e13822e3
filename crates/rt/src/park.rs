//! Waiting for a word in memory to change, and the locks made from it.
//!
//! [`park`] sleeps in the kernel while a word still holds the value the caller saw; [`unpark`] wakes sleepers
//! after a change. Both need a ParkSpace; the runtime finds it at start-up. Without one, waiting becomes short
//! naps: correct, only slower.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

use abi::interfaces::PARK_SPACE;
use abi::park::{NO_TIMEOUT, ParkResult};
use abi::ring::{Opcode, Sqe, sqe_flags};

use crate::cap::client;
use crate::env::Env;
use crate::thread_block::{current_tid, with_lane};

client! {
    /// The park words of this process's address space.
    ParkSpace, PARK_SPACE
}

/// Capability id of the ParkSpace; 0: none. Written once, before `main`.
static SPACE: AtomicU32 = AtomicU32::new(0);

/// How long a thread naps where it cannot park, in nanoseconds.
const NAP_NS: u64 = 50_000;

pub(crate) fn remember_space(env: &Env) {
    if let Some(entry) = env.capabilities().find(|entry| entry.interface_id == PARK_SPACE) {
        SPACE.store(entry.cap_id, Ordering::Relaxed);
    }
}

/// Sleeps while `word` holds `expected`, until an [`unpark`] of this word or for `timeout_ns` (`u64::MAX`: for
/// ever). May return for no reason, as all such waits may: look at the word again.
pub fn park(word: &AtomicU32, expected: u32, timeout_ns: u64) -> ParkResult {
    let space = SPACE.load(Ordering::Relaxed);
    if space == 0 {
        if word.load(Ordering::Acquire) != expected {
            return ParkResult::Mismatch;
        }
        crate::lane::nap(NAP_NS.min(timeout_ns));
        return ParkResult::TimedOut;
    }
    let sqe = Sqe {
        opcode: Opcode::Park as u8,
        flags: sqe_flags::THREAD_OWNED,
        cap_id: space,
        addr: word.as_ptr() as u64,
        len: expected,
        pipeline_dep: timeout_ns,
        call_id: current_tid(),
        ..Sqe::default()
    };
    let cqe = with_lane(|lane| {
        // SAFETY: the kernel only reads the word, which is borrowed until this returns.
        unsafe { lane.submit(sqe) }.map(|ticket| lane.wait(ticket))
    });
    cqe.ok()
        .and_then(|cqe| ParkResult::from_code(cqe.result))
        .unwrap_or(ParkResult::Interrupted)
}

/// Wakes at most `most` threads that sleep on `word`; says how many it woke.
pub fn unpark(word: &AtomicU32, most: u32) -> u32 {
    let space = SPACE.load(Ordering::Relaxed);
    if space == 0 || most == 0 {
        return 0;
    }
    let sqe = Sqe {
        opcode: Opcode::Unpark as u8,
        cap_id: space,
        addr: word.as_ptr() as u64,
        len: most,
        ..Sqe::default()
    };
    // SAFETY: the address only names the waiting list; nothing is read or written there.
    let cqe = with_lane(|lane| unsafe { lane.submit(sqe) }.map(|ticket| lane.wait(ticket)));
    cqe.map_or(0, |cqe| u32::try_from(cqe.result).unwrap_or(0))
}

const FREE: u32 = 0;
const HELD: u32 = 1;
const HELD_WITH_WAITERS: u32 = 2;

/// A lock that sleeps.
pub struct Mutex<T> {
    state: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands the value to one thread at a time; so sharing it only needs that the value may move
// between threads.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex {
            state: AtomicU32::new(FREE),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits until no other thread holds the lock, and takes it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        if self
            .state
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            while self.state.swap(HELD_WITH_WAITERS, Ordering::Acquire) != FREE {
                park(&self.state, HELD_WITH_WAITERS, NO_TIMEOUT);
            }
        }
        MutexGuard { mutex: self }
    }
}

/// The right to use what a [`Mutex`] guards.
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: this guard exists, so its thread holds the lock.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard exists, so its thread holds the lock, and the guard itself is borrowed uniquely.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if self.mutex.state.swap(FREE, Ordering::Release) == HELD_WITH_WAITERS {
            unpark(&self.mutex.state, 1);
        }
    }
}

/// Waits for something to become true about what a [`Mutex`] guards.
pub struct Condition {
    signals: AtomicU32,
}

impl Default for Condition {
    fn default() -> Self {
        Condition::new()
    }
}

impl Condition {
    /// Nobody waits yet.
    pub const fn new() -> Condition {
        Condition {
            signals: AtomicU32::new(0),
        }
    }

    /// Lets go of the lock, sleeps until signalled, and takes the lock again. Check your condition in a loop.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let mutex = guard.mutex;
        let seen = self.signals.load(Ordering::Acquire);
        drop(guard);
        park(&self.signals, seen, NO_TIMEOUT);
        mutex.lock()
    }

    /// Wakes everybody who waits.
    pub fn signal_all(&self) {
        self.signals.fetch_add(1, Ordering::Release);
        unpark(&self.signals, u32::MAX);
    }
}
