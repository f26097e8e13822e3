//! Promised memory. Pages are filled in when they are first touched, but never promised beyond what RAM holds: a process
//! that was given memory has it, and who asks for too much is refused when it asks (rule P4). A reserve stays with the
//! kernel for its own objects, whose makers ask here first.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use machine::memory::frames::{free_frames, total_frames};

static LIMIT: AtomicU64 = AtomicU64::new(0);
static PROMISED: AtomicU64 = AtomicU64::new(0);

/// Frames kept for page tables, threads, processes and other kernel objects: a sixteenth of RAM, at least 1 MiB.
fn reserve() -> u64 {
    (total_frames() / 16).max(256)
}

/// Fixes how much can be promised: what is free when the kernel is up, but for the reserve.
pub fn init() {
    LIMIT.store(free_frames().saturating_sub(reserve()), Relaxed);
}

/// Promises `pages`; false, and nothing promised, when RAM cannot hold them.
#[must_use = "a refused promise must be passed on"]
pub fn promise(pages: u64) -> bool {
    PROMISED
        .fetch_update(Relaxed, Relaxed, |promised| {
            promised
                .checked_add(pages)
                .filter(|sum| *sum <= LIMIT.load(Relaxed))
        })
        .is_ok()
}

/// Takes back a promise.
pub fn release(pages: u64) {
    PROMISED.fetch_sub(pages, Relaxed);
}

/// Pages promised now.
pub fn promised() -> u64 {
    PROMISED.load(Relaxed)
}

/// Whether there is RAM for another kernel object: half of the reserve is still free.
#[must_use = "without room nothing may be made"]
pub fn has_room_for_objects() -> bool {
    free_frames() > reserve() / 2
}

/// Whether there is RAM for page tables: a quarter of the reserve is still free. The rest is for what the kernel needs
/// while it works, so that a program that scatters its pages over the address space cannot take that, too.
#[must_use = "without room nothing may be mapped"]
pub fn has_room_for_tables() -> bool {
    free_frames() > reserve() / 4
}
