//! Tools of attack, for programs whose business is to find out what the kernel does about them.
//!
//! Everything here breaks on purpose what the rest of the runtime upholds: submissions that name memory nobody
//! lends, pointers to anywhere, instructions that must not be. The functions are safe to *call* only in the sense
//! that the kernel has to stop whatever they do; the program itself may lose its memory, its ring or its life.
//! So they exist only with the feature `hostile`, which nothing but `user/evil` and test programs asks for, and
//! what may ruin a program is done in a child process.

pub mod registers;

use core::arch::asm;
use core::marker::PhantomData;

use abi::ring::{Cqe, Sqe};

use crate::cap::{Cap, Client};
use crate::error::Error;
use crate::lane::Ticket;
use crate::memory::{Protection, VirtualMemory};
use crate::message::{Flat, root_field};
use crate::pending::{VOID_ROOM, call};
use crate::ring::RingPage;
use crate::thread_block::with_lane;

/// Any system call, with anything in its registers.
pub fn syscall(number: u64, first: u64, second: u64) -> u64 {
    crate::syscall::syscall(number, first, second)
}

/// Submits exactly `sqe` (only its `user_data` is replaced) and waits for the completion, at most `timeout_ns`.
pub fn submit(sqe: Sqe, timeout_ns: u64) -> Option<Cqe> {
    start(sqe)?.finish(timeout_ns)
}

/// Submits exactly `sqe` (only its `user_data` is replaced), enters once, and waits for nothing.
pub fn start(sqe: Sqe) -> Option<Started> {
    with_lane(|lane| {
        // SAFETY: none; see the introduction. Attackers keep what they name in static memory, or name nothing
        // of Rust's at all.
        let ticket = unsafe { lane.submit(sqe) }.ok()?;
        crate::syscall::enter(0, 0);
        Some(Started {
            ticket,
            _stays_on_this_thread: PhantomData,
        })
    })
}

/// A submission under way on the calling thread.
pub struct Started {
    ticket: Ticket,
    _stays_on_this_thread: PhantomData<*const ()>,
}

impl Started {
    /// Waits for the completion, at most `timeout_ns`. One that comes later is ignored.
    pub fn finish(self, timeout_ns: u64) -> Option<Cqe> {
        with_lane(|lane| {
            if !lane.is_done(self.ticket) {
                crate::syscall::enter(1, timeout_ns);
            }
            if lane.is_done(self.ticket) {
                return lane.take(self.ticket);
            }
            lane.abandon(self.ticket, Default::default());
            None
        })
    }
}

/// The calling thread's ring, with nobody keeping books: submissions name any memory, and completions come as they come.
pub struct Wild {
    page: RingPage,
    sq_tail: u32,
    cq_head: u32,
}

impl Wild {
    /// Submissions that the kernel has not taken yet.
    pub fn queued(&self) -> u32 {
        self.page.queued(self.sq_tail)
    }

    /// Places a submission, while fewer than all places are taken.
    pub fn submit(&mut self, sqe: &Sqe) {
        self.page.place(self.sq_tail, sqe.to_words());
        self.sq_tail = self.sq_tail.wrapping_add(1);
    }

    /// Runs what was submitted, then waits until `wanted` completions are unread, at most `timeout_ns`.
    pub fn enter(&mut self, wanted: u32, timeout_ns: u64) {
        self.page.publish(self.sq_tail, self.cq_head);
        crate::syscall::enter(wanted, timeout_ns);
    }

    /// The next completion, if one has come.
    pub fn completion(&mut self) -> Option<Cqe> {
        let cqe = self.page.peek(self.cq_head)?;
        self.cq_head = self.cq_head.wrapping_add(1);
        Some(cqe)
    }
}

/// Lends the calling thread's ring to `work`, which may leave operations under way: their completions will be ignored, if their
/// user data is no ticket of the runtime's.
///
/// # Panics
/// As [`crate::raw::with_ring`].
pub fn wild<R>(work: impl FnOnce(&mut Wild) -> R) -> R {
    with_lane(|lane| {
        let (page, sq_tail, cq_head) = lane.bare();
        let mut wild = Wild {
            page: page.reborrow(),
            sq_tail: *sq_tail,
            cq_head: *cq_head,
        };
        let result = work(&mut wild);
        wild.page.publish(wild.sq_tail, wild.cq_head);
        (*sq_tail, *cq_head) = (wild.sq_tail, wild.cq_head);
        result
    })
}

/// Calls a method with any bytes as its message.
pub fn call_with_bytes(cap: &Cap, method: u16, message: &[u8]) -> Result<(), Error> {
    let mut room = crate::message::Aligned::<VOID_ROOM>::zeroed();
    call(cap.method(method), message, &mut room.0).map(|_| ())
}

/// Calls a method whose parameters are up to five numbers and whose answer starts with one.
pub fn call_with_numbers(cap: &Cap, method: u16, numbers: [u64; 5]) -> Result<u64, Error> {
    let mut params = Flat::<56>::new();
    for (index, number) in numbers.into_iter().enumerate() {
        params = params.u64(8 * index, number);
    }
    let mut room = crate::message::Aligned::<VOID_ROOM>::zeroed();
    call(cap.method(method), params.bytes(), &mut room.0)
        .map(|reply| u64::from_le_bytes(root_field(reply.payload(), 0)))
}

/// Takes pages away, whoever uses them.
pub fn unmap(memory: &VirtualMemory, addr: u64, size: u64) -> Result<(), Error> {
    memory.unmap(addr, size)
}

/// Changes what may be done with pages, whoever uses them.
pub fn protect(memory: &VirtualMemory, addr: u64, size: u64, protection: Protection) -> Result<(), Error> {
    memory.protect(addr, size, protection)
}

/// A capability of any interface under any id.
pub fn forge<C: Client>(id: u32) -> C {
    C::from_cap(Cap::granted(id))
}

/// Reads a word from anywhere.
pub fn read_u32(addr: u64) -> u32 {
    // SAFETY: none; a wrong address ends the process.
    unsafe { core::ptr::with_exposed_provenance::<u32>(addr as usize).read_volatile() }
}

/// Writes a word to anywhere.
pub fn write_u32(addr: u64, value: u32) {
    // SAFETY: none; a wrong address ends the process, or ruins it.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(addr as usize).write_volatile(value) }
}

/// Reads eight bytes from anywhere.
pub fn read_u64(addr: u64) -> u64 {
    // SAFETY: none; a wrong address ends the process.
    unsafe { core::ptr::with_exposed_provenance::<u64>(addr as usize).read_volatile() }
}

/// Writes eight bytes to anywhere.
pub fn write_u64(addr: u64, value: u64) {
    // SAFETY: none; a wrong address ends the process, or ruins it.
    unsafe { core::ptr::with_exposed_provenance_mut::<u64>(addr as usize).write_volatile(value) }
}

/// Goes on at any address.
pub fn jump(addr: u64) {
    // SAFETY: none; whatever is there, it is not ours to run.
    unsafe { asm!("jmp {}", in(reg) addr, options(noreturn)) }
}

/// Uses stack until there is none.
#[allow(unconditional_recursion, reason = "running out is the point")]
pub fn exhaust_stack(depth: u64) -> u64 {
    let frame = core::hint::black_box([depth; 64]);
    exhaust_stack(depth + 1) + frame[depth as usize % 64]
}

/// An instruction that a program must not, or cannot, execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Divides by zero.
    DivideByZero,
    /// Divides the smallest number by -1, which does not fit.
    DivideOverflow,
    /// An undefined instruction.
    Undefined,
    /// Stops the CPU.
    Halt,
    /// Turns interrupts off.
    ClearInterrupts,
    /// Reads a device.
    PortIn,
    /// Ends the virtual machine, if devices could be written.
    PortOut,
    /// Writes a control register.
    WriteControlRegister,
    /// Writes a model-specific register.
    WriteModelRegister,
    /// Loads another descriptor table.
    LoadDescriptorTable,
    /// Loads a kernel segment.
    LoadKernelSegment,
    /// Calls the page-fault handler by number.
    RaisePageFault,
    /// Calls the double-fault handler by number.
    RaiseDoubleFault,
    /// A system call of another system.
    ForeignSystemCall,
    /// Stops for a debugger.
    Breakpoint,
    /// Single-steps into a system call.
    SingleStep,
    /// Pushes on a stack that cannot be addressed.
    StackNowhere,
    /// Divides by zero in the vector unit, with its exceptions on.
    VectorDivide,
    /// Sets the GS base, which the kernel swaps with its own.
    WriteGsBase,
    /// System call with direction, alignment-check and nested-task flags set, and a stack pointer into the kernel.
    StrangeFlags,
    /// Returns to a segment of the kernel's privilege.
    ReturnToKernel,
}

/// Executes it. Comes back only if the kernel lets the program go on.
pub fn execute(instruction: Instruction) {
    // SAFETY: none of these may touch this program's memory; each either faults or restores what it changed.
    unsafe {
        match instruction {
            Instruction::DivideByZero => {
                asm!("xor edx, edx", "div {0:r}", in(reg) 0u64, inout("rax") 1u64 => _, out("rdx") _);
            }
            Instruction::DivideOverflow => {
                asm!("cqo", "idiv {0:r}", in(reg) -1i64, inout("rax") i64::MIN => _, out("rdx") _);
            }
            Instruction::Undefined => asm!("ud2"),
            Instruction::Halt => asm!("hlt"),
            Instruction::ClearInterrupts => asm!("cli"),
            Instruction::PortIn => asm!("in al, dx", in("dx") 0x3f8u16, out("al") _),
            Instruction::PortOut => asm!("out dx, eax", in("dx") abi::exit::END_PORT, in("eax") 0u32),
            Instruction::WriteControlRegister => asm!("mov cr3, {}", in(reg) 0u64),
            Instruction::WriteModelRegister => {
                asm!("wrmsr", in("ecx") 0xc000_0080u32, in("eax") 0u32, in("edx") 0u32);
            }
            Instruction::LoadDescriptorTable => asm!("lgdt [{}]", in(reg) abi::layout::RING),
            Instruction::LoadKernelSegment => asm!("mov ss, {0:x}", in(reg) 0x10u32),
            Instruction::RaisePageFault => asm!("int 14"),
            Instruction::RaiseDoubleFault => asm!("int 8"),
            Instruction::ForeignSystemCall => asm!("int 0x80"),
            Instruction::Breakpoint => asm!("int3"),
            Instruction::SingleStep => asm!(
                "pushfq", "or qword ptr [rsp], 0x100", "popfq", "syscall",
                inout("rax") 4u64 => _, out("rcx") _, out("r11") _
            ),
            Instruction::StackNowhere => {
                asm!("mov rsp, {}", "push rax", "ud2", in(reg) 0x8000_0000_1000u64, options(noreturn));
            }
            Instruction::VectorDivide => asm!(
                "sub rsp, 8",
                "mov dword ptr [rsp], 0",
                "ldmxcsr [rsp]",
                "mov dword ptr [rsp], 0x3f800000",
                "movss xmm0, [rsp]",
                "xorps xmm1, xmm1",
                "divss xmm0, xmm1",
                "add rsp, 8",
            ),
            Instruction::WriteGsBase => asm!(".byte 0xf3, 0x48, 0x0f, 0xae, 0xd8", in("rax") 0x1000u64),
            Instruction::StrangeFlags => asm!(
                "mov r8, rsp", "pushfq", "or qword ptr [rsp], 0x44400", "popfq",
                "mov rsp, -4096", "syscall", "mov rsp, r8", "cld",
                "pushfq", "and qword ptr [rsp], -0x44001", "popfq",
                inout("rax") 4u64 => _, out("rcx") _, out("r11") _, out("r8") _
            ),
            Instruction::ReturnToKernel => asm!(
                "push 0x10", "push rax", "pushfq", "push 0x08", "push rax", "iretq",
                in("rax") 0x20_0000u64, options(noreturn)
            ),
        }
    }
}
