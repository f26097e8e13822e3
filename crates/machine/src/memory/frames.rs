//! Physical frames: a buddy allocator with a reference count per frame. A [`Frame`] is one counted reference; each
//! page table entry that maps the frame holds another. The frame goes back to its free list when the last
//! reference goes, so no page is reused while anything can still reach it (docs/mutants.md, row 22).
//!
//! Per frame there are 8 bytes of bookkeeping: the count, and for free blocks their order. Free blocks are linked
//! through their own first bytes.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::heap::Refusable;
use super::{LOW, PAGE, PhysRange, commitment, direct_map, phys_of_direct};
use crate::attribution::Site;
use crate::lock::Lock;

/// Largest block: 2^10 frames = 4 MiB.
const ORDERS: usize = 11;
const NONE: u64 = u64::MAX;
/// `Info::order` of a frame that heads no free block.
const NOT_FREE: u32 = u32::MAX;
/// The same of a spare frame, and what is added to the order of spare blocks: the two pools tell their frames apart by it.
const SPARE_NOT_FREE: u32 = SPARE | 0xff;
const SPARE: u32 = 1 << 8;

/// Bookkeeping of one frame.
#[repr(C)]
struct Info {
    references: AtomicU32,
    /// The order of the free block that starts here, or [`NOT_FREE`], or their like of a spare frame. Written under the
    /// pool's lock.
    order: AtomicU32,
}

/// Links of a free block, kept in the block itself.
#[repr(C)]
struct FreeBlock {
    next: u64,
    previous: u64,
}

struct Pool {
    heads: [u64; ORDERS],
    /// Added to the orders of its blocks.
    mark: u32,
    not_free: u32,
}

static POOL: Lock<Pool> = Site::Frames.lock(Pool {
    heads: [NONE; ORDERS],
    mark: 0,
    not_free: NOT_FREE,
});
/// Frames set aside in large blocks, for runs that are not to be had elsewhere although enough frames are free, because those
/// lie scattered. Single frames are taken here last.
static SPARES: Lock<Pool> = Site::Frames.lock(Pool {
    heads: [NONE; ORDERS],
    mark: SPARE,
    not_free: SPARE_NOT_FREE,
});
static FREE: AtomicU64 = AtomicU64::new(0);
static TOTAL: AtomicU64 = AtomicU64::new(0);
/// Base of the bookkeeping array and the number of frames it describes; written once by [`init`].
static INFO_BASE: AtomicU64 = AtomicU64::new(0);
static INFO_LEN: AtomicU64 = AtomicU64::new(0);

fn info(number: u64) -> &'static Info {
    assert!(
        number < INFO_LEN.load(Ordering::Relaxed),
        "frame {number} is outside RAM"
    );
    // SAFETY: the array has INFO_LEN entries (asserted above), was filled by `init` (any bits are a valid Info) and lives
    // for ever in reserved RAM; all its fields are atomics, so sharing is fine.
    unsafe { &*(INFO_BASE.load(Ordering::Relaxed) as *const Info).add(number as usize) }
}

impl Pool {
    fn links(block: u64) -> *mut FreeBlock {
        direct_map(block * PAGE).cast()
    }

    fn push(&mut self, block: u64, order: usize) {
        let next = self.heads[order];
        // SAFETY: the block is free RAM that only this pool (locked: &mut self) knows; links lie inside it.
        unsafe {
            Self::links(block).write(FreeBlock { next, previous: NONE });
            if next != NONE {
                (*Self::links(next)).previous = block;
            }
        }
        self.heads[order] = block;
        info(block)
            .order
            .store(order as u32 | self.mark, Ordering::Relaxed);
    }

    fn unlink(&mut self, block: u64, order: usize) {
        // SAFETY: a block whose Info says "free, of this order" was pushed here and holds its links.
        let FreeBlock { next, previous } = unsafe { Self::links(block).read() };
        if previous == NONE {
            self.heads[order] = next;
        } else {
            // SAFETY: neighbours in a list are free blocks, as above.
            unsafe { (*Self::links(previous)).next = next };
        }
        if next != NONE {
            // SAFETY: as above.
            unsafe { (*Self::links(next)).previous = previous };
        }
        info(block).order.store(self.not_free, Ordering::Relaxed);
    }

    fn take(&mut self, order: usize) -> Option<u64> {
        let from = (order..ORDERS).find(|order| self.heads[*order] != NONE)?;
        let block = self.heads[from];
        self.unlink(block, from);
        for half in (order..from).rev() {
            self.push(block + (1 << half), half);
        }
        Some(block)
    }

    fn give(&mut self, mut block: u64, mut order: usize) {
        let frames = INFO_LEN.load(Ordering::Relaxed);
        while order + 1 < ORDERS {
            let buddy = block ^ (1 << order);
            if buddy + (1 << order) > frames
                || info(buddy).order.load(Ordering::Relaxed) != order as u32 | self.mark
            {
                break;
            }
            self.unlink(buddy, order);
            block = block.min(buddy);
            order += 1;
        }
        self.push(block, order);
    }

    /// Takes `count` frames that follow each other, from a block of `order`; the number of the first.
    fn take_span(&mut self, count: u64, order: usize) -> Option<u64> {
        let first = self.take(order)?;
        self.give_span(first + count, first + (1 << order));
        Some(first)
    }

    /// Gives the frames from `first` up to, not including, `end`, in blocks as large as their places allow.
    fn give_span(&mut self, mut first: u64, end: u64) {
        while first < end {
            let order = block_order(first, end);
            self.give(first, order);
            first += 1 << order;
        }
    }
}

/// The pool that a frame in use belongs to.
fn home(number: u64) -> &'static Lock<Pool> {
    if info(number).order.load(Ordering::Relaxed) & !0xff == SPARE {
        &SPARES
    } else {
        &POOL
    }
}

/// Sets `frames` aside for runs, in blocks as large as there are. Called once, while nothing is scattered yet.
pub(super) fn set_spares_aside(mut frames: u64) {
    let (mut pool, mut spares) = (POOL.lock(), SPARES.lock());
    let mut largest = ORDERS - 1;
    while frames > 0 {
        let order = (frames.ilog2() as usize).min(largest);
        let Some(block) = pool.take(order) else {
            // None of this order or above; what is smaller may still be there.
            let Some(smaller) = order.checked_sub(1) else {
                return;
            };
            largest = smaller;
            continue;
        };
        for number in block..block + (1 << order) {
            info(number).order.store(SPARE_NOT_FREE, Ordering::Relaxed);
        }
        spares.give(block, order);
        frames -= 1 << order;
    }
}

/// The largest block that begins at `first` and ends at or before `end`.
fn block_order(first: u64, end: u64) -> usize {
    let aligned = first.trailing_zeros() as usize;
    let fits = (end - first).ilog2() as usize;
    aligned.min(fits).min(ORDERS - 1)
}

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

static HEAP_FRAMES: AtomicU64 = AtomicU64::new(0);

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

fn add(range: PhysRange, reserved: &[PhysRange]) {
    let mut start = range.start.next_multiple_of(PAGE);
    let end = range.end & !(PAGE - 1);
    while start < end {
        let hit = reserved
            .iter()
            .filter(|r| r.end > start && r.start < end)
            .min_by_key(|r| r.start);
        let stop = hit.map_or(end, |r| r.start & !(PAGE - 1)).max(start);
        let mut pool = POOL.lock();
        let (mut number, last) = (start / PAGE, stop / PAGE);
        FREE.fetch_add(last - number, Ordering::Relaxed);
        TOTAL.fetch_add(last - number, Ordering::Relaxed);
        while number < last {
            let order = block_order(number, last);
            pool.push(number, order);
            number += 1 << order;
        }
        start = hit.map_or(end, |r| r.end.next_multiple_of(PAGE));
    }
}

fn below(range: PhysRange, limit: u64) -> PhysRange {
    PhysRange {
        start: range.start.min(limit),
        end: range.end.min(limit),
    }
}

/// Makes the bookkeeping array and frees all RAM below 4 GiB (all that the boot page table reaches) but `reserved`.
///
/// # Safety
/// Called once, before any other function here; `ram` is real and unused except for `reserved`.
pub(super) unsafe fn init(ram: &[PhysRange], reserved: &[PhysRange]) {
    let frames = ram.iter().map(|range| range.end / PAGE).max().unwrap_or(0);
    let bytes = (frames * size_of::<Info>() as u64).next_multiple_of(PAGE);
    let home = ram
        .iter()
        .map(|range| below(*range, LOW))
        .find_map(|range| gap(range, reserved, bytes))
        .expect("no room for the frame table: give the machine more memory");
    // All ones: no frame heads a free block yet.
    // SAFETY: `home` is unused RAM inside the boot page table's reach (found just above), and stays reserved below.
    unsafe { core::ptr::write_bytes(direct_map(home.start).cast::<u64>(), 0xff, (bytes / 8) as usize) };
    INFO_BASE.store(direct_map(home.start) as u64, Ordering::Relaxed);
    INFO_LEN.store(frames, Ordering::Relaxed);
    for range in ram {
        add_except(below(*range, LOW), reserved, home);
    }
}

fn add_except(range: PhysRange, reserved: &[PhysRange], table: PhysRange) {
    let mut all = [PhysRange::EMPTY; 16];
    all[..reserved.len()].copy_from_slice(reserved);
    all[reserved.len()] = table;
    add(range, &all[..=reserved.len()]);
}

/// Room for `bytes` in `range` that touches nothing reserved.
fn gap(range: PhysRange, reserved: &[PhysRange], bytes: u64) -> Option<PhysRange> {
    let mut start = range.start.next_multiple_of(PAGE);
    loop {
        let end = start.checked_add(bytes)?;
        if end > range.end {
            return None;
        }
        match reserved.iter().find(|r| r.end > start && r.start < end) {
            Some(taken) => start = taken.end.next_multiple_of(PAGE),
            None => return Some(PhysRange { start, end }),
        }
    }
}

/// Frees RAM above 4 GiB, once the final direct map reaches it.
///
/// # Safety
/// Called once, after [`init`] and after the kernel's own page table is loaded.
pub(super) unsafe fn add_high_memory(ram: &[PhysRange], reserved: &[PhysRange]) {
    for range in ram.iter().filter(|range| range.end > LOW) {
        let high = PhysRange {
            start: range.start.max(LOW),
            end: range.end,
        };
        add_except(high, reserved, PhysRange::EMPTY);
    }
}
