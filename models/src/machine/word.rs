//! shuttle's words behind the load board's trait: each step is a place where another CPU may come in between. shuttle
//! knows no weak memory orders; those are loom's part ([`crate::board`]).

use sched::word::AtomicWord;
use shuttle::sync::atomic::{AtomicU64, Ordering};

/// A word of the load board.
#[derive(Debug)]
pub struct Word(AtomicU64);

impl AtomicWord for Word {
    fn new(value: u64) -> Self {
        Word(AtomicU64::new(value))
    }

    fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_add(value, order)
    }

    fn fetch_or(&self, bits: u64, order: Ordering) -> u64 {
        self.0.fetch_or(bits, order)
    }

    fn fetch_and(&self, bits: u64, order: Ordering) -> u64 {
        self.0.fetch_and(bits, order)
    }
}
