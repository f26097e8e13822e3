//! Free frames: a buddy allocator. Blocks of two to the power of their order are linked through their own first bytes; what is kept
//! about each frame, in 8 bytes, is how many refer to it, and for free blocks their order.
//!
//! There are two pools: one for everybody, and spares for runs.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::super::{PAGE, direct_map};
use crate::attribution::Site;
use crate::lock::Lock;

/// Largest block: 2^10 frames = 4 MiB.
pub(super) const ORDERS: usize = 11;
const NONE: u64 = u64::MAX;
/// `Info::order` of a frame that heads no free block.
const NOT_FREE: u32 = u32::MAX;
/// The same of a spare frame, and what is added to the order of spare blocks: the two pools tell their frames apart by it.
const SPARE_NOT_FREE: u32 = SPARE | 0xff;
const SPARE: u32 = 1 << 8;

/// Bookkeeping of one frame.
#[repr(C)]
pub(super) struct Info {
    /// How many refer to it.
    pub(super) references: AtomicU32,
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

/// Free frames, in blocks.
pub(super) struct Pool {
    heads: [u64; ORDERS],
    /// Added to the orders of its blocks.
    mark: u32,
    not_free: u32,
}

/// The frames for everybody.
pub(super) static POOL: Lock<Pool> = Site::Frames.lock(Pool {
    heads: [NONE; ORDERS],
    mark: 0,
    not_free: NOT_FREE,
});
/// Frames set aside in large blocks, for runs that are not to be had elsewhere although enough frames are free, because those
/// lie scattered. Single frames are taken here last.
pub(super) static SPARES: Lock<Pool> = Site::Frames.lock(Pool {
    heads: [NONE; ORDERS],
    mark: SPARE,
    not_free: SPARE_NOT_FREE,
});
/// Base of the bookkeeping array and the number of frames it describes; written once by [`super::ram::init`].
pub(super) static INFO_BASE: AtomicU64 = AtomicU64::new(0);
pub(super) static INFO_LEN: AtomicU64 = AtomicU64::new(0);

/// What is kept about a frame.
pub(super) fn info(number: u64) -> &'static Info {
    assert!(
        number < INFO_LEN.load(Ordering::Relaxed),
        "frame {number} is outside RAM"
    );
    // SAFETY: the array has INFO_LEN entries (asserted above), was filled by `ram::init` (any bits are a valid Info) and lives
    // for ever in reserved RAM; all its fields are atomics, so sharing is fine.
    unsafe { &*(INFO_BASE.load(Ordering::Relaxed) as *const Info).add(number as usize) }
}

impl Pool {
    fn links(block: u64) -> *mut FreeBlock {
        direct_map(block * PAGE).cast()
    }

    /// Adds a free block as it is.
    pub(super) fn push(&mut self, block: u64, order: usize) {
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

    /// Takes a block of this order, splitting a larger one where there is none.
    pub(super) fn take(&mut self, order: usize) -> Option<u64> {
        let from = (order..ORDERS).find(|order| self.heads[*order] != NONE)?;
        let block = self.heads[from];
        self.unlink(block, from);
        for half in (order..from).rev() {
            self.push(block + (1 << half), half);
        }
        Some(block)
    }

    /// Gives a block back, and joins it with its free neighbours.
    pub(super) fn give(&mut self, mut block: u64, mut order: usize) {
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
    pub(super) fn take_span(&mut self, count: u64, order: usize) -> Option<u64> {
        let first = self.take(order)?;
        self.give_span(first + count, first + (1 << order));
        Some(first)
    }

    /// Gives the frames from `first` up to, not including, `end`, in blocks as large as their places allow.
    pub(super) fn give_span(&mut self, mut first: u64, end: u64) {
        while first < end {
            let order = block_order(first, end);
            self.give(first, order);
            first += 1 << order;
        }
    }
}

/// The pool that a frame in use belongs to.
pub(super) fn home(number: u64) -> &'static Lock<Pool> {
    if info(number).order.load(Ordering::Relaxed) & !0xff == SPARE {
        &SPARES
    } else {
        &POOL
    }
}

/// Sets `frames` aside for runs, in blocks as large as there are. Called once, while nothing is scattered yet.
pub(in crate::memory) fn set_spares_aside(mut frames: u64) {
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
pub(super) fn block_order(first: u64, end: u64) -> usize {
    let aligned = first.trailing_zeros() as usize;
    let fits = (end - first).ilog2() as usize;
    aligned.min(fits).min(ORDERS - 1)
}
