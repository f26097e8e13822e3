//! Whose RAM it is. Frames are handed out when they are first touched, but never promised beyond what there is: who was
//! promised a frame gets it, and who asks for too much is refused when it asks (rules P4 and P16).
//!
//! Three parties share what is free when the kernel is up: *promises* for pages of processes, the kernel's *heap*, counted in
//! frames as it takes them, and a *reserve*, which nobody is promised. A request asks first, by [`promise`] or by
//! [`has_room`] for what it will take from the heap at once; either is granted only while the reserve is whole. So whatever
//! requests under way take from the heap beyond what they asked for (their temporary copies, a slab for a small object)
//! finds the reserve, and what was promised stays untouched. docs/rules/accounts.md says how large that can get.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use super::frames::{free_frames, set_spares_aside, total_frames};

/// The machine's ledger, in frames.
struct Ledger {
    /// Promises and the heap.
    committed: AtomicU64,
    /// Of the promises, those that the heap will be grown for.
    heap_promised: AtomicU64,
    /// What promises and the heap may come to while the reserve is whole.
    limit: AtomicU64,
    reserve: AtomicU64,
}

impl Ledger {
    /// Without any limit: until the kernel is up it is alone.
    const fn new() -> Ledger {
        Ledger {
            committed: AtomicU64::new(0),
            heap_promised: AtomicU64::new(0),
            limit: AtomicU64::new(u64::MAX),
            reserve: AtomicU64::new(0),
        }
    }

    /// From now on no more than `free` frames are given beyond what is taken already, and `reserve` of them to nobody.
    fn limit_to(&self, free: u64, reserve: u64) {
        self.reserve.store(reserve, Relaxed);
        let taken = self.committed.load(Relaxed);
        self.limit.store(taken + free.saturating_sub(reserve), Relaxed);
    }

    fn take(&self, frames: u64, limit: u64) -> bool {
        let sum = |committed: u64| committed.checked_add(frames).filter(|sum| *sum <= limit);
        self.committed.fetch_update(Relaxed, Relaxed, sum).is_ok()
    }

    fn promise(&self, frames: u64) -> bool {
        self.take(frames, self.limit.load(Relaxed))
    }

    fn release(&self, frames: u64) {
        let before = self.committed.fetch_sub(frames, Relaxed);
        debug_assert!(before >= frames, "more was given back than was taken");
    }

    fn promise_heap(&self, frames: u64) -> bool {
        let promised = self.promise(frames);
        if promised {
            self.heap_promised.fetch_add(frames, Relaxed);
        }
        promised
    }

    fn release_heap(&self, frames: u64) {
        self.heap_promised.fetch_sub(frames, Relaxed);
        self.release(frames);
    }

    fn has_room(&self, frames: u64) -> bool {
        let committed = self.committed.load(Relaxed);
        committed
            .checked_add(frames)
            .is_some_and(|sum| sum <= self.limit.load(Relaxed))
    }

    /// As many frames as the heap may take while the reserve stays whole: others have promises and the reserve.
    fn claim_heap(&self, frames: u64) -> bool {
        let promised = self.heap_promised.load(Relaxed);
        self.take(frames, self.limit.load(Relaxed).saturating_add(promised))
    }

    /// Frames promised to the heap are counted twice once it has taken them, so they are allowed for on top.
    fn grow_heap(&self, frames: u64) -> bool {
        let beyond = self.reserve.load(Relaxed) + self.heap_promised.load(Relaxed);
        self.take(frames, self.limit.load(Relaxed).saturating_add(beyond))
    }
}

static LEDGER: Ledger = Ledger::new();

/// Fixes what can be promised: what is free now, but for a reserve of a sixteenth of RAM, at least 1 MiB, and something for
/// each of `cpus`, since each may work on a request at the same time.
///
/// A part of the reserve is set aside in large blocks, where copies find runs of frames.
pub fn init(cpus: u64) {
    let reserve = (total_frames() / 16).max(256) + FRAMES_PER_CPU * cpus;
    LEDGER.limit_to(free_frames(), reserve);
    set_spares_aside((RUN_FRAMES_PER_CPU * cpus).min(reserve / 2));
}

/// What a request may take beyond what it asked for: temporary copies of up to 4 KiB that it makes of its parameters and
/// answer, and a slab for each of a few small objects.
const FRAMES_PER_CPU: u64 = 16;
/// Frames in blocks for the larger copies that a request makes, each of at most 64 KiB and a little: what it looks at, a message
/// and the message once more.
const RUN_FRAMES_PER_CPU: u64 = 128;

/// Promises `frames`; false, and nothing promised, when RAM cannot hold them.
#[must_use = "a refused promise must be passed on"]
pub fn promise(frames: u64) -> bool {
    LEDGER.promise(frames)
}

/// Takes back a promise.
pub fn release(frames: u64) {
    LEDGER.release(frames);
}

/// As [`promise`], for what the kernel will take from its heap little by little.
#[must_use = "a refused promise must be passed on"]
pub fn promise_heap(frames: u64) -> bool {
    LEDGER.promise_heap(frames)
}

/// Takes back a promise of [`promise_heap`], once what was taken from the heap for it has been given back.
pub fn release_heap(frames: u64) {
    LEDGER.release_heap(frames);
}

/// Whether so many frames could be promised now: asked before that much is taken from the heap at once.
#[must_use = "without room nothing may be made"]
pub fn has_room(frames: u64) -> bool {
    LEDGER.has_room(frames)
}

/// Frames that nobody else gets while this lives: made before the heap takes as many for a list that stays.
#[derive(Debug)]
#[must_use = "what was claimed is given up when this is dropped"]
pub struct HeapClaim {
    frames: u64,
}

impl Drop for HeapClaim {
    fn drop(&mut self) {
        LEDGER.release(self.frames);
    }
}

/// Claims `frames` for what the heap was promised by [`promise_heap`], without touching the reserve; `None` when they are not
/// there.
pub fn claim_heap(frames: u64) -> Option<HeapClaim> {
    LEDGER.claim_heap(frames).then(|| HeapClaim { frames })
}

/// Frames that are promised or in the heap.
pub fn committed() -> u64 {
    LEDGER.committed.load(Relaxed)
}

/// The heap takes `frames`: false when they are promised to others.
#[must_use = "the heap may not take what it was refused"]
pub(super) fn grow_heap(frames: u64) -> bool {
    LEDGER.grow_heap(frames)
}

/// The heap has given `frames` back.
pub(super) fn shrink_heap(frames: u64) {
    LEDGER.release(frames);
}

#[cfg(test)]
mod tests;
