//! The ledger: memory that all actors write and that outlives them. One word for each call counts how often it was received,
//! answered and completed; some words at the front say what an actor saw that must not be.

use alloc::format;
use alloc::string::String;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use rt::Error;
use rt::memory::{FrameAllocator, MemoryObject};

use crate::ensure;
use crate::tools::Wrong;

/// Pages of a ledger.
const PAGES: u32 = 32;
const WORDS: usize = PAGES as usize * 4096 / 8;

const NEXT: usize = 0;
const COMPLAINT: usize = 1;
const COMPLAINANT: usize = 2;
const EVIDENCE: usize = 3;
/// The first call's word.
const FIRST_CALL: usize = 8;

/// What may be counted of a call, each in a byte of its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A server has received it.
    Received = 0,
    /// A server is about to answer it.
    Answering = 1,
    /// The kernel says that the answer was delivered.
    Answered = 2,
    /// The kernel says to the caller that it was answered.
    Completed = 3,
}

/// What an actor can see that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// A completion for which there is no submission under way.
    UnknownCompletion = 1,
    /// A completion that carries the number of another call than the one that it answers.
    ForeignAnswer = 2,
    /// A capability that was moved away with success is still here.
    StillHeld = 3,
    /// A capability that arrived cannot be used.
    ArrivedDead = 4,
    /// A capability whose move was refused is gone.
    LostOnRefusal = 5,
}

/// The ledger, mapped.
pub struct Ledger {
    /// The memory, to be granted to actors.
    pub object: MemoryObject,
    words: &'static [AtomicU64],
}

impl Ledger {
    /// An empty one.
    pub fn create(frames: &FrameAllocator) -> Result<Ledger, Error> {
        Ledger::of(frames.allocate(PAGES)?)
    }

    /// The one that an actor was granted.
    pub fn of(object: MemoryObject) -> Result<Ledger, Error> {
        let words = rt::raw::shared_object(&object, WORDS)?;
        Ok(Ledger { object, words })
    }

    /// Forgets everything, when nobody else writes any more.
    pub fn clear(&self) {
        for word in self.words {
            word.store(0, Relaxed);
        }
    }

    /// The number of a new call; `None` when the ledger is full.
    pub fn next_call(&self) -> Option<u64> {
        let next = self.words[NEXT].fetch_add(1, Relaxed);
        (FIRST_CALL + (next as usize) < WORDS).then_some(next)
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.words[NEXT].load(Relaxed)
    }

    /// Counts that a call has come so far.
    pub fn note(&self, call: u64, stage: Stage) {
        if let Some(word) = self.words.get(FIRST_CALL + call as usize) {
            word.fetch_add(1 << (8 * stage as u32), Relaxed);
        }
    }

    /// Says what must not be, if nobody has before.
    pub fn complain(&self, complaint: Complaint, who: u64, evidence: u64) {
        let first = self.words[COMPLAINT].compare_exchange(0, complaint as u64, Relaxed, Relaxed);
        if first.is_ok() {
            self.words[COMPLAINANT].store(who, Relaxed);
            self.words[EVIDENCE].store(evidence, Relaxed);
        }
    }

    /// What was said, in words.
    pub fn complaint(&self) -> String {
        let what = match self.words[COMPLAINT].load(Relaxed) {
            0 => "nothing is wrong",
            1 => "a completion without a submission, with user data",
            2 => "an answer to another call than the one that it completes, which is",
            3 => "a token that was moved away with success is still held: token",
            4 => "a token arrived and cannot be used: token",
            _ => "a token whose move was refused is gone: token",
        };
        let [who, evidence] = [COMPLAINANT, EVIDENCE].map(|at| self.words[at].load(Relaxed));
        format!("actor {who} saw {what} {evidence:#x}")
    }

    /// Whether each call ended once for both sides.
    pub fn check(&self) -> Result<(), Wrong> {
        ensure!(self.words[COMPLAINT].load(Relaxed) == 0, "{}", self.complaint());
        let calls = (self.calls() as usize).min(WORDS - FIRST_CALL);
        for (call, word) in self.words[FIRST_CALL..][..calls].iter().enumerate() {
            let [received, answering, answered, completed, ..] = word.load(Relaxed).to_le_bytes();
            ensure!(received <= 1, "call {call} was received {received} times");
            ensure!(
                answered <= 1,
                "call {call} was answered {answered} times, each time with success"
            );
            ensure!(completed <= 1, "call {call} completed {completed} times");
            ensure!(
                answered == 0 || received == 1,
                "call {call} was answered and never received"
            );
            ensure!(
                completed == 0 || answering > 0,
                "call {call} completed, and nobody had answered it"
            );
        }
        Ok(())
    }
}
