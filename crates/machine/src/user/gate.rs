//! The way into user mode and the two ways back, which together are one function call: [`enter`] returns when the thread traps. And
//! what the processor needs to know of them. Rules P3 and P5; docs/soundness/entry.md.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::Context;
use crate::cpu::{self, CONTEXT, KERNEL_STACK, SCRATCH};
use crate::cpuid;
use crate::msr::{self, Msr};
use crate::traps::tables;

/// What [`enter`] returns for a system call: no vector.
pub(super) const SYSCALL: u64 = 256;
/// Flags that a system call clears on its way in: interrupts, direction, trap, alignment check, nested task, privilege of
/// ports, and the arithmetic ones.
const CLEARED_ON_ENTRY: u64 = 0x0004_7700 | 0x8d5;
const SYSCALL_ENABLE: u64 = 1 << 0;

/// Enters user mode; returns the vector that brought us back, or [`SYSCALL`]. The way back is at
/// `syscall_entry` below or in traps/entry.rs.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn enter(context: *mut Context) -> u64 {
    naked_asm!(
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "mov gs:[{kernel_stack}], rsp",
        "mov gs:[{context}], rdi",
        "cmp qword ptr [rdi + {by_syscall}], 0",
        "mov rax, [rdi + {rax}]",
        "mov rbx, [rdi + {rbx}]",
        "mov rdx, [rdi + {rdx}]",
        "mov rsi, [rdi + {rsi}]",
        "mov rbp, [rdi + {rbp}]",
        "mov r8, [rdi + {r8}]",
        "mov r9, [rdi + {r9}]",
        "mov r10, [rdi + {r10}]",
        "mov r12, [rdi + {r12}]",
        "mov r13, [rdi + {r13}]",
        "mov r14, [rdi + {r14}]",
        "mov r15, [rdi + {r15}]",
        "je 2f",
        "mov rcx, [rdi + {rip}]",
        "mov r11, [rdi + {flags}]",
        "mov rsp, [rdi + {rsp}]",
        "mov rdi, [rdi + {rdi}]",
        "swapgs",
        "sysretq",
        "2: push {user_data}",
        "push qword ptr [rdi + {rsp}]",
        "push qword ptr [rdi + {flags}]",
        "push {user_code}",
        "push qword ptr [rdi + {rip}]",
        "mov rcx, [rdi + {rcx}]",
        "mov r11, [rdi + {r11}]",
        "mov rdi, [rdi + {rdi}]",
        "swapgs",
        "iretq",
        kernel_stack = const KERNEL_STACK,
        context = const CONTEXT,
        by_syscall = const offset_of!(Context, by_syscall),
        rax = const offset_of!(Context, rax), rbx = const offset_of!(Context, rbx),
        rcx = const offset_of!(Context, rcx), rdx = const offset_of!(Context, rdx),
        rsi = const offset_of!(Context, rsi), rdi = const offset_of!(Context, rdi),
        rbp = const offset_of!(Context, rbp), r8 = const offset_of!(Context, r8),
        r9 = const offset_of!(Context, r9), r10 = const offset_of!(Context, r10),
        r11 = const offset_of!(Context, r11), r12 = const offset_of!(Context, r12),
        r13 = const offset_of!(Context, r13), r14 = const offset_of!(Context, r14),
        r15 = const offset_of!(Context, r15), rip = const offset_of!(Context, rip),
        flags = const offset_of!(Context, flags), rsp = const offset_of!(Context, rsp),
        user_data = const tables::USER_DATA, user_code = const tables::USER_CODE,
    )
}

/// Where `syscall` lands: saves what the caller must find again, and returns from [`enter`].
#[unsafe(naked)]
unsafe extern "C" fn syscall_entry() {
    naked_asm!(
        "swapgs",
        "mov gs:[{scratch}], rsp",
        "mov rsp, gs:[{context}]",
        "mov [rsp + {rip}], rcx",
        "mov [rsp + {flags}], r11",
        "mov [rsp + {rax}], rax",
        "mov [rsp + {rbx}], rbx",
        "mov [rsp + {rdx}], rdx",
        "mov [rsp + {rsi}], rsi",
        "mov [rsp + {rdi}], rdi",
        "mov [rsp + {rbp}], rbp",
        "mov [rsp + {r8}], r8",
        "mov [rsp + {r9}], r9",
        "mov [rsp + {r10}], r10",
        "mov [rsp + {r12}], r12",
        "mov [rsp + {r13}], r13",
        "mov [rsp + {r14}], r14",
        "mov [rsp + {r15}], r15",
        "mov rcx, gs:[{scratch}]",
        "mov [rsp + {rsp}], rcx",
        "mov qword ptr [rsp + {by_syscall}], 1",
        "mov rsp, gs:[{kernel_stack}]",
        "mov eax, {syscall}",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "ret",
        kernel_stack = const KERNEL_STACK,
        context = const CONTEXT,
        scratch = const SCRATCH,
        syscall = const SYSCALL,
        by_syscall = const offset_of!(Context, by_syscall),
        rax = const offset_of!(Context, rax), rbx = const offset_of!(Context, rbx),
        rdx = const offset_of!(Context, rdx),
        rsi = const offset_of!(Context, rsi), rdi = const offset_of!(Context, rdi),
        rbp = const offset_of!(Context, rbp), r8 = const offset_of!(Context, r8),
        r9 = const offset_of!(Context, r9), r10 = const offset_of!(Context, r10),
        r12 = const offset_of!(Context, r12), r13 = const offset_of!(Context, r13),
        r14 = const offset_of!(Context, r14), r15 = const offset_of!(Context, r15),
        rip = const offset_of!(Context, rip), flags = const offset_of!(Context, flags),
        rsp = const offset_of!(Context, rsp),
    )
}

/// The way from an interrupt or exception in user mode back into [`run`]. Entered from traps/entry.rs on the CPU's
/// entry stack, GS still the user's, with vector, error code and the processor's frame on the stack.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn interrupted() {
    naked_asm!(
        "swapgs",
        "push rax",
        "mov rax, gs:[{context}]",
        "mov [rax + {rbx}], rbx",
        "mov [rax + {rcx}], rcx",
        "mov [rax + {rdx}], rdx",
        "mov [rax + {rsi}], rsi",
        "mov [rax + {rdi}], rdi",
        "mov [rax + {rbp}], rbp",
        "mov [rax + {r8}], r8",
        "mov [rax + {r9}], r9",
        "mov [rax + {r10}], r10",
        "mov [rax + {r11}], r11",
        "mov [rax + {r12}], r12",
        "mov [rax + {r13}], r13",
        "mov [rax + {r14}], r14",
        "mov [rax + {r15}], r15",
        "pop rcx",
        "mov [rax + {rax}], rcx",
        "pop rdx",                       // vector
        "pop rcx",
        "mov [rax + {error}], rcx",
        "pop rcx",
        "mov [rax + {rip}], rcx",
        "pop rcx",                       // code segment
        "pop rcx",
        "mov [rax + {flags}], rcx",
        "pop rcx",
        "mov [rax + {rsp}], rcx",
        "mov qword ptr [rax + {by_syscall}], 0",
        "cmp dword ptr gs:[{smap}], 0",
        "je 2f",
        "clac",
        "2: cld",
        "mov rsp, gs:[{kernel_stack}]",
        "mov eax, edx",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "ret",
        kernel_stack = const KERNEL_STACK,
        context = const CONTEXT,
        smap = const cpu::SMAP,
        error = const offset_of!(Context, error),
        by_syscall = const offset_of!(Context, by_syscall),
        rax = const offset_of!(Context, rax), rbx = const offset_of!(Context, rbx),
        rcx = const offset_of!(Context, rcx), rdx = const offset_of!(Context, rdx),
        rsi = const offset_of!(Context, rsi), rdi = const offset_of!(Context, rdi),
        rbp = const offset_of!(Context, rbp), r8 = const offset_of!(Context, r8),
        r9 = const offset_of!(Context, r9), r10 = const offset_of!(Context, r10),
        r11 = const offset_of!(Context, r11), r12 = const offset_of!(Context, r12),
        r13 = const offset_of!(Context, r13), r14 = const offset_of!(Context, r14),
        r15 = const offset_of!(Context, r15), rip = const offset_of!(Context, rip),
        flags = const offset_of!(Context, flags), rsp = const offset_of!(Context, rsp),
    )
}

/// Points GS and the system call instruction at this CPU's area.
///
/// # Safety
/// `area` is this CPU's [`cpu::PerCpu`], and the descriptor tables are loaded.
pub(crate) unsafe fn enable_entry(area: u64) {
    // SAFETY: our caller's promise; selectors match tables.rs, the target is `syscall_entry`, and the mask turns off
    // interrupts, direction, trap, alignment check and nested task on entry.
    unsafe {
        msr::write(Msr::GS_BASE, area);
        // User mode's, for good: it has no means to change it.
        msr::write(Msr::KERNEL_GS_BASE, 0);
        msr::write(
            Msr::STAR,
            u64::from(tables::KERNEL_CODE) << 32 | u64::from(tables::KERNEL_DATA) << 48,
        );
        msr::write(Msr::LSTAR, syscall_entry as *const () as u64);
        msr::write(Msr::SYSCALL_MASK, CLEARED_ON_ENTRY);
        msr::write(Msr::EFER, msr::read(Msr::EFER) | SYSCALL_ENABLE);
        if cpuid::features().rdtscp {
            // User mode reads it (RDTSCP, RDPID), so it says the same everywhere.
            msr::write(Msr::TSC_AUX, 0);
        }
    }
}
