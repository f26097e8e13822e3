//! The heap: one arena in .bss, managed by `talc` behind a lock that naps.
//!
//! The kernel maps .bss on first touch, so a program occupies the pages it uses and not the whole arena. A thread
//! that finds the lock taken tries a little and then sleeps for a moment in the kernel: its holder may be a
//! preempted thread on this very CPU, and spinning would only keep it from finishing.

use core::sync::atomic::{AtomicBool, Ordering};

/// Bytes for the heap. The kernel promises all of .bss when a program starts, whether it is touched or not, so this is
/// what every process needs at least.
#[cfg(target_os = "none")]
const ARENA_BYTES: usize = 2 << 20;

/// How often a taken lock is tried before the thread sleeps.
const TRIES: u32 = 64;

/// How long it then sleeps, in nanoseconds: longer than any allocation, shorter than a time slice.
const NAP_NS: u64 = 20_000;

/// A lock for short critical sections that must work before, and without, any capability.
pub struct RawNapLock(AtomicBool);

// SAFETY: `lock` and `try_lock` return (true) only after changing the flag from false to true themselves, with
// acquire ordering, and only `unlock` sets it to false, with release ordering: one holder at a time.
unsafe impl lock_api::RawMutex for RawNapLock {
    #[allow(clippy::declare_interior_mutable_const)] // What the trait asks for: a value to start each lock from.
    const INIT: Self = RawNapLock(AtomicBool::new(false));
    type GuardMarker = lock_api::GuardSend;

    fn lock(&self) {
        let mut tries = 0;
        while !self.try_lock() {
            tries += 1;
            if tries < TRIES {
                core::hint::spin_loop();
            } else {
                crate::lane::nap(NAP_NS);
            }
        }
    }

    fn try_lock(&self) -> bool {
        self.0
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A mutex for data touched briefly by several threads; needs no capability. For anything held longer,
/// [`crate::park::Mutex`] sleeps properly.
pub type NapLock<T> = lock_api::Mutex<RawNapLock, T>;

#[cfg(target_os = "none")]
#[global_allocator]
static HEAP: talc::TalcLock<RawNapLock, talc::source::Claim> = talc::TalcLock::new({
    static mut ARENA: [u8; ARENA_BYTES] = [0; ARENA_BYTES];
    // SAFETY: ARENA is named only here, so talc is the only user of these bytes, and they live for ever.
    unsafe { talc::source::Claim::array(&raw mut ARENA) }
});
