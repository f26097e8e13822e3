//! The kernel heap: small objects in slabs (slab.rs), larger ones in frames of their own, which go back as soon as they are
//! freed. And the guard of the hard paths (rule B3): while a [`NoAllocation`] lives on this CPU, an allocation stops the
//! machine in every build with debug assertions.
//!
//! What the heap may take is decided in commitment.rs. An allocation that is refused returns null; who can be refused asks
//! before (rule P16). Runs of several frames may be missing although many frames are free, so there are spare ones for those
//! that cannot be refused (frames.rs); who can says so by a [`Refusable`].

use core::alloc::Layout;
use core::ptr::null_mut;

use super::PAGE;
use super::frames::{give_run, take_run};
use super::slab::{Class, Frames, Slabs};
use crate::attribution::Site;
use crate::lock::Lock;

struct FromFrames;

// SAFETY: a frame is handed out once (frames.rs).
unsafe impl Frames for FromFrames {
    fn take(&mut self) -> Option<*mut u8> {
        take_run(1, false)
    }

    unsafe fn give(&mut self, frame: *mut u8) {
        // SAFETY: our caller's promise, passed on.
        unsafe { give_run(frame, 1) };
    }
}

static SLABS: Lock<Slabs<FromFrames>> = Site::Heap.lock(Slabs::new(FromFrames));

/// Frames of an object that lies in no slab. Runs are aligned as their size rounded up to a power of two.
fn run_of(layout: Layout) -> usize {
    layout.size().max(layout.align()).div_ceil(PAGE as usize)
}

struct Heap;

// SAFETY: an object lies in a slab or in a run of frames, both handed out once until they are given back, at least as large as
// asked and aligned as asked (slab.rs, `run_of`); a layout always means the same of the two. Nothing here unwinds.
unsafe impl core::alloc::GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        assert_allowed(layout);
        let taken = match Class::of(layout) {
            Some(class) => SLABS.lock().allocate(class),
            None => take_run(run_of(layout), crate::cpu::may_refuse_run()),
        };
        taken.unwrap_or(null_mut())
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: our caller's promise, passed on.
        unsafe {
            match Class::of(layout) {
                Some(class) => SLABS.lock().release(pointer, class),
                None => give_run(pointer, run_of(layout)),
            }
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: our caller says that the new size makes a valid layout with the old alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        let fits = match (Class::of(layout), Class::of(new_layout)) {
            (Some(old), Some(new)) => old == new,
            (None, None) => run_of(layout) == run_of(new_layout),
            _ => false,
        };
        if fits {
            return pointer;
        }
        // SAFETY: the old object is valid for its layout, the new one is another and as large as the shorter of both.
        unsafe {
            let new = self.alloc(new_layout);
            if !new.is_null() {
                new.copy_from_nonoverlapping(pointer, layout.size().min(new_size));
                self.dealloc(pointer, layout);
            }
            new
        }
    }
}

// On the host this crate is only linted and tested; std's allocator stays in charge there.
#[cfg(target_os = "none")]
#[global_allocator]
static GLOBAL: Heap = Heap;
#[cfg(not(target_os = "none"))]
const _: Heap = Heap;

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

/// While this lives, what is allocated on this CPU may be refused: it does not take the runs of frames that are spared for those
/// who cannot be told.
#[must_use = "the guard ends when this is dropped"]
pub struct Refusable(());

impl Refusable {
    /// Begins an allocation that can fail.
    #[inline]
    pub fn begin() -> Refusable {
        crate::cpu::refuse_runs(1);
        Refusable(())
    }
}

impl Drop for Refusable {
    #[inline]
    fn drop(&mut self) {
        crate::cpu::refuse_runs(-1);
    }
}
