//! The record every thread has: its id and its lane. How a thread finds its own is the whole story here.
//!
//! One pointer lives in thread-local memory, in the eight bytes below the thread pointer. For the first thread
//! the kernel lays that memory out from the program's PT_TLS segment; for every other thread `thread` does,
//! inside the thread's stack block, and passes its address as the FS base.

use core::cell::{Cell, UnsafeCell};

use crate::lane::Lane;

/// One thread's record. It lives as long as its thread.
pub(crate) struct ThreadBlock {
    /// The kernel's id of this thread within the process.
    pub(crate) tid: u32,
    lane: UnsafeCell<Lane>,
    /// Set while somebody holds the lane, to catch a second borrow on the same thread.
    lane_is_borrowed: Cell<bool>,
}

impl ThreadBlock {
    pub(crate) fn new(tid: u32, lane: Lane) -> ThreadBlock {
        ThreadBlock {
            tid,
            lane: UnsafeCell::new(lane),
            lane_is_borrowed: Cell::new(false),
        }
    }
}

#[cfg(target_os = "none")]
core::arch::global_asm!(
    ".section .tbss.rt_thread_block, \"awT\", @nobits",
    ".balign 8",
    ".globl rt_thread_block",
    "rt_thread_block:",
    ".skip 8",
    ".text",
);

/// Makes `block` the calling thread's record.
///
/// # Safety
/// FS base is set up as this file's introduction says, and `block` lives as long as the thread.
#[cfg(target_os = "none")]
pub(crate) unsafe fn install(block: *const ThreadBlock) {
    // SAFETY: the eight bytes at this offset are ours by the caller's word on FS base.
    unsafe {
        core::arch::asm!("mov qword ptr fs:[rt_thread_block@tpoff], {}", in(reg) block,
            options(nostack, preserves_flags));
    }
}

/// The calling thread's record, or `None` before it was installed.
#[cfg(target_os = "none")]
fn current() -> Option<&'static ThreadBlock> {
    let block: *const ThreadBlock;
    // SAFETY: FS base is set up before any Rust code of a thread runs (kernel for the first thread, `thread` for
    // the others), and the bytes are zero until `install`.
    unsafe {
        core::arch::asm!("mov {}, qword ptr fs:[rt_thread_block@tpoff]", out(reg) block,
            options(nostack, preserves_flags, readonly));
    }
    // SAFETY: only `install` writes the pointer, and its caller vouches for the record's life. A record is
    // never moved, and `ThreadBlock` is not `Sync`, so the reference stays on this thread.
    unsafe { block.as_ref() }
}

/// On a development machine there is no ring: only code that needs none can run there.
#[cfg(not(target_os = "none"))]
pub(crate) unsafe fn install(_block: *const ThreadBlock) {}

#[cfg(not(target_os = "none"))]
fn current() -> Option<&'static ThreadBlock> {
    None
}

/// Lends the calling thread's lane to `use_it`.
///
/// # Panics
/// When called before start-up has finished, or from inside another `with_lane` on the same thread.
pub(crate) fn with_lane<R>(use_it: impl FnOnce(&mut Lane) -> R) -> R {
    let block = current().expect("a thread of this runtime has a record");
    assert!(
        !block.lane_is_borrowed.replace(true),
        "the lane is already in use by this thread"
    );
    // SAFETY: the flag above makes this the only reference, and other threads never see the record.
    let result = use_it(unsafe { &mut *block.lane.get() });
    block.lane_is_borrowed.set(false);
    result
}

/// The calling thread's id within its process: 1 for the first thread.
pub fn current_tid() -> u32 {
    current().map_or(1, |block| block.tid)
}

/// Whether this thread could use its lane now. The panic handler asks: it may run in the middle of anything.
pub(crate) fn lane_is_free() -> bool {
    current().is_some_and(|block| !block.lane_is_borrowed.get())
}
