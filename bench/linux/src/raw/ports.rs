//! The end of an emulated machine.

use core::arch::asm;

/// Where a write ends QEMU (its device isa-debug-exit), with exit status `2 * value + 1`.
const DEBUG_EXIT_PORT: u16 = 0xf4;

/// Ends the machine with an exit code, if it has the device and this process may use ports. Returns if not.
pub(crate) fn exit_machine(code: u8) {
    // SAFETY: only asks for a permission.
    if unsafe { libc::iopl(3) } != 0 {
        return;
    }
    // SAFETY: the port was just allowed. It belongs to QEMU's device; on other machines nothing answers there. Nothing in
    // memory changes.
    unsafe {
        asm!("out dx, eax", in("dx") DEBUG_EXIT_PORT, in("eax") u32::from(code), options(nomem, nostack, preserves_flags));
    }
}
