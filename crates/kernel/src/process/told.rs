//! What those hear who wait for the end of a thread or process.

use crate::ring::operation::Operation;
use crate::wire;

/// ThreadHandle.join and ProcessHandle.wait: what the waiter waits for has ended with this code.
pub fn ended(waiter: &Operation, code: i64) {
    waiter
        .complete_bytes(&wire::data_struct(&[code as u64]))
        .either_way();
}
