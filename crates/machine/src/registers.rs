//! Control registers and single instructions that have no home elsewhere. Intel SDM volume 3, section 2.5.

use core::arch::asm;

/// # Safety
/// `root` is the physical address of a root table that maps everything the kernel uses and stays alive while loaded.
#[inline]
pub(crate) unsafe fn write_cr3(root: u64) {
    // SAFETY: our caller's promise.
    unsafe { asm!("mov cr3, {}", in(reg) root, options(nostack, preserves_flags)) };
}

#[inline]
pub(crate) fn read_cr3() -> u64 {
    let value;
    // SAFETY: reading has no effect.
    unsafe { asm!("mov {}, cr3", out(reg) value, options(nostack, nomem, preserves_flags)) };
    value
}

#[inline]
pub(crate) fn read_cr2() -> u64 {
    let value;
    // SAFETY: reading has no effect.
    unsafe { asm!("mov {}, cr2", out(reg) value, options(nostack, nomem, preserves_flags)) };
    value
}

#[inline]
pub(crate) fn read_cr0() -> u64 {
    let value;
    // SAFETY: reading has no effect.
    unsafe { asm!("mov {}, cr0", out(reg) value, options(nostack, nomem, preserves_flags)) };
    value
}

#[inline]
pub(crate) fn read_cr4() -> u64 {
    let value;
    // SAFETY: reading has no effect.
    unsafe { asm!("mov {}, cr4", out(reg) value, options(nostack, nomem, preserves_flags)) };
    value
}

/// # Safety
/// The new value keeps paging and the features that Rust code relies on as they are.
#[inline]
pub(crate) unsafe fn write_cr0(value: u64) {
    // SAFETY: our caller's promise.
    unsafe { asm!("mov cr0, {}", in(reg) value, options(nostack, preserves_flags)) };
}

/// # Safety
/// Every set bit is a feature that this CPU has, and paging stays as it is.
#[inline]
pub(crate) unsafe fn write_cr4(value: u64) {
    // SAFETY: our caller's promise.
    unsafe { asm!("mov cr4, {}", in(reg) value, options(nostack, preserves_flags)) };
}

/// Drops this CPU's translation of one page.
#[inline]
pub(crate) fn flush_page(virt: u64) {
    // SAFETY: dropping a cached translation never changes what memory means.
    unsafe { asm!("invlpg [{}]", in(reg) virt, options(nostack, preserves_flags)) };
}

/// Drops all of this CPU's translations that are not global.
#[inline]
pub(crate) fn flush_all() {
    // SAFETY: reloads the root that is loaded already.
    unsafe { write_cr3(read_cr3()) };
}

/// Stops this CPU for ever.
pub(crate) fn halt_for_ever() -> ! {
    loop {
        // SAFETY: interrupts off and halted: nothing happens any more but NMIs, which return here.
        unsafe { asm!("cli; hlt", options(nostack, nomem)) };
    }
}
