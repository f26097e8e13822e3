//! The words that CPUs share without a lock, behind a trait, so that models can run the protocols on them in
//! every order that the memory model allows: with a model checker's words it compiles the same code that the kernel
//! compiles with the processor's.

use core::sync::atomic::{AtomicU64, Ordering};

/// A word of 64 bits that several CPUs read and write. Each method is the one of [`AtomicU64`] with its name.
pub trait AtomicWord {
    /// A word with this value.
    fn new(value: u64) -> Self;
    /// Reads it.
    fn load(&self, order: Ordering) -> u64;
    /// Writes it.
    fn store(&self, value: u64, order: Ordering);
    /// Adds to it, wrapping around; the value before.
    fn fetch_add(&self, value: u64, order: Ordering) -> u64;
    /// Sets the bits that are set in `bits`; the value before.
    fn fetch_or(&self, bits: u64, order: Ordering) -> u64;
    /// Clears the bits that are clear in `bits`; the value before.
    fn fetch_and(&self, bits: u64, order: Ordering) -> u64;
}

impl AtomicWord for AtomicU64 {
    #[inline]
    fn new(value: u64) -> Self {
        AtomicU64::new(value)
    }

    #[inline]
    fn load(&self, order: Ordering) -> u64 {
        self.load(order)
    }

    #[inline]
    fn store(&self, value: u64, order: Ordering) {
        self.store(value, order);
    }

    #[inline]
    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.fetch_add(value, order)
    }

    #[inline]
    fn fetch_or(&self, bits: u64, order: Ordering) -> u64 {
        self.fetch_or(bits, order)
    }

    #[inline]
    fn fetch_and(&self, bits: u64, order: Ordering) -> u64 {
        self.fetch_and(bits, order)
    }
}
