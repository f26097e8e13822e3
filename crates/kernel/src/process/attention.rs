//! What a thread has to see to before it runs on: a submission that is done in pieces, with a look at interrupts in between (an UNPARK of many
//! threads, or a method that takes long), and CPU time that it has lent. Rules P15 and E4.

use core::sync::atomic::AtomicU8;
use core::sync::atomic::Ordering::Relaxed;

use abi::park::ParkResult;
use abi::validate::Buffer;
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

/// What is left of a submission.
pub enum Rest {
    /// Threads to wake.
    Unparking(Unparking),
    /// The call of a method, which is made again as if anew; the thread keeps how far it is ([`super::thread::Thread::asking`]).
    Again(Asked),
}

/// The call of a method, by what its submission said. Nothing came with it.
pub struct Asked {
    /// The submission's.
    pub user_data: u64,
    /// The capability that was called,
    pub cap: u32,
    /// and which of its methods.
    pub method: u16,
    /// Where its parameters are,
    pub params: Buffer,
    /// and where its result goes.
    pub result: Buffer,
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

/// What a thread has to see to before it goes to user mode. It asks whether there is anything each time, so that is a plain
/// load.
#[derive(Default)]
pub struct Attention {
    wanted: AtomicU8,
    /// The submission that its system call has done a part of. The call begins anew, with the rest of that.
    unfinished: Lock<Option<Rest>>,
}

/// It has done a part of a submission.
const UNFINISHED: u8 = 1;
/// It has lent its CPU time, and does not run without.
const LENDS: u8 = 1 << 1;
/// It has CPU time, and a call of it was received: when it waits, it lends.
const CALLED: u8 = 1 << 2;
/// A loan of it has ended, of which something is to be freed still.
const HAS_LENT: u8 = 1 << 3;

impl Attention {
    /// Whether there is nothing.
    #[inline]
    pub fn is_none(&self) -> bool {
        self.wanted.load(Relaxed) == 0
    }

    /// Keeps what is left of a submission.
    #[cold]
    pub fn keep(&self, rest: Rest) {
        *self.unfinished.lock() = Some(rest);
        self.wanted.fetch_or(UNFINISHED, Relaxed);
    }

    /// Takes it, to go on with it.
    pub fn take(&self) -> Option<Rest> {
        self.wanted.fetch_and(!UNFINISHED, Relaxed);
        self.unfinished.lock().take()
    }

    /// Whether a submission is to be gone on with.
    pub fn is_unfinished(&self) -> bool {
        self.wanted.load(Relaxed) & UNFINISHED != 0
    }

    /// It has lent its CPU time.
    pub fn lends(&self) {
        self.wanted.fetch_or(LENDS, Relaxed);
    }

    /// It has it again.
    pub fn lends_no_more(&self) {
        self.wanted.fetch_and(!LENDS, Relaxed);
    }

    /// It has it again, and something of the loan is to be freed.
    pub fn has_lent(&self) {
        self.lends_no_more();
        self.wanted.fetch_or(HAS_LENT, Relaxed);
    }

    /// Whether something of a loan is to be freed, which the caller does now.
    pub fn frees_what_it_lent(&self) -> bool {
        self.wanted.fetch_and(!HAS_LENT, Relaxed) & HAS_LENT != 0
    }

    /// Whether it has lent its CPU time.
    pub fn is_lender(&self) -> bool {
        self.wanted.load(Relaxed) & LENDS != 0
    }

    /// A call of it was received.
    pub fn called(&self) {
        self.wanted.fetch_or(CALLED, Relaxed);
    }

    /// It has lent, or has nothing to lend.
    pub fn has_lent_what_it_called(&self) {
        self.wanted.fetch_and(!CALLED, Relaxed);
    }

    /// Whether it lends when it begins to wait.
    #[inline]
    pub fn has_called(&self) -> bool {
        self.wanted.load(Relaxed) & CALLED != 0
    }
}
