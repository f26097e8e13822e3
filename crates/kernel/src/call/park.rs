//! PARK and UNPARK: waiting on a word, and waking who waits. docs/abi.md, section 10.

use alloc::sync::Arc;

use abi::park::Outcome as ParkOutcome;
use abi::result::Failure;
use abi::validate::Buffer;
use sched::Nanos;

use super::{Caller, Outcome, failed};
use crate::capability::Object;
use crate::process::Process;
use crate::ring::operation::WaitPlace;
use crate::run::wake::now;

fn is_park_space(process: &Process, cap: u32) -> bool {
    process
        .with_capability(cap, |capability| matches!(capability.object, Object::ParkSpace))
        .unwrap_or(false)
}

/// Waits while the word holds `expected`.
#[inline]
pub(super) fn park(caller: &Caller<'_>, cap: u32, address: u64, expected: u32, timeout_ns: u64) -> Outcome {
    let process = caller.thread.process();
    if !is_park_space(process, cap) {
        return failed(Failure::InvokeFailed);
    }
    // The word is there and its page is in place, so reading it again under the queue's lock cannot have to wait.
    if process.space.read_word_here(address).is_err() {
        return failed(Failure::InvalidParams);
    }
    let parked = process.parking.park(
        address,
        caller.thread.tid(),
        || match machine::read_user_word(address) {
            Ok(word) if word == expected => Ok(()),
            Ok(_) => Err(ParkOutcome::Mismatch.code()),
            Err(_) => Err(Failure::InvalidParams.code()),
        },
        || {
            let empty = Buffer { addr: 0, len: 0 };
            let place: Arc<dyn WaitPlace> = process.clone();
            caller
                .thread
                .ring
                .begin(caller.user_data, empty, Some(place))
                .map_err(|_| Failure::InvokeFailed.code())
        },
    );
    match parked {
        Ok(operation) => {
            if timeout_ns != abi::park::NO_TIMEOUT {
                operation.arm(now() + Nanos(timeout_ns), ParkOutcome::TimedOut.code());
            }
            Outcome::Pending
        }
        Err(code) => Outcome::code(code),
    }
}

/// Wakes up to `max_waiters` threads that wait on the word.
#[inline]
pub(super) fn unpark(caller: &Caller<'_>, cap: u32, address: u64, max_waiters: u32) -> Outcome {
    let process = caller.thread.process();
    if !is_park_space(process, cap) {
        return failed(Failure::InvokeFailed);
    }
    if process.space.read_word_here(address).is_err() {
        return failed(Failure::InvalidParams);
    }
    let mut woken = 0;
    while woken < max_waiters
        && let Some(operation) = process.parking.unpark(address)
    {
        if operation.complete_code(ParkOutcome::Woken.code()) {
            woken += 1;
        }
    }
    Outcome::code(woken as i32)
}
