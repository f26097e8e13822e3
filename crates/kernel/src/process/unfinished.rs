//! Submissions that are done in pieces, with a look at interrupts in between: how far one is, and where a thread keeps it
//! until it goes on. An UNPARK of many threads is the only one. Rule P15.

use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;

use abi::park::ParkResult;
use machine::Lock;

use super::Process;

/// How far a submission is that is done in pieces.
#[must_use = "it has to complete, or to go on"]
pub enum Progress {
    /// It is done, with this result.
    Done(i32),
    /// This is left.
    Unfinished(Unparking),
}

/// Threads that an UNPARK wakes before it looks whether its CPU has something else to do.
const PIECE: usize = 16;

/// An UNPARK that has begun. It wakes those who waited then: a thread that parks again meanwhile waits for the next one.
pub struct Unparking {
    /// The submission's.
    pub user_data: u64,
    /// The word that they wait on.
    pub address: u64,
    /// How many more it may wake.
    pub left: u32,
    /// How many it has woken.
    pub woken: u32,
    /// How many had come to park when it began.
    pub before: u64,
}

impl Unparking {
    /// Wakes some more.
    pub fn go_on(mut self, process: &Process) -> Progress {
        for _ in 0..PIECE {
            let next = match self.left {
                0 => None,
                _ => process.parking.unpark(self.address, self.before),
            };
            let Some(operation) = next else {
                return Progress::Done(self.woken as i32);
            };
            if operation.complete_code(ParkResult::Woken.code()).is_yes() {
                self.left -= 1;
                self.woken += 1;
            }
        }
        Progress::Unfinished(self)
    }
}

/// The submission that a thread has done a part of, if there is one. Only the thread itself puts it here and takes it, and
/// it asks whether there is one each time it goes to user mode: so that is a plain load.
#[derive(Default)]
pub struct Unfinished {
    is_some: AtomicBool,
    kept: Lock<Option<Unparking>>,
}

impl Unfinished {
    /// Whether there is none.
    #[inline]
    pub fn is_none(&self) -> bool {
        !self.is_some.load(Relaxed)
    }

    /// Keeps what is left.
    #[cold]
    pub fn keep(&self, rest: Unparking) {
        *self.kept.lock() = Some(rest);
        self.is_some.store(true, Relaxed);
    }

    /// Takes it, to go on with it.
    pub fn take(&self) -> Option<Unparking> {
        self.is_some.store(false, Relaxed);
        self.kept.lock().take()
    }
}
