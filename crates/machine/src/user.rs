//! Running a thread: [`run`] loads a [`Context`], enters user mode, and returns when the thread traps. To the rest
//! of the kernel a thread is a function call. What the processor needs for the way back (system call registers,
//! protections) is set here too. Rules P3 and P5; docs/soundness/entry.md.

use core::arch::naked_asm;
use core::mem::offset_of;

use crate::cpu::{CONTEXT, KERNEL_STACK, PerCpu, SCRATCH};
use crate::fpu::Area;
use crate::memory::USER_END;
use crate::msr::{self, Msr};
use crate::traps::{self, tables, vector};
use crate::{apic, attribution, cpu, cpuid, registers};

/// Interrupts on, and the bit that always reads one.
const FLAGS: u64 = 0x202;
/// Flags that user space may choose: the arithmetic ones, direction, alignment check, identification.
const USER_FLAGS: u64 = 0x0024_0cd5 | 0x100;
const SYSCALL: u64 = 256;

/// A thread's registers while it does not run.
#[repr(C)]
pub struct Context {
    rax: u64,
    rbx: u64,
    rcx: u64,
    rdx: u64,
    rsi: u64,
    rdi: u64,
    rbp: u64,
    r8: u64,
    r9: u64,
    r10: u64,
    r11: u64,
    r12: u64,
    r13: u64,
    r14: u64,
    r15: u64,
    rip: u64,
    flags: u64,
    rsp: u64,
    error: u64,
    /// 1 if the thread came by `syscall`, so that `sysret` may take it back.
    by_syscall: u64,
    fs_base: u64,
    fpu: Area,
}

/// Why a thread stopped running.
#[derive(Clone, Copy, Debug)]
pub enum Trap {
    /// The `syscall` instruction; arguments by [`Context::syscall`].
    Syscall,
    /// An interrupt, acknowledged already.
    Interrupt(u8),
    /// An exception of the thread's own doing.
    Fault(Fault),
}

/// An exception (Intel SDM volume 3, chapter 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Exception number.
    pub vector: u8,
    /// The processor's error code, or 0.
    pub error: u64,
    /// For a page fault the address touched, else 0.
    pub address: u64,
    /// The instruction.
    pub instruction: u64,
}

impl Fault {
    /// A page fault's access was a write.
    pub fn is_write(&self) -> bool {
        self.error & 2 != 0
    }

    /// A page fault's access was an instruction fetch.
    pub fn is_fetch(&self) -> bool {
        self.error & 16 != 0
    }
}

/// How a new thread starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    /// First instruction.
    pub entry: u64,
    /// Stack pointer.
    pub stack: u64,
    /// First to third argument (rdi, rsi, rdx).
    pub arguments: [u64; 3],
    /// Thread pointer.
    pub fs_base: u64,
}

impl Context {
    /// Bytes of the heap that a context holds: the vector registers.
    pub fn saved_bytes() -> usize {
        crate::fpu::Area::bytes()
    }

    /// The registers of a thread that has not run. Every other register starts as zero.
    pub fn new(start: Start) -> Context {
        Context {
            rax: 0,
            rbx: 0,
            rcx: 0,
            rdx: start.arguments[2],
            rsi: start.arguments[1],
            rdi: start.arguments[0],
            rbp: 0,
            r8: 0,
            r9: 0,
            r10: 0,
            r11: 0,
            r12: 0,
            r13: 0,
            r14: 0,
            r15: 0,
            rip: start.entry,
            flags: FLAGS,
            rsp: start.stack,
            error: 0,
            by_syscall: 0,
            fs_base: start.fs_base,
            fpu: Area::new(),
        }
    }

    /// The system call's number and two arguments.
    #[inline]
    pub fn syscall(&self) -> (u64, u64, u64) {
        (self.rax, self.rdi, self.rsi)
    }

    /// Sets what the system call returns.
    #[inline]
    pub fn set_result(&mut self, value: u64) {
        self.rax = value;
    }

    /// The thread pointer.
    pub fn fs_base(&self) -> u64 {
        self.fs_base
    }

    /// Sets the thread pointer; false, and no change, if it is not a user address.
    pub fn set_fs_base(&mut self, base: u64) -> bool {
        let ok = base < USER_END;
        if ok {
            self.fs_base = base;
        }
        ok
    }

    /// Where the thread is: instruction and stack pointer.
    pub fn position(&self) -> (u64, u64) {
        (self.rip, self.rsp)
    }

    /// Saves the vector registers: this thread leaves the CPU.
    #[inline]
    pub fn leave_cpu(&mut self) {
        self.fpu.save();
    }

    /// Loads the vector registers: this thread takes the CPU.
    #[inline]
    pub fn take_cpu(&self) {
        self.fpu.restore();
    }
}

/// Runs the thread on this CPU until it traps. The caller has loaded its address space and called
/// [`Context::take_cpu`]; a wrong one would confuse user space only.
#[inline]
pub fn run(context: &mut Context) -> Trap {
    loop {
        if context.rip >= USER_END {
            // Returning there would fault with the kernel's privilege.
            return Trap::Fault(Fault {
                vector: 13,
                error: 0,
                address: 0,
                instruction: context.rip,
            });
        }
        let this = cpu::this();
        if this.fs_base.get() != context.fs_base {
            this.fs_base.set(context.fs_base);
            // SAFETY: a user address (`set_fs_base`, `Start` checked by `sanitised`); the kernel does not use FS.
            unsafe { msr::write(Msr::FS_BASE, context.fs_base.min(USER_END)) };
        }
        context.flags = context.flags & USER_FLAGS | FLAGS;
        // SAFETY: interrupts are off and GS is ours; the context is exclusively borrowed until the call returns.
        let cause = unsafe { enter(context) };
        if cause == SYSCALL {
            return Trap::Syscall;
        }
        let vector = cause as u8;
        if vector >= vector::FIRST_INTERRUPT {
            apic::end_of_interrupt(vector);
            attribution::interrupted(vector, context.rip);
            if vector == vector::SHOOTDOWN {
                crate::memory::tlb::answer_shootdown();
                continue;
            }
            return Trap::Interrupt(vector);
        }
        if vector == vector::NMI {
            traps::stop_if_asked();
            continue;
        }
        let address = if vector == vector::PAGE_FAULT {
            registers::read_cr2()
        } else {
            0
        };
        return Trap::Fault(Fault {
            vector,
            error: context.error,
            address,
            instruction: context.rip,
        });
    }
}

/// Enters user mode; returns the vector that brought us back, or [`SYSCALL`]. The way back is at
/// `syscall_entry` below or in traps/entry.rs.
#[unsafe(naked)]
unsafe extern "C" fn enter(context: *mut Context) -> u64 {
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
/// `area` is this CPU's [`PerCpu`], and the descriptor tables are loaded.
pub(crate) unsafe fn enable_entry(area: u64) {
    // SAFETY: our caller's promise; selectors match tables.rs, the target is `syscall_entry`, and the mask turns off
    // interrupts, direction, trap, alignment check and nested task on entry.
    unsafe {
        msr::write(Msr::GS_BASE, area);
        msr::write(Msr::KERNEL_GS_BASE, 0);
        msr::write(
            Msr::STAR,
            u64::from(tables::KERNEL_CODE) << 32 | u64::from(tables::KERNEL_DATA) << 48,
        );
        msr::write(Msr::LSTAR, syscall_entry as *const () as u64);
        msr::write(Msr::SYSCALL_MASK, 0x0004_7700 | 0x8d5);
        msr::write(Msr::EFER, msr::read(Msr::EFER) | 1);
    }
}

/// Turns on what this CPU has of: write protection, global pages, SMEP, SMAP, UMIP, and the vector registers.
pub(crate) fn enable_protections(this: &PerCpu) {
    const WRITE_PROTECT: u64 = 1 << 16;
    const GLOBAL_PAGES: u64 = 1 << 7;
    const UMIP: u64 = 1 << 11;
    const SMEP: u64 = 1 << 20;
    const SMAP: u64 = 1 << 21;
    let features = cpuid::features();
    let mut cr4 = registers::read_cr4() | GLOBAL_PAGES;
    for (has, bit) in [
        (features.umip, UMIP),
        (features.smep, SMEP),
        (features.smap, SMAP),
    ] {
        if has {
            cr4 |= bit;
        }
    }
    // SAFETY: CPUID lists each bit; the kernel runs from supervisor pages and opens SMAP windows (copy.rs).
    unsafe {
        registers::write_cr0(registers::read_cr0() | WRITE_PROTECT);
        registers::write_cr4(cr4);
    }
    this.smap.set(u32::from(features.smap));
    crate::fpu::enable();
}
