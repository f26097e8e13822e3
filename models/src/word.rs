//! loom's words behind the traits of the load board, of the ring and of locks, so that the kernel's own code runs on them.
//!
//! loom takes every sequentially consistent access for an acquire-release one; only its fences are sequentially
//! consistent. On x86-64 a read-modify-write step is a full fence, a store of that order is one too, and a load is an
//! ordinary load. So that is what they are here, with loom's fences: exactly what the kernel's processor does, and no
//! more. [`Weak`] words lack those fences; they are a [`crate::Mistake`].

use abi::ring::header;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use machine::lock::fair;
use sched::word::AtomicWord;

/// A word as x86-64 has it.
#[derive(Debug)]
pub struct Word(AtomicU64);

/// A word whose steps order nothing but itself.
#[derive(Debug)]
pub struct Weak(AtomicU64);

/// Performs a step with the fences of its order.
fn fenced<T>(order: Ordering, step: impl FnOnce() -> T) -> T {
    if order != Ordering::SeqCst {
        return step();
    }
    fence(Ordering::SeqCst);
    let result = step();
    fence(Ordering::SeqCst);
    result
}

impl AtomicWord for Word {
    fn new(value: u64) -> Self {
        Word(AtomicU64::new(value))
    }

    fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        fenced(order, || self.0.store(value, order));
    }

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        fenced(order, || self.0.fetch_add(value, order))
    }

    fn fetch_or(&self, bits: u64, order: Ordering) -> u64 {
        fenced(order, || self.0.fetch_or(bits, order))
    }

    fn fetch_and(&self, bits: u64, order: Ordering) -> u64 {
        fenced(order, || self.0.fetch_and(bits, order))
    }
}

impl AtomicWord for Weak {
    fn new(value: u64) -> Self {
        Weak(AtomicU64::new(value))
    }

    fn load(&self, _: Ordering) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn store(&self, value: u64, _: Ordering) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn fetch_add(&self, value: u64, _: Ordering) -> u64 {
        self.0.fetch_add(value, Ordering::Relaxed)
    }

    fn fetch_or(&self, bits: u64, _: Ordering) -> u64 {
        self.0.fetch_or(bits, Ordering::Relaxed)
    }

    fn fetch_and(&self, bits: u64, _: Ordering) -> u64 {
        self.0.fetch_and(bits, Ordering::Relaxed)
    }
}

/// A word of a ring's header. Without `RELEASE` its accesses order nothing, without `FENCE` its fences do not.
#[derive(Debug, Default)]
pub struct HeaderWord<const RELEASE: bool, const FENCE: bool>(AtomicU32);

impl<const RELEASE: bool, const FENCE: bool> HeaderWord<RELEASE, FENCE> {
    fn order(order: Ordering) -> Ordering {
        if RELEASE { order } else { Ordering::Relaxed }
    }
}

impl<const RELEASE: bool, const FENCE: bool> header::Word for HeaderWord<RELEASE, FENCE> {
    fn load(&self, order: Ordering) -> u32 {
        self.0.load(Self::order(order))
    }

    fn store(&self, value: u32, order: Ordering) {
        self.0.store(value, Self::order(order));
    }

    fn fence(order: Ordering) {
        if FENCE {
            fence(order);
        }
    }
}

/// The word of a lock. Without `ORDERED` its steps order nothing but itself.
#[derive(Debug, Default)]
pub struct LockWord<const ORDERED: bool>(AtomicU32);

impl<const ORDERED: bool> LockWord<ORDERED> {
    fn order(order: Ordering) -> Ordering {
        if ORDERED { order } else { Ordering::Relaxed }
    }
}

impl<const ORDERED: bool> fair::Word for LockWord<ORDERED> {
    fn load(&self, order: Ordering) -> u32 {
        self.0.load(Self::order(order))
    }

    /// In one step, so no bit gets lost here: a lost claim is made again, and loom does not order plain stores among other steps.
    fn keep(&self, bits: u32, order: Ordering) {
        self.0.fetch_and(bits, Self::order(order));
    }

    fn compare_exchange(&self, current: u32, new: u32, order: Ordering) -> bool {
        self.0
            .compare_exchange(current, new, Self::order(order), Ordering::Relaxed)
            .is_ok()
    }
}
