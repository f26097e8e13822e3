//! An operation that somebody is about to end: claimed, so that bytes and capabilities may be brought to its submitter before. Rule P18.

use abi::result::Failure;
use abi::ring::Cqe;
use abi::validate::Buffer;
use rings::ending;

use super::operation::{Ending, Operation, Told};

/// An operation that somebody is about to end and nobody else can: its submitter's memory may be written to until then, and
/// not a moment longer. One that is let go of without an end is under way as before, which is for those without a time-out.
#[must_use = "it was claimed to be ended"]
pub struct Claim<'a> {
    pub(super) operation: &'a Operation,
    pub(super) result: Buffer,
}

impl Claim<'_> {
    /// Where its result goes.
    #[inline]
    pub fn result(&self) -> Buffer {
        self.result
    }

    /// Writes a message to where its result goes; whether it fits and that is there.
    pub(super) fn write(&self, bytes: &[u8]) -> bool {
        let Buffer { addr, len } = self.result;
        bytes.len() <= len as usize && self.operation.ring.space.write(addr, bytes).is_ok()
    }

    /// Ends it with what `completion` makes of its user data.
    #[inline(always)]
    pub fn complete(self, completion: Cqe) -> Told {
        self.complete_and(completion, || ())
    }

    /// The same; `arrive` runs before anybody can see the completion, under the ring's lock.
    #[inline(always)]
    pub fn complete_and(self, completion: Cqe, arrive: impl FnOnce()) -> Told {
        let Operation { ring, name } = self.operation;
        let told = ending::finish(&Ending(ring), *name, completion, arrive);
        // It has ended, so there is nothing to give back.
        core::mem::forget(self);
        Told::when(told.is_some())
    }

    /// Ends it with a failure. Out of line, as it is seldom called and in many places.
    #[cold]
    #[inline(never)]
    pub fn fail(self, failure: Failure) -> Told {
        self.complete(Cqe::plain(0, failure.code()))
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let Operation { ring, name } = self.operation;
        ending::give_back(&Ending(ring), *name);
    }
}
