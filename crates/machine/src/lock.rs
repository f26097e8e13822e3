//! The kernel's lock: test-and-test-and-set with a pause, behind `lock_api`'s guards. The kernel runs with
//! interrupts off, so a lock is never taken twice on one CPU by an interrupt. While it waits, a CPU answers TLB
//! shootdowns (memory/tlb.rs): otherwise A, holding this lock, could wait for B's answer while B waits for A's
//! lock (rule P4, nasty row 17).

use core::sync::atomic::{AtomicBool, Ordering};

/// The raw lock; use [`Lock`].
pub struct RawLock(AtomicBool);

/// A spin lock around a `T`.
pub type Lock<T> = lock_api::Mutex<RawLock, T>;
/// What holding a [`Lock`] looks like.
pub type LockGuard<'a, T> = lock_api::MutexGuard<'a, RawLock, T>;

// SAFETY: `lock` returns only after this CPU changed the flag from false to true with Acquire; `unlock` stores
// false with Release. So one holder exists at a time, and what it wrote is seen by the next.
unsafe impl lock_api::RawMutex for RawLock {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "lock_api wants a constant to start from"
    )]
    const INIT: Self = RawLock(AtomicBool::new(false));
    /// A guard stays on the CPU that made it: threads of the kernel are CPUs.
    type GuardMarker = lock_api::GuardNoSend;

    #[inline]
    fn lock(&self) {
        while !self.try_lock() {
            while self.0.load(Ordering::Relaxed) {
                crate::memory::tlb::answer_shootdown();
                core::hint::spin_loop();
            }
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}
