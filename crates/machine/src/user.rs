//! Running a thread: [`run`] loads a [`Context`], enters user mode, and returns when the thread traps. To the rest
//! of the kernel a thread is a function call. The way there and back is in `gate`; what a thread can leave behind besides
//! its registers, in `segments` and fpu.rs. Rules P3, P5 and P17; docs/soundness/entry.md and docs/soundness/registers.md.

mod gate;
mod segments;

pub(crate) use gate::{enable_entry, interrupted};

use crate::fpu::Area;
use crate::memory::USER_END;
use crate::traps::{self, report, vector};
use crate::{apic, attribution, registers};

/// Interrupts on, and the bit that always reads one.
const FLAGS: u64 = 0x202;
/// Flags that user space may choose: the arithmetic ones, direction, alignment check, identification.
const USER_FLAGS: u64 = 0x0024_0cd5 | 0x100;

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
    /// A user address.
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
            fs_base: start.fs_base.min(USER_END),
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

    /// Sets the thread pointer of the thread that this CPU runs; false, and no change, if it is not a user address.
    #[must_use = "the thread pointer may be refused"]
    pub fn set_fs_base(&mut self, base: u64) -> bool {
        let ok = base < USER_END;
        if ok {
            self.fs_base = base;
            segments::set_fs_base(base);
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

    /// Loads what [`run`] does not: this thread takes the CPU, and finds nothing that the last one left (rule P17).
    #[inline]
    pub fn take_cpu(&self) {
        segments::take_over(self.fs_base);
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
        context.flags = context.flags & USER_FLAGS | FLAGS;
        // SAFETY: interrupts are off and GS is ours; the context is exclusively borrowed until the call returns.
        let cause = unsafe { gate::enter(context) };
        if cause == gate::SYSCALL {
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
        if vector == vector::MACHINE_CHECK || vector == vector::DOUBLE_FAULT {
            // Not the thread's doing.
            report::trap_in_user_mode(vector, context.error, context.rip);
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
