//! Segment registers: the one part of a thread's state that user mode changes with plain instructions and that no instruction
//! saves. A program may load DS, ES, FS and GS with null or with its own two segments at any time, which also
//! changes the base of FS. So whenever another thread takes the CPU, selectors are cleared if the last thread left any, and the base of
//! FS is written: what was written before says nothing about what the hardware holds now. Rule P17;
//! docs/soundness/registers.md.
//!
//! The base of GS is always 0 in user mode: each segment that can be loaded has that base, and CR4.FSGSBASE is off.

use core::arch::asm;

use crate::msr::{self, Msr};

/// Clears what the last thread left, and gives FS the next one's base, a user address.
#[inline]
pub(super) fn take_over(fs_base: u64) {
    let selectors: u32;
    // SAFETY: reading selectors has no effect.
    unsafe {
        asm!(
            "mov {all:e}, ds",
            "mov {one:e}, es",
            "or {all:e}, {one:e}",
            "mov {one:e}, fs",
            "or {all:e}, {one:e}",
            "mov {one:e}, gs",
            "or {all:e}, {one:e}",
            all = out(reg) selectors,
            one = out(reg) _,
            options(nomem, nostack)
        );
    }
    if selectors != 0 {
        clear();
    }
    set_fs_base(fs_base);
}

/// Sets the base of FS to a user address.
#[inline]
pub(super) fn set_fs_base(base: u64) {
    // SAFETY: every 64-bit CPU has the register; a user address is canonical (`Context`), and the kernel does not use FS.
    unsafe { msr::write(Msr::FS_BASE, base) };
}

/// Loads null everywhere. GS is the user's while that happens, since loading it changes its base.
#[cold]
#[inline(never)]
fn clear() {
    // SAFETY: the kernel uses none of the four but GS's base, which `swapgs` keeps out of the way: interrupts are off, and the
    // exceptions that come all the same look at GS themselves (traps/entry.rs).
    unsafe {
        asm!(
            "mov ds, {null:e}",
            "mov es, {null:e}",
            "mov fs, {null:e}",
            "swapgs",
            "mov gs, {null:e}",
            "swapgs",
            null = in(reg) 0_u32,
            options(nomem, nostack, preserves_flags)
        );
    }
}
