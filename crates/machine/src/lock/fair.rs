//! Who has a lock and who has it next, in one word. A free lock is anybody's. A CPU that has waited for long *claims* the lock: when
//! it becomes free, it is left alone by everybody else. So a CPU that takes a lock again and again, and has it in its
//! cache, cannot keep the others out for ever: whoever has waited for its patience is at most one turn of each other CPU away.
//!
//! A queue in the order of arrival would be fairer still. But it stops whenever a host has put aside the virtual CPU whose turn
//! it is, and with more virtual CPUs than the host has that is most of the time; whoever claims is running at that moment.
//!
//! The word is behind a trait, so that the models run this code in every order that the memory model allows.

use core::sync::atomic::{AtomicU32, Ordering};

/// Nobody has it, and nobody has claimed it.
const FREE: u32 = 0;
/// Somebody has it.
const HELD: u32 = 1;
/// Somebody who waits has it next.
const CLAIMED: u32 = 2;

/// The word of a lock.
pub trait Word {
    /// Reads it.
    fn load(&self, order: Ordering) -> u32;
    /// Takes all bits out but these. Called by the holder alone; a bit that another CPU sets at that very moment may get lost.
    fn keep(&self, bits: u32, order: Ordering);
    /// Writes `new` if it is `current`; whether it was. A failure orders nothing.
    fn compare_exchange(&self, current: u32, new: u32, order: Ordering) -> bool;
}

impl Word for AtomicU32 {
    #[inline]
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }

    #[inline]
    fn keep(&self, bits: u32, order: Ordering) {
        // Two plain accesses, one instruction: a locked one would cost every release what only claims need.
        self.store(self.load(Ordering::Relaxed) & bits, order);
    }

    #[inline]
    fn compare_exchange(&self, current: u32, new: u32, order: Ordering) -> bool {
        self.compare_exchange(current, new, order, Ordering::Relaxed)
            .is_ok()
    }
}

/// A lock's word.
#[derive(Debug, Default)]
pub struct Fair<W>(W);

/// A CPU that waits: how often it has looked, and whether it has claimed the lock.
#[derive(Debug)]
pub struct Waiter {
    patience: u32,
    has_claimed: bool,
}

impl Waiter {
    /// One that looks so many times before it claims.
    #[must_use]
    pub const fn new(patience: u32) -> Waiter {
        Waiter {
            patience,
            has_claimed: false,
        }
    }
}

impl Fair<AtomicU32> {
    /// A free lock.
    #[must_use]
    pub const fn new() -> Self {
        Fair(AtomicU32::new(FREE))
    }
}

impl<W: Word> Fair<W> {
    /// Takes the lock if it is free and nobody has claimed it.
    #[inline]
    #[must_use = "the lock may be somebody else's"]
    pub fn take(&self) -> bool {
        self.0.compare_exchange(FREE, HELD, Ordering::Acquire)
    }

    /// One look of a CPU that waits; whether it has the lock now.
    #[must_use = "the lock may still be somebody else's"]
    pub fn look(&self, waiter: &mut Waiter) -> bool {
        match self.0.load(Ordering::Relaxed) {
            FREE => self.take(),
            // Taking it takes the claim back as well.
            CLAIMED if waiter.has_claimed => self.0.compare_exchange(CLAIMED, HELD, Ordering::Acquire),
            // A claim that came while the lock was being released may be lost: then it is made again here.
            HELD if waiter.patience == 0 => {
                waiter.has_claimed |= self.0.compare_exchange(HELD, HELD | CLAIMED, Ordering::Relaxed);
                false
            }
            _ => {
                waiter.patience = waiter.patience.saturating_sub(1);
                false
            }
        }
    }

    /// Lets the lock go; a claim stays.
    #[inline]
    pub fn release(&self) {
        self.0.keep(CLAIMED, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_a_lock_that_somebody_has_waited_for_is_not_taken_by_newcomers() {
        let lock = Fair::new();
        let (mut first, mut second) = (Waiter::new(2), Waiter::new(0));
        assert!(lock.take() && !lock.take());
        // Patient as long as it has looked twice only, then it claims.
        for _ in 0..3 {
            assert!(!lock.look(&mut first));
        }
        assert!(!lock.look(&mut second), "there is a claim already");
        lock.release();
        assert!(!lock.take(), "a newcomer, the last holder say");
        assert!(!lock.look(&mut second), "somebody who came later");
        assert!(lock.look(&mut first));
        // Now it is the second one's turn to claim.
        assert!(!lock.look(&mut second));
        lock.release();
        assert!(!lock.take());
        assert!(lock.look(&mut second));
        lock.release();
        assert!(lock.take());
    }

    #[test]
    fn p4_a_patient_waiter_takes_a_free_lock_and_leaves_no_claim() {
        let lock = Fair::new();
        let mut waiter = Waiter::new(8);
        assert!(lock.take() && !lock.look(&mut waiter));
        lock.release();
        assert!(lock.look(&mut waiter));
        lock.release();
        assert!(lock.take());
    }
}
