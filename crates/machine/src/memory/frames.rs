//! Physical frames with a reference count each. A [`Frame`] is one counted reference; each
//! page table entry that maps the frame holds another. The frame goes back to its free list when the last
//! reference goes, so no page is reused while anything can still reach it (docs/mutants.md, row 22).
//!
//! What is free lies in [`pool`]; [`ram`] fills it at boot.

mod pool;
mod ram;

use core::sync::atomic::{AtomicU64, Ordering, fence};

use super::heap::Refusable;
use super::{PAGE, commitment, direct_map, phys_of_direct};
use pool::{ORDERS, POOL, SPARES, home, info};

pub(super) use pool::set_spares_aside;
pub(super) use ram::{add_high_memory, init};

static FREE: AtomicU64 = AtomicU64::new(0);
static TOTAL: AtomicU64 = AtomicU64::new(0);
static HEAP_FRAMES: AtomicU64 = AtomicU64::new(0);

/// One counted reference to a physical frame of 4 KiB.
#[derive(Debug)]
pub struct Frame {
    number: u64,
}

impl Frame {
    /// A frame whose content is whatever its last owner left: callers overwrite all of it. `None` when RAM is full.
    pub(crate) fn uninitialised() -> Option<Frame> {
        let taken = POOL.lock().take(0);
        let number = taken.or_else(|| SPARES.lock().take(0))?;
        FREE.fetch_sub(1, Ordering::Relaxed);
        info(number).references.store(1, Ordering::Relaxed);
        Some(Frame { number })
    }

    /// A frame full of zeroes, or `None` when RAM is full.
    pub fn zeroed() -> Option<Frame> {
        let frame = Frame::uninitialised()?;
        // SAFETY: fresh from the pool, so this is the only reference; one whole frame in the direct map.
        unsafe { core::ptr::write_bytes(frame.pointer().cast::<u64>(), 0, 512) };
        Some(frame)
    }

    /// `count` zeroed frames that follow each other in memory, in order, or `None` if no such run is free. At most
    /// 1,024.
    pub fn contiguous(count: usize) -> Option<alloc::vec::Vec<Frame>> {
        let order = count.checked_next_power_of_two()?.trailing_zeros() as usize;
        if count == 0 || order >= ORDERS {
            return None;
        }
        let mut frames = alloc::vec::Vec::new();
        {
            let _refusable = Refusable::begin();
            frames.try_reserve_exact(count).ok()?;
        }
        let first = POOL.lock().take_span(count as u64, order)?;
        FREE.fetch_sub(count as u64, Ordering::Relaxed);
        for number in first..first + count as u64 {
            info(number).references.store(1, Ordering::Relaxed);
            let frame = Frame { number };
            // SAFETY: fresh from the pool: the only reference.
            unsafe { core::ptr::write_bytes(frame.pointer().cast::<u64>(), 0, 512) };
            frames.push(frame);
        }
        Some(frames)
    }

    /// The physical address.
    #[inline]
    pub fn address(&self) -> u64 {
        self.number * PAGE
    }

    /// Where the kernel sees it.
    #[inline]
    pub(crate) fn pointer(&self) -> *mut u8 {
        direct_map(self.address())
    }

    /// The content, when nothing else refers to the frame (no page table maps it).
    pub fn exclusive(&mut self) -> Option<&mut [u8; PAGE as usize]> {
        if info(self.number).references.load(Ordering::Acquire) != 1 {
            return None;
        }
        // SAFETY: ours is the only reference (checked; nobody can make another without one), borrowed mutably.
        Some(unsafe { &mut *self.pointer().cast() })
    }

    /// Copies `bytes` to `offset`. User space may see the write half done: it shares the page.
    ///
    /// # Panics
    /// If the range leaves the frame.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(offset <= PAGE as usize && bytes.len() <= PAGE as usize - offset);
        // SAFETY: inside the frame (asserted), which this reference keeps alive; `copy_bytes` is one opaque
        // instruction, so racing user writes change bytes, never the compiler's assumptions.
        unsafe { crate::copy::copy_bytes(self.pointer().add(offset), bytes.as_ptr(), bytes.len()) };
    }

    /// Copies from `offset` into `bytes`.
    ///
    /// # Panics
    /// If the range leaves the frame.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) {
        assert!(offset <= PAGE as usize && bytes.len() <= PAGE as usize - offset);
        // SAFETY: as in `write`.
        unsafe { crate::copy::copy_bytes(bytes.as_mut_ptr(), self.pointer().add(offset), bytes.len()) };
    }

    /// Gives the reference to a page table entry, as a bare address.
    #[inline]
    pub(crate) fn into_entry(self) -> u64 {
        let address = self.address();
        core::mem::forget(self);
        address
    }

    /// Takes back the reference that [`Self::into_entry`] gave away.
    ///
    /// # Safety
    /// `address` came from `into_entry`, and no reference was taken back for it since.
    #[inline]
    pub(crate) unsafe fn from_entry(address: u64) -> Frame {
        Frame {
            number: address / PAGE,
        }
    }
}

impl Clone for Frame {
    fn clone(&self) -> Frame {
        let before = info(self.number).references.fetch_add(1, Ordering::Relaxed);
        assert!(before < u32::MAX / 2, "frame reference count overflow");
        Frame { number: self.number }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if info(self.number).references.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            home(self.number).lock().give(self.number, 0);
            FREE.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Frames that are free now.
pub fn free_frames() -> u64 {
    FREE.load(Ordering::Relaxed)
}

/// Frames that the allocator manages.
pub fn total_frames() -> u64 {
    TOTAL.load(Ordering::Relaxed)
}

/// Frames that the heap has now.
pub fn heap_frames() -> u64 {
    HEAP_FRAMES.load(Ordering::Relaxed)
}

/// A run of frames for the heap, aligned to its size rounded up to a power of two; where the kernel sees it. `None` when
/// there is none, or what is free was promised to others. Spare runs are not for who may be `refusable`.
pub(super) fn take_run(count: usize, refusable: bool) -> Option<*mut u8> {
    let order = count.checked_next_power_of_two()?.trailing_zeros() as usize;
    let frames = count as u64;
    if order >= ORDERS || !commitment::grow_heap(frames) {
        return None;
    }
    let taken = POOL.lock().take_span(frames, order);
    let taken = match taken {
        None if !refusable => SPARES.lock().take_span(frames, order),
        taken => taken,
    };
    let Some(first) = taken else {
        commitment::shrink_heap(frames);
        return None;
    };
    FREE.fetch_sub(frames, Ordering::Relaxed);
    HEAP_FRAMES.fetch_add(frames, Ordering::Relaxed);
    Some(direct_map(first * PAGE))
}

/// Gives a run of [`take_run`] back.
///
/// # Safety
/// It came from there with the same count, and nobody uses it any more.
pub(super) unsafe fn give_run(start: *mut u8, count: usize) {
    let (first, frames) = (phys_of_direct(start) / PAGE, count as u64);
    home(first).lock().give_span(first, first + frames);
    FREE.fetch_add(frames, Ordering::Relaxed);
    HEAP_FRAMES.fetch_sub(frames, Ordering::Relaxed);
    commitment::shrink_heap(frames);
}
