//! A CPU holds a lock and waits until another has flushed its translations, while that one waits for the
//! lock. Rule P4; docs/mutants.md, rows 17 and 18.
//!
//! Kernel code runs with interrupts off, so a CPU that spins for a lock notices no request by interrupt; it
//! answers between two looks at the lock instead. A request is a ticket drawn from the other CPU's counter,
//! and carries no arguments that could be seen too late: the whole TLB goes. The answer is the newest
//! ticket honoured, given after the flush.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering, fence};
use loom::thread;
use machine::lock::fair::{Fair, Waiter};

use crate::Mistake;
use crate::word::LockWord;

#[derive(Default)]
struct Machine {
    lock: Fair<LockWord<true>>,
    /// The page table entry: which version of it is in memory.
    entry: AtomicU32,
    /// CPU 1's TLB: the version of the entry that it uses.
    translation: AtomicU32,
    /// Tickets drawn by those who want CPU 1 to flush.
    wanted: AtomicU32,
    /// The newest ticket that CPU 1 has honoured.
    done: AtomicU32,
}

impl Machine {
    /// CPU 1 flushes if it was asked to: it then sees the entry as it is in memory.
    fn answer(&self, mistake: Mistake) {
        let wanted = self.wanted.load(Ordering::SeqCst);
        if wanted == self.done.load(Ordering::Relaxed) {
            return;
        }
        if mistake == Mistake::AnswerBeforeFlush {
            self.done.store(wanted, Ordering::SeqCst);
        }
        self.translation
            .store(self.entry.load(Ordering::Relaxed), Ordering::Relaxed);
        self.done.store(wanted, Ordering::SeqCst);
    }

    /// CPU 1 wants the lock.
    fn lock_answering(&self, mistake: Mistake) {
        let mut waiter = Waiter::new(1);
        while !self.lock.look(&mut waiter) {
            if mistake != Mistake::SpinDeaf {
                self.answer(mistake);
            }
            thread::yield_now();
        }
    }

    /// CPU 0 makes CPU 1 flush.
    fn shoot_down(&self) {
        fence(Ordering::SeqCst);
        let ticket = self.wanted.fetch_add(1, Ordering::SeqCst) + 1;
        while self.done.load(Ordering::SeqCst) < ticket {
            thread::yield_now();
        }
    }
}

/// CPU 0 changes an entry and shoots the old one down, holding the lock that CPU 1 wants next. Both must
/// get through, and CPU 1 must not use the old translation once CPU 0 has gone on.
pub fn two_processors_get_through(mistake: Mistake) {
    let machine = Arc::new(Machine::default());
    assert!(machine.lock.take());
    let other = thread::spawn({
        let machine = machine.clone();
        move || {
            machine.lock_answering(mistake);
            machine.lock.release();
        }
    });
    machine.entry.store(1, Ordering::Relaxed);
    machine.shoot_down();
    let used = machine.translation.load(Ordering::Relaxed);
    assert_eq!(used, 1, "the other CPU still uses the old translation");
    machine.lock.release();
    other.join().unwrap();
}
