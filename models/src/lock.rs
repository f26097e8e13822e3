//! One CPU takes a lock again and again while another one waits so long that it claims it. Rule P4. The lock is the kernel's own word
//! (`machine::lock::fair`).

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;
use machine::lock::fair::{Fair, Waiter};

use crate::word::LockWord;

#[derive(Default)]
struct Guarded<const ORDERED: bool> {
    lock: Fair<LockWord<ORDERED>>,
    /// How often the lock was held. Counted in two steps: whoever is not alone, or does not see what the holder before wrote, loses one.
    count: AtomicU32,
}

impl<const ORDERED: bool> Guarded<ORDERED> {
    /// A CPU that looks `patience` times before it claims.
    fn hold_once(&self, patience: u32) {
        let mut waiter = Waiter::new(patience);
        while !self.lock.look(&mut waiter) {
            thread::yield_now();
        }
        let before = self.count.load(Ordering::Relaxed);
        self.count.store(before + 1, Ordering::Relaxed);
        self.lock.release();
    }
}

/// Both get the lock, one at a time, and each sees what the other has written.
pub fn one_at_a_time<const ORDERED: bool>() {
    let guarded = Arc::new(Guarded::<ORDERED>::default());
    let other = thread::spawn({
        let guarded = guarded.clone();
        move || guarded.hold_once(0)
    });
    guarded.hold_once(1);
    guarded.hold_once(1);
    other.join().unwrap();
    assert_eq!(guarded.count.load(Ordering::Relaxed), 3);
}
