//! What those hear who wait for the end of a thread or process.

use crate::memory::account::Short;
use crate::ring::operation::Operation;
use crate::wire::{self, ExceptionKind};

/// ThreadHandle.join and ProcessHandle.wait: what the waiter waits for has ended with this code.
pub fn ended(waiter: &Operation, code: i64) {
    waiter
        .complete_bytes(&wire::data_struct(&[code as u64]))
        .either_way();
}

/// The same for who has just been listed to wait for the end, or was told the code of one that is over, or could not be listed.
pub fn when_over(waiter: &Operation, listed: Result<Option<i64>, Short>) {
    match listed {
        Ok(Some(code)) => ended(waiter, code),
        Ok(None) => {}
        Err(_) => waiter
            .complete_exception(ExceptionKind::Overloaded, "too many wait for this")
            .either_way(),
    }
}
