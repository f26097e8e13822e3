//! Every register that a program can set: [`disturb`] sets them all, again and again, and never asks the kernel for anything;
//! [`hold`] sets them, lets time pass, and looks whether each still has its value. A program that does the one must never show in a
//! program that does the other (rule P17).

use alloc::boxed::Box;
use core::arch::x86_64::__cpuid_count;
use core::arch::{asm, naked_asm};
use core::mem::offset_of;

use abi::syscall::{CHECKPOINT, REJECTED};

/// Bytes for what XSAVE saves, or FXSAVE.
const VECTOR_BYTES: usize = 4096;
/// Where the x87 and SSE registers lie in there (Intel SDM volume 1, 10.5.1), and the XSAVE header behind them.
const X87_REGISTERS: usize = 32;
const SSE_REGISTERS: usize = 160;
const SSE_END: usize = 416;
const XSAVE_HEADER: usize = 512;
const XSAVE_EXTENDED: usize = 576;

/// Carry, parity, adjust, zero, sign, direction, overflow, alignment check, identification.
const FLAGS: u64 = 0x0024_0cd5;
/// Registers in the order of their encoding; the count and the stack pointer are the way in and out.
const COUNT: usize = 1;
const STACK_POINTER: usize = 4;
const R11: usize = 11;

/// What a program can set.
#[repr(C, align(64))]
struct Registers {
    vector: [u8; VECTOR_BYTES],
    general: [u64; 16],
    flags: u64,
    /// What FS points at.
    own: u64,
    /// DS, ES, FS, GS.
    selectors: [u16; 4],
}

/// What did not keep its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Changed {
    /// A general register.
    General = 1,
    /// A flag.
    Flags,
    /// The thread pointer.
    ThreadPointer,
    /// A segment selector.
    Selectors,
    /// The x87 unit's control, status or registers.
    X87,
    /// An SSE register, or the control of the vector unit.
    Sse,
    /// What XSAVE saves beyond: AVX and its kin.
    Extended,
    /// What a system call leaves in the registers that it uses.
    SystemCall,
}

impl Changed {
    /// All, in the order of their numbers.
    pub const ALL: [Changed; 8] = [
        Changed::General,
        Changed::Flags,
        Changed::ThreadPointer,
        Changed::Selectors,
        Changed::X87,
        Changed::Sse,
        Changed::Extended,
        Changed::SystemCall,
    ];
}

/// What of XCR0 is on; 0 where XSAVE cannot be used.
fn enabled_components() -> u32 {
    const OSXSAVE: u32 = 1 << 27;
    if __cpuid_count(1, 0).ecx & OSXSAVE == 0 {
        return 0;
    }
    let low;
    // SAFETY: the kernel has turned XSAVE on (above), which is what the instruction needs.
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nomem, nostack)) };
    low
}

impl Registers {
    /// Values that no other seed has, in every register.
    fn of_seed(seed: u64, components: u32) -> Box<Registers> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(seed | 1);
            state >> 8
        };
        let mut vector = [0; VECTOR_BYTES];
        for byte in &mut vector {
            // No register is all zero, which XSAVE would not write.
            *byte = next() as u8 | 1;
        }
        // Control: all exceptions masked, rounding by the seed. Status: no exception, top of stack by the seed.
        vector[0..2].copy_from_slice(&(0x037f | (seed as u16 & 3) << 10).to_le_bytes());
        vector[2..4].copy_from_slice(&((seed as u16 & 7) << 11).to_le_bytes());
        vector[4..8].copy_from_slice(&[0xff, 0, 0, 0]);
        vector[24..28]
            .copy_from_slice(&(0x1f80 | (seed as u32 & 3) << 13 | seed as u32 & 0x3f).to_le_bytes());
        vector[XSAVE_HEADER..XSAVE_EXTENDED].fill(0);
        vector[XSAVE_HEADER..XSAVE_HEADER + 4].copy_from_slice(&components.to_le_bytes());
        Box::new(Registers {
            vector,
            general: core::array::from_fn(|_| next()),
            flags: next() & FLAGS | 0x202,
            own: 0,
            selectors: [0; 4],
        })
    }

    /// Makes x87 and vector exceptions wait, unmasked.
    fn with_exceptions_waiting(mut self: Box<Self>) -> Box<Self> {
        self.vector[0..2].copy_from_slice(&0x0340_u16.to_le_bytes());
        self.vector[2..4].copy_from_slice(&0x80bf_u16.to_le_bytes());
        self.vector[24..28].copy_from_slice(&0x603f_u32.to_le_bytes());
        self.flags = FLAGS | 0x4202;
        self
    }

    /// The first thing that is not as it was `set`.
    fn difference(&self, set: &Registers, components: u32, calling: bool) -> Option<Changed> {
        let is_own = |register: usize| {
            let by_call = calling && [0, R11].contains(&register);
            register != COUNT && register != STACK_POINTER && !by_call
        };
        let same = |from: usize, to: usize| self.vector[from..to] == set.vector[from..to];
        let x87 = (0..8).all(|register| {
            let at = X87_REGISTERS + 16 * register;
            same(at, at + 10)
        });
        let extended = (2..32)
            .filter(|component| components >> component & 1 == 1)
            .map(|component| __cpuid_count(0xd, component))
            .all(|place| same(place.ebx as usize, (place.ebx + place.eax) as usize));
        let of_call = self.general[0] == REJECTED && self.general[R11] & FLAGS == set.flags & FLAGS;
        let kept = [
            (0..16).all(|register| !is_own(register) || self.general[register] == set.general[register]),
            self.flags & FLAGS == set.flags & FLAGS,
            self.own == set.own,
            self.selectors == set.selectors,
            same(0, 5) && x87,
            same(24, 28) && same(SSE_REGISTERS, SSE_END),
            extended,
            !calling || of_call,
        ];
        Changed::ALL
            .into_iter()
            .zip(kept)
            .find_map(|(what, kept)| if kept { None } else { Some(what) })
    }
}

/// Sets every register, lets `turns` turns of a loop pass, and looks; so often. With `calling` each turn is a system call.
///
/// # Errors
/// The first register that had another value than was set.
pub fn hold(seed: u64, rounds: u32, turns: u64, calling: bool) -> Result<(), Changed> {
    let components = enabled_components();
    let stay = if calling { stay_calling } else { stay_computing };
    for round in 0..rounds {
        let mut set = Registers::of_seed(seed << 16 | u64::from(round), components);
        // SAFETY: FS points at the thread's own block, whose first word is its address.
        unsafe { asm!("mov {}, fs:[0]", out(reg) set.own, options(nostack, readonly)) };
        let mut found = Registers::of_seed(0, components);
        // SAFETY: both areas are aligned and as large as the functions want; registers are put back as Rust wants them.
        unsafe { stay(&raw const *set, &raw mut *found, turns, components) };
        if let Some(changed) = found.difference(&set, components, calling) {
            return Err(changed);
        }
    }
    Ok(())
}

/// Sets every register to one thing and then another, for ever, without a system call.
pub fn disturb(seed: u64) -> ! {
    let components = enabled_components();
    let one = Registers::of_seed(seed, components);
    let other = Registers::of_seed(seed + 1, components).with_exceptions_waiting();
    // SAFETY: both areas are aligned and as large as it wants; it never returns.
    unsafe { disturb_for_ever(&raw const *one, &raw const *other, components) }
}

macro_rules! load_general {
    () => {
        "mov rax, [rdi + {general}]
         mov rdx, [rdi + {general} + 16]
         mov rbx, [rdi + {general} + 24]
         mov rbp, [rdi + {general} + 40]
         mov rsi, [rdi + {general} + 48]
         mov r8, [rdi + {general} + 64]
         mov r9, [rdi + {general} + 72]
         mov r10, [rdi + {general} + 80]
         mov r11, [rdi + {general} + 88]
         mov r12, [rdi + {general} + 96]
         mov r13, [rdi + {general} + 104]
         mov r14, [rdi + {general} + 112]
         mov r15, [rdi + {general} + 120]"
    };
}

/// The function that loads everything, turns round in `$turn` until RCX is used up, and stores everything.
macro_rules! stay {
    ($name:ident, $turn:literal) => {
        #[unsafe(naked)]
        unsafe extern "sysv64" fn $name(set: *const Registers, found: *mut Registers, turns: u64, components: u32) {
            naked_asm!(
                "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
                "push rsi",
                "push rcx",
                "push rdx",
                "mov eax, ecx",
                "xor edx, edx",
                "test ecx, ecx",
                "jz 2f",
                "xrstor64 [rdi]",
                "jmp 3f",
                "2: fxrstor64 [rdi]",
                "3: pop rcx",
                "push qword ptr [rdi + {flags}]",
                "popfq",
                load_general!(),
                "mov rdi, [rdi + {general} + 56]",
                concat!("4: ", $turn),
                "loop 4b",
                "pushfq",
                "xchg rdi, [rsp + 16]",
                "mov [rdi + {general}], rax",
                "mov [rdi + {general} + 16], rdx",
                "mov [rdi + {general} + 24], rbx",
                "mov [rdi + {general} + 40], rbp",
                "mov [rdi + {general} + 48], rsi",
                "mov [rdi + {general} + 64], r8",
                "mov [rdi + {general} + 72], r9",
                "mov [rdi + {general} + 80], r10",
                "mov [rdi + {general} + 88], r11",
                "mov [rdi + {general} + 96], r12",
                "mov [rdi + {general} + 104], r13",
                "mov [rdi + {general} + 112], r14",
                "mov [rdi + {general} + 120], r15",
                "pop qword ptr [rdi + {flags}]",
                "push 2",
                "popfq",
                "pop rax",
                "pop qword ptr [rdi + {general} + 56]",
                "xor edx, edx",
                "test eax, eax",
                "jz 5f",
                "xsave64 [rdi]",
                "jmp 6f",
                "5: fxsave64 [rdi]",
                "6: fninit",
                "mov [rdi + {selectors}], ds",
                "mov [rdi + {selectors} + 2], es",
                "mov [rdi + {selectors} + 4], fs",
                "mov [rdi + {selectors} + 6], gs",
                "mov rax, fs:[0]",
                "mov [rdi + {own}], rax",
                "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
                "ret",
                general = const offset_of!(Registers, general),
                flags = const offset_of!(Registers, flags),
                own = const offset_of!(Registers, own),
                selectors = const offset_of!(Registers, selectors),
            )
        }
    };
}

stay!(stay_computing, "nop");
// A number that no system call has: it is answered, and does nothing.
stay!(stay_calling, "push rcx; mov eax, 4; syscall; pop rcx");
const _: () = assert!(CHECKPOINT == 3, "4 is no system call's number");

#[unsafe(naked)]
unsafe extern "sysv64" fn disturb_for_ever(
    one: *const Registers,
    other: *const Registers,
    components: u32,
) -> ! {
    naked_asm!(
        "push rdx",
        "push rsi",
        "push rdi",
        // The program's own data and code segments, then null in each of its forms.
        "2: mov eax, 0x1b", "mov ds, eax", "mov fs, eax", "mov eax, 0x23", "mov es, eax", "mov gs, eax",
        "mov rdi, [rsp]",
        "call 3f",
        "xor eax, eax", "mov fs, eax", "mov eax, 1", "mov ds, eax", "mov eax, 2", "mov es, eax", "mov eax, 3", "mov gs, eax",
        "mov rdi, [rsp + 8]",
        "call 3f",
        "jmp 2b",
        // Everything from where RDI points, and a while with it.
        "3: mov eax, [rsp + 24]",
        "xor edx, edx",
        "test eax, eax",
        "jz 4f",
        "xrstor64 [rdi]",
        "jmp 5f",
        "4: fxrstor64 [rdi]",
        "5: push qword ptr [rdi + {flags}]",
        "popfq",
        load_general!(),
        "mov ecx, 300000",
        "6: loop 6b",
        "ret",
        general = const offset_of!(Registers, general),
        flags = const offset_of!(Registers, flags),
    )
}
