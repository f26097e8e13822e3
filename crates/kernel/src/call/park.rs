//! PARK and UNPARK: waiting on a word, and waking who waits. docs/abi.md, section 10.

use alloc::sync::Arc;

use abi::park::ParkResult;
use abi::result::Failure;
use abi::validate::Buffer;
use sched::Nanos;

use super::{Caller, Outcome, failed};
use crate::capability::Object;
use crate::memory::account::Short;
use crate::process::Process;
use crate::process::attention::{Progress, Rest, Unparking};
use crate::ring::operation::WaitPlace;
use crate::run::wake::now;

fn is_park_space(process: &Process, cap: u32) -> bool {
    process
        .with_capability(cap, |capability| matches!(capability.object, Object::ParkSpace))
        .unwrap_or(false)
}

/// The code of a park that does not wait.
struct NotParked(i32);

impl From<Short> for NotParked {
    fn from(_: Short) -> NotParked {
        NotParked(Failure::InvokeFailed.code())
    }
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
        &process.account,
        || match machine::read_user_word(address) {
            Ok(word) if word == expected => Ok(()),
            Ok(_) => Err(NotParked(ParkResult::Mismatch.code())),
            Err(_) => Err(NotParked(Failure::InvalidParams.code())),
        },
        || {
            let empty = Buffer { addr: 0, len: 0 };
            let place: Arc<dyn WaitPlace> = process.clone();
            caller
                .thread
                .ring
                .begin(caller.user_data, empty, Some(place))
                .map_err(|_| NotParked(Failure::InvokeFailed.code()))
        },
    );
    match parked {
        Ok(operation) => {
            if timeout_ns != abi::park::NO_TIMEOUT {
                operation.arm(now() + Nanos(timeout_ns), ParkResult::TimedOut.code());
            }
            Outcome::Pending
        }
        Err(NotParked(code)) => Outcome::code(code),
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
    if let Some(operation) = process.parking.unpark(address, u64::MAX) {
        woken = u32::from(operation.complete_code(ParkResult::Woken.code()).is_yes());
        if woken < max_waiters {
            return unpark_more(caller, address, max_waiters, woken);
        }
    }
    Outcome::code(woken as i32)
}

/// Out of line: most wake one.
#[cold]
#[inline(never)]
fn unpark_more(caller: &Caller<'_>, address: u64, max_waiters: u32, woken: u32) -> Outcome {
    let process = caller.thread.process();
    let begun = Unparking {
        user_data: caller.user_data,
        address,
        left: max_waiters - woken,
        woken,
        before: process.parking.arrivals(),
    };
    match begun.go_on(process) {
        Progress::Done(result) => Outcome::code(result),
        Progress::Unfinished(rest) => {
            caller.thread.attention.keep(Rest::Unparking(rest));
            Outcome::Unfinished
        }
    }
}
