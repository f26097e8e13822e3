//! Interrupts and exceptions. From user mode they end [`crate::user::run`]; this module handles those that hit the
//! kernel itself: an interrupt while a CPU idles is noted, a fault in a user copy resumes at its fix-up, and everything
//! else is a kernel bug that `report` prints. docs/soundness/entry.md.

pub(crate) mod entry;
pub mod report;
pub(crate) mod tables;

use core::sync::atomic::{AtomicBool, Ordering};

use crate::memory::USER_END;
use crate::{apic, cpu, memory, registers};

/// Interrupt and exception numbers.
pub mod vector {
    /// Non-maskable interrupt.
    pub const NMI: u8 = 2;
    /// Double fault: an exception could not be delivered.
    pub const DOUBLE_FAULT: u8 = 8;
    /// Page fault.
    pub const PAGE_FAULT: u8 = 14;
    /// Machine check: hardware is broken.
    pub const MACHINE_CHECK: u8 = 18;
    /// The first number that is an interrupt and not an exception.
    pub const FIRST_INTERRUPT: u8 = 32;
    /// Input on the console's serial line.
    pub const CONSOLE_INPUT: u8 = 0x30;
    /// Input on the terminal's serial line.
    pub const TERMINAL_INPUT: u8 = 0x31;
    /// The one-shot timer.
    pub const TIMER: u8 = 0xe0;
    /// Another CPU asks this one to look at its run queue.
    pub const RESCHEDULE: u8 = 0xe1;
    /// Another CPU asks this one to flush its TLB; handled in this crate.
    pub const SHOOTDOWN: u8 = 0xe2;
    /// The local APIC's "never mind".
    pub const SPURIOUS: u8 = 0xff;
}

/// What assembly saved when a trap hit the kernel (entry.rs pushes in this order, backwards).
#[repr(C)]
pub(crate) struct KernelFrame {
    pub(crate) r15: u64,
    pub(crate) r14: u64,
    pub(crate) r13: u64,
    pub(crate) r12: u64,
    pub(crate) r11: u64,
    pub(crate) r10: u64,
    pub(crate) r9: u64,
    pub(crate) r8: u64,
    pub(crate) rbp: u64,
    pub(crate) rdi: u64,
    pub(crate) rsi: u64,
    pub(crate) rdx: u64,
    pub(crate) rcx: u64,
    pub(crate) rbx: u64,
    pub(crate) rax: u64,
    pub(crate) vector: u64,
    pub(crate) error: u64,
    pub(crate) rip: u64,
    pub(crate) cs: u64,
    pub(crate) flags: u64,
    pub(crate) rsp: u64,
    pub(crate) ss: u64,
}

/// Another CPU is printing a kernel bug: stop here.
static STOP: AtomicBool = AtomicBool::new(false);

/// A kernel bug is being reported: all CPUs that take an NMI stop.
pub(crate) fn ask_all_to_stop() {
    STOP.store(true, Ordering::SeqCst);
    apic::send_nmi_to_others();
}

pub(crate) fn stop_if_asked() {
    if STOP.load(Ordering::SeqCst) {
        registers::halt_for_ever();
    }
}

/// Handles a trap that hit the kernel. Called by entry.rs.
pub(crate) extern "C" fn kernel_trap(frame: &mut KernelFrame) {
    let vector = frame.vector as u8;
    if vector >= vector::FIRST_INTERRUPT {
        apic::end_of_interrupt(vector);
        match vector {
            vector::SHOOTDOWN => memory::tlb::answer_shootdown(),
            vector::SPURIOUS => {}
            _ => cpu::this().note_pending(vector),
        }
        return;
    }
    if vector == vector::NMI {
        return stop_if_asked();
    }
    if is_users_page(vector, frame.error, registers::read_cr2())
        && let Some(resume) = entry::fix_up(frame.rip)
    {
        frame.rip = resume;
        return;
    }
    report::trap(frame);
}

/// Whether an exception of the kernel's says that a page of user space is not there, or not with this permission. Nothing else is
/// answered by failing a user copy: not an error of the hardware, nor a fault of the kernel's own side of it.
fn is_users_page(vector: u8, error: u64, address: u64) -> bool {
    const RESERVED_BIT: u64 = 1 << 3;
    vector == vector::PAGE_FAULT && error & RESERVED_BIT == 0 && address < USER_END
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_only_a_missing_page_of_user_space_fails_a_copy() {
        let in_user = 0x20_0000;
        assert!(is_users_page(vector::PAGE_FAULT, 0, in_user));
        assert!(is_users_page(vector::PAGE_FAULT, 0b11, USER_END - 1));
        // A machine check that hits a copy; a page table with bits that must not be; the kernel's own buffer.
        assert!(!is_users_page(vector::MACHINE_CHECK, 0, in_user));
        assert!(!is_users_page(vector::DOUBLE_FAULT, 0, in_user));
        assert!(!is_users_page(13, 0, in_user));
        assert!(!is_users_page(vector::PAGE_FAULT, 0b1001, in_user));
        assert!(!is_users_page(vector::PAGE_FAULT, 0b10, 0xffff_ff00_0000_0000));
    }
}
