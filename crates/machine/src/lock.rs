//! The kernel's lock: a word that is fair to those who have waited for long ([`fair`]), behind `lock_api`'s guards. The kernel runs with
//! interrupts off, so a lock is never taken twice on one CPU by an interrupt. While it waits, a CPU answers TLB
//! shootdowns (memory/tlb.rs): otherwise A, holding this lock, could wait for B's answer while B waits for A's
//! lock (rule P4; docs/mutants.md, row 17). In a kernel that was built to be measured it tells attribution when it was taken and
//! released; in any other the probe is nothing.

pub mod fair;

use core::sync::atomic::AtomicU32;

use crate::attribution::{Probe, Site, Wait};
use fair::{Fair, Waiter};

/// How often a CPU looks at a lock before it claims it: longer than any lock is held, unless its holder waits or was put aside by a
/// host, and a few microseconds on any machine.
const PATIENCE: u32 = 256;

/// The raw lock; use [`Lock`].
pub struct RawLock {
    word: Fair<AtomicU32>,
    probe: Probe,
}

/// A spin lock around a `T`.
pub type Lock<T> = lock_api::Mutex<RawLock, T>;
/// What holding a [`Lock`] looks like.
pub type LockGuard<'a, T> = lock_api::MutexGuard<'a, RawLock, T>;

impl RawLock {
    /// A free lock of this site.
    #[inline]
    pub(crate) const fn at(site: Site) -> RawLock {
        RawLock {
            word: Fair::new(),
            probe: Probe::at(site),
        }
    }

    /// Takes the lock when its holder lets it go. Out of line: where locks are taken, only their being free is in the way.
    #[cold]
    #[inline(never)]
    fn wait(&self) -> Wait {
        let mut wait = Wait::none();
        wait.goes_on();
        let mut waiter = Waiter::new(PATIENCE);
        while !self.word.look(&mut waiter) {
            crate::memory::tlb::answer_shootdown();
            core::hint::spin_loop();
        }
        wait
    }
}

// SAFETY: `lock` returns only after this CPU changed the word from not held to held with Acquire (`Fair::take`, `Fair::look`), and only
// the holder changes it back, with Release (`Fair::release`). So one holder exists at a time, and what it wrote is seen by the next.
unsafe impl lock_api::RawMutex for RawLock {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "lock_api wants a constant to start from"
    )]
    const INIT: Self = RawLock::at(Site::Other);
    /// A guard stays on the CPU that made it: threads of the kernel are CPUs.
    type GuardMarker = lock_api::GuardNoSend;

    #[inline]
    fn lock(&self) {
        let wait = if self.word.take() {
            Wait::none()
        } else {
            self.wait()
        };
        self.probe.taken(wait);
    }

    #[inline]
    fn try_lock(&self) -> bool {
        let taken = self.word.take();
        if taken {
            self.probe.taken(Wait::none());
        }
        taken
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.probe.released();
        self.word.release();
    }
}
