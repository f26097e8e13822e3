//! The first instructions of every interrupt and exception: 256 stubs that push their number, then one fork. From user
//! mode the way leads to user.rs; from the kernel all registers are saved and [`super::kernel_trap`] decides. GS base
//! is the kernel's when kernel code was interrupted, except in a few instructions around `swapgs`; only the
//! exceptions with emergency stacks can hit there, so those look at GS base itself (rule P3).

use core::arch::{global_asm, naked_asm};

use super::vector;

global_asm!(
    r#"
    .section .text.trap_stubs, "ax"
    .balign 16
    .globl __trap_stubs
__trap_stubs:
    .set number, 0
    .rept 256
    .balign 16
    .if !((number == 8) || ((number >= 10) && (number <= 14)) || (number == 17) || (number == 21) || (number == 29) || (number == 30))
    push 0
    .endif
    push number
    .if (number == 1) || (number == 2) || (number == 8) || (number == 18)
    jmp {any_time}
    .else
    jmp {usual}
    .endif
    .set number, number + 1
    .endr
    "#,
    usual = sym usual,
    any_time = sym any_time,
);

unsafe extern "C" {
    static __trap_stubs: u8;
    #[cfg(target_os = "none")]
    static __fixups_start: [u64; 2];
    #[cfg(target_os = "none")]
    static __fixups_end: [u64; 2];
}

/// The address of a vector's stub.
pub(super) fn stub(vector: u8) -> u64 {
    &raw const __trap_stubs as u64 + u64::from(vector) * 16
}

/// Where to resume if `instruction` is a user access that may fault.
#[cfg(target_os = "none")]
pub(super) fn fix_up(instruction: u64) -> Option<u64> {
    let start = &raw const __fixups_start;
    // SAFETY: the linker script puts both symbols around the table that copy.rs fills with pairs.
    let table = unsafe {
        let len = (&raw const __fixups_end).offset_from(start) as usize;
        core::slice::from_raw_parts(start, len)
    };
    table
        .iter()
        .find(|[fault, _]| *fault == instruction)
        .map(|[_, resume]| *resume)
}

/// The host only lints this crate.
#[cfg(not(target_os = "none"))]
pub(super) fn fix_up(_instruction: u64) -> Option<u64> {
    None
}

macro_rules! push_all {
    () => {
        "push rax; push rbx; push rcx; push rdx; push rsi; push rdi; push rbp
         push r8; push r9; push r10; push r11; push r12; push r13; push r14; push r15"
    };
}

macro_rules! pop_all {
    () => {
        "pop r15; pop r14; pop r13; pop r12; pop r11; pop r10; pop r9; pop r8
         pop rbp; pop rdi; pop rsi; pop rdx; pop rcx; pop rbx; pop rax"
    };
}

#[unsafe(naked)]
unsafe extern "C" fn usual() {
    naked_asm!(
        "test byte ptr [rsp + 24], 3",
        "jnz {interrupted}",
        push_all!(),
        "cld",
        "mov rdi, rsp",
        "mov rbx, rsp",
        "and rsp, -16",
        "call {kernel_trap}",
        "mov rsp, rbx",
        pop_all!(),
        "add rsp, 16",
        "iretq",
        interrupted = sym crate::user::interrupted,
        kernel_trap = sym super::kernel_trap,
    )
}

/// For exceptions that may come before `swapgs` has run or after it has run back.
#[unsafe(naked)]
unsafe extern "C" fn any_time() {
    naked_asm!(
        "test byte ptr [rsp + 24], 3",
        "jnz {interrupted}",
        push_all!(),
        "cld",
        "mov ecx, {gs_base}",
        "rdmsr",
        "xor r12d, r12d",
        "test edx, edx",
        "js 2f",
        "swapgs",
        "mov r12d, 1",
        "2: mov rdi, rsp",
        "mov rbx, rsp",
        "and rsp, -16",
        "call {kernel_trap}",
        "mov rsp, rbx",
        "test r12d, r12d",
        "jz 3f",
        "swapgs",
        "3:",
        pop_all!(),
        "add rsp, 16",
        "iretq",
        interrupted = sym crate::user::interrupted,
        kernel_trap = sym super::kernel_trap,
        gs_base = const 0xc000_0101_u32,
    )
}

/// The vectors above must stay what the stubs say.
const _: () = assert!(vector::NMI == 2 && vector::PAGE_FAULT == 14);
