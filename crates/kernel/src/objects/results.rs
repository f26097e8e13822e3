//! Answers that come later: the ends of threads and processes.

use crate::ring::operation::Operation;
use crate::wire;

/// ThreadHandle.join: the thread has ended.
pub fn thread_ended(joiner: &Operation, code: i64) {
    joiner.complete_bytes(&wire::data_struct(&[code as u64]));
}

/// ProcessHandle.wait: the process has ended.
pub fn process_ended(waiter: &Operation, code: i64) {
    waiter.complete_bytes(&wire::data_struct(&[code as u64]));
}
