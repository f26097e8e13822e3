//! The wire rules of submissions: which flags and fields each opcode may use.
//!
//! Nearly every rule has the form "these fields are zero", so a rule set is one mask over the eight words of
//! a submission: a set bit in the mask must be clear in the words. Checking is eight ANDs whatever the
//! opcode; the few rules that are not masks follow in the arm of their opcode. Nothing here looks at
//! capabilities or memory, and a refusal leaves no trace.
//!
//! The outcome is an [`Op`]: the fields that mean something for that opcode, under names that say what.

use crate::result::Failure;
use crate::ring::{NOP_WORD, Opcode, SQE_WORDS, Sqe, sqe_flags};

/// Why a submission is refused before it is looked at any closer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WireError {
    /// Unknown opcode, forbidden flag, a field that must be zero, or one that must not.
    Invalid,
    /// A reserved opcode.
    Unsupported,
}

impl WireError {
    /// The completion's result.
    #[must_use]
    pub const fn failure(self) -> Failure {
        match self {
            Self::Invalid => Failure::InvalidRequest,
            Self::Unsupported => Failure::UnsupportedOpcode,
        }
    }
}

/// A range of user memory as the submission gives it: unchecked, and with any address when empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Buffer {
    /// First byte.
    pub addr: u64,
    /// Bytes.
    pub len: u32,
}

/// A well-formed submission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// Call method `method` of `cap`.
    Call {
        /// Capability called.
        cap: u32,
        /// Method ordinal.
        method: u16,
        /// Parameters.
        params: Buffer,
        /// Where results go.
        result: Buffer,
        /// Transfer descriptors behind the parameters; may exceed what a transfer allows.
        transfers: u16,
        /// The only thread that may dispatch this, if it names one.
        owner: Option<u32>,
        /// Session fields the caller discloses, bits 0-2.
        disclosure: u8,
    },
    /// Answer call `call` received from endpoint `cap`.
    Return {
        /// Endpoint.
        cap: u32,
        /// Call number from the receive.
        call: u32,
        /// Answer.
        payload: Buffer,
        /// Transfer descriptors behind the answer.
        transfers: u16,
        /// The answer is an encoded exception.
        exception: bool,
    },
    /// Receive one call from endpoint `cap`.
    Recv {
        /// Endpoint.
        cap: u32,
        /// Where header, parameters and capability records go.
        result: Buffer,
    },
    /// Drop `cap`.
    Release {
        /// Capability to drop.
        cap: u32,
    },
    /// Complete with 0.
    Nop,
    /// Withdraw the receive with this `user_data` from endpoint `cap`.
    Cancel {
        /// Endpoint.
        cap: u32,
        /// `user_data` of the receive.
        target: u64,
    },
    /// Wait while the word holds `expected`.
    Park {
        /// Park space.
        cap: u32,
        /// Address of the word.
        addr: u64,
        /// Value it must hold for the wait to begin.
        expected: u32,
        /// Relative time-out; [`crate::park::NO_TIMEOUT`] for none.
        timeout_ns: u64,
        /// The waiting thread, and the only one that may dispatch this.
        owner: u32,
    },
    /// Wake up to `max_waiters` waiters of the word.
    Unpark {
        /// Park space.
        cap: u32,
        /// Address of the word.
        addr: u64,
        /// At least 1.
        max_waiters: u32,
    },
}

/// Checks a submission. See [`validate_words`].
///
/// # Errors
/// [`WireError::Unsupported`] for FINISH, [`WireError::Invalid`] for everything else that is not well-formed.
#[inline]
pub fn validate(sqe: &Sqe) -> Result<Op, WireError> {
    validate_words(&sqe.to_words())
}

/// Whether this is a well-formed NOP: what [`validate_words`] says too, for a loop that wants to know nothing else.
#[inline]
#[must_use]
pub const fn is_nop(words: &[u64; SQE_WORDS]) -> bool {
    words[0] == NOP_WORD && words[2] | words[3] | words[4] | words[5] | words[6] | words[7] == 0
}

/// Checks a submission as read from the ring.
///
/// # Errors
/// As for [`validate`].
#[inline]
pub fn validate_words(words: &[u64; SQE_WORDS]) -> Result<Op, WireError> {
    check_words(words).map(|opcode| Op::of_checked(opcode, words))
}

/// The same, for who wants the fields later: [`Op::of_checked`].
///
/// # Errors
/// As for [`validate`].
#[inline]
pub fn check_words(words: &[u64; SQE_WORDS]) -> Result<Opcode, WireError> {
    let number = words[0] as u8;
    let Some(mask) = MUST_BE_CLEAR.get(usize::from(number)) else {
        return Err(WireError::Invalid);
    };
    let mut offending = 0;
    for (word, mask) in words.iter().zip(mask) {
        offending |= word & mask;
    }
    if offending != 0 {
        return Err(WireError::Invalid);
    }
    // The rules that are not masks.
    let sqe = Sqe::from_words(*words);
    let thread_owned = sqe.flags & sqe_flags::THREAD_OWNED != 0;
    let exception = sqe.flags & sqe_flags::RETURN_APPLICATION_EXCEPTION != 0;
    let opcode = Opcode::from_number(number).ok_or(WireError::Invalid)?;
    let in_order = match opcode {
        Opcode::Call => thread_owned == (sqe.call_id != 0),
        Opcode::Return => !exception || sqe.xfer_cap_count == 0,
        Opcode::Recv | Opcode::Release | Opcode::Nop => true,
        Opcode::Finish => return Err(WireError::Unsupported),
        Opcode::Cancel => sqe.pipeline_dep != 0,
        Opcode::ParkBench => false,
        Opcode::Park => thread_owned && sqe.call_id != 0,
        Opcode::Unpark => sqe.len != 0,
    };
    if in_order {
        Ok(opcode)
    } else {
        Err(WireError::Invalid)
    }
}

/// The only thread that may dispatch this submission, if it names one. For submissions that [`check_words`] has found in
/// order: there, only calls and parks may have the flag.
#[inline]
#[must_use]
pub const fn owner_of(words: &[u64; SQE_WORDS]) -> Option<u32> {
    let sqe = Sqe::from_words(*words);
    if sqe.flags & sqe_flags::THREAD_OWNED != 0 {
        Some(sqe.call_id)
    } else {
        None
    }
}

/// Whether another thread than `thread` has to dispatch this submission. As [`owner_of`], for submissions in order.
#[inline]
#[must_use]
pub const fn is_of_another(words: &[u64; SQE_WORDS], thread: u32) -> bool {
    match owner_of(words) {
        Some(owner) => owner != thread,
        None => false,
    }
}

impl Op {
    /// The fields of a submission under their proper names. `opcode` is what [`check_words`] has answered for `words`;
    /// one that it never answers counts as a NOP.
    #[inline(always)]
    #[must_use]
    pub fn of_checked(opcode: Opcode, words: &[u64; SQE_WORDS]) -> Op {
        let sqe = Sqe::from_words(*words);
        let cap = sqe.cap_id;
        let payload = Buffer {
            addr: sqe.addr,
            len: sqe.len,
        };
        let result = Buffer {
            addr: sqe.result_addr,
            len: sqe.result_len,
        };
        match opcode {
            Opcode::Call => Op::Call {
                cap,
                method: sqe.method_id,
                params: payload,
                result,
                transfers: sqe.xfer_cap_count,
                owner: owner_of(words),
                disclosure: sqe.session_disclosure as u8,
            },
            Opcode::Return => Op::Return {
                cap,
                call: sqe.call_id,
                payload,
                transfers: sqe.xfer_cap_count,
                exception: sqe.flags & sqe_flags::RETURN_APPLICATION_EXCEPTION != 0,
            },
            Opcode::Recv => Op::Recv { cap, result },
            Opcode::Release => Op::Release { cap },
            Opcode::Nop | Opcode::Finish | Opcode::ParkBench => Op::Nop,
            Opcode::Cancel => Op::Cancel {
                cap,
                target: sqe.pipeline_dep,
            },
            Opcode::Park => Op::Park {
                cap,
                addr: sqe.addr,
                expected: sqe.len,
                timeout_ns: sqe.pipeline_dep,
                owner: sqe.call_id,
            },
            Opcode::Unpark => Op::Unpark {
                cap,
                addr: sqe.addr,
                max_waiters: sqe.len,
            },
        }
    }
}

/// Per opcode the bits that must be clear: written as a submission whose forbidden fields are all ones.
static MUST_BE_CLEAR: [[u64; SQE_WORDS]; 10] = {
    let nothing = Sqe {
        opcode: 0,
        flags: 0,
        method_id: 0,
        cap_id: 0,
        user_data: 0,
        addr: 0,
        len: 0,
        result_len: 0,
        result_addr: 0,
        pipeline_dep: 0,
        pipeline_field: 0,
        xfer_cap_count: 0,
        call_id: 0,
        session_disclosure: 0,
    };
    let no_flags = Sqe {
        flags: u8::MAX,
        ..nothing
    };
    let no_pipeline = Sqe {
        pipeline_dep: u64::MAX,
        pipeline_field: u16::MAX,
        ..no_flags
    };

    let call = Sqe {
        flags: !sqe_flags::THREAD_OWNED,
        session_disclosure: !0b111,
        ..no_pipeline
    };
    let return_ = Sqe {
        flags: !sqe_flags::RETURN_APPLICATION_EXCEPTION,
        method_id: u16::MAX,
        result_addr: u64::MAX,
        result_len: u32::MAX,
        session_disclosure: u64::MAX,
        ..no_pipeline
    };
    let recv = Sqe {
        method_id: u16::MAX,
        addr: u64::MAX,
        len: u32::MAX,
        xfer_cap_count: u16::MAX,
        call_id: u32::MAX,
        session_disclosure: u64::MAX,
        ..no_pipeline
    };
    let release = Sqe {
        result_addr: u64::MAX,
        result_len: u32::MAX,
        ..recv
    };
    let finish = nothing;
    let nop = Sqe {
        cap_id: u32::MAX,
        ..release
    };
    let cancel = Sqe {
        pipeline_dep: 0,
        ..release
    };
    // Measurement opcode: every submission carries its own opcode, so forbidding the bits of that refuses
    // all.
    let park_bench = Sqe {
        opcode: Opcode::ParkBench as u8,
        ..nothing
    };
    let park = Sqe {
        flags: !sqe_flags::THREAD_OWNED,
        method_id: u16::MAX,
        result_addr: u64::MAX,
        result_len: u32::MAX,
        pipeline_field: u16::MAX,
        xfer_cap_count: u16::MAX,
        session_disclosure: u64::MAX,
        ..nothing
    };
    let unpark = Sqe {
        addr: 0,
        len: 0,
        ..release
    };

    [
        call.to_words(),
        return_.to_words(),
        recv.to_words(),
        release.to_words(),
        finish.to_words(),
        nop.to_words(),
        cancel.to_words(),
        park_bench.to_words(),
        park.to_words(),
        unpark.to_words(),
    ]
};

#[cfg(test)]
mod tests;
