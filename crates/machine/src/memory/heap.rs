//! The kernel heap: `talc` over frames, growing by the MiB, and the guard of the hard paths (rule B3): while a
//! [`NoAllocation`] lives on this CPU, an allocation stops the machine in every build with debug assertions.

use core::alloc::Layout;

use super::PAGE;
use crate::lock::HeapLock;

/// The heap grows by this many bytes at a time, or by what a larger request needs.
#[cfg(target_os = "none")]
const GROWTH: usize = 1 << 20;

struct FromFrames;

impl talc::OomHandler for FromFrames {
    fn handle_oom(talc: &mut talc::Talc<Self>, layout: Layout) -> Result<(), ()> {
        #[cfg(target_os = "none")]
        {
            // Talc keeps some words of its own in each span.
            let need = (layout.size() + layout.align() + 4096).next_power_of_two();
            for size in [need.max(GROWTH), need] {
                if let Some(start) = super::frames::take_for_heap(size / PAGE as usize) {
                    // SAFETY: the frames were just taken from the allocator for ever; nobody else has them.
                    unsafe { talc.claim(talc::Span::from_base_size(start, size))? };
                    return Ok(());
                }
            }
            Err(())
        }
        #[cfg(not(target_os = "none"))]
        {
            let _ = (talc, layout, PAGE);
            Err(())
        }
    }
}

static HEAP: talc::Talck<HeapLock, FromFrames> = talc::Talc::new(FromFrames).lock();

struct Guarded;

// SAFETY: delegates to talc, which upholds the contract; the guard only adds a panic.
unsafe impl core::alloc::GlobalAlloc for Guarded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        assert_allowed(layout);
        // SAFETY: our caller's promise, passed on.
        unsafe { HEAP.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: our caller's promise, passed on.
        unsafe { HEAP.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        assert_allowed(layout);
        // SAFETY: our caller's promise, passed on.
        unsafe { HEAP.realloc(pointer, layout, new_size) }
    }
}

// On the host this crate is only linted; std's allocator stays in charge there.
#[cfg(target_os = "none")]
#[global_allocator]
static GLOBAL: Guarded = Guarded;
#[cfg(not(target_os = "none"))]
const _: Guarded = Guarded;

#[inline]
fn assert_allowed(layout: Layout) {
    if cfg!(debug_assertions) {
        crate::cpu::assert_allocation_allowed(layout);
    }
}

/// While this lives, allocating on this CPU is a kernel bug.
#[must_use = "the guard ends when this is dropped"]
pub struct NoAllocation(());

impl NoAllocation {
    /// Begins a hard path.
    #[inline]
    pub fn begin() -> NoAllocation {
        if cfg!(debug_assertions) {
            crate::cpu::forbid_allocation(1);
        }
        NoAllocation(())
    }
}

impl Drop for NoAllocation {
    #[inline]
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            crate::cpu::forbid_allocation(-1);
        }
    }
}
