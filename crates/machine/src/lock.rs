//! The kernel's lock: test-and-test-and-set with a pause, behind `lock_api`'s guards. The kernel runs with
//! interrupts off, so a lock is never taken twice on one CPU by an interrupt. While it waits, a CPU answers TLB
//! shootdowns (memory/tlb.rs): otherwise A, holding this lock, could wait for B's answer while B waits for A's
//! lock (rule P4; docs/mutants.md, row 17). In a kernel that was built to be measured it tells attribution when it was taken and
//! released; in any other the probe is nothing.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::attribution::{Probe, Site, Wait};

/// The raw lock; use [`Lock`].
pub struct RawLock {
    held: AtomicBool,
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
            held: AtomicBool::new(false),
            probe: Probe::at(site),
        }
    }

    #[inline]
    fn take(&self) -> bool {
        !self.held.swap(true, Ordering::Acquire)
    }

    /// Takes the lock when its holder lets it go. Out of line: where locks are taken, only their being free is in the way.
    #[cold]
    #[inline(never)]
    fn wait(&self) -> Wait {
        let mut wait = Wait::none();
        loop {
            wait.goes_on();
            while self.held.load(Ordering::Relaxed) {
                crate::memory::tlb::answer_shootdown();
                core::hint::spin_loop();
            }
            if self.take() {
                return wait;
            }
        }
    }
}

// SAFETY: `lock` returns only after this CPU changed the flag from false to true with Acquire; `unlock` stores
// false with Release. So one holder exists at a time, and what it wrote is seen by the next.
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
        let wait = if self.take() { Wait::none() } else { self.wait() };
        self.probe.taken(wait);
    }

    #[inline]
    fn try_lock(&self) -> bool {
        let taken = self.take();
        if taken {
            self.probe.taken(Wait::none());
        }
        taken
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.probe.released();
        self.held.store(false, Ordering::Release);
    }
}
