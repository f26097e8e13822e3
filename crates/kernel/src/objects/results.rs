//! Answers that come later: the ends of threads and processes.

use crate::ring::operation::Operation;
use crate::wire;

/// ThreadHandle.join and ProcessHandle.wait: what they wait for has ended with this code.
pub fn ended(waiter: &Operation, code: i64) {
    waiter.complete_bytes(&wire::data_struct(&[code as u64]));
}
