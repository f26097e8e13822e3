//! Model-specific registers: the numbers this kernel uses, and the two instructions that reach them.
//! Everything that touches an MSR goes through here, so that this list is the whole list.
//!
//! Numbers: Intel SDM volume 4, chapter 2; the x2APIC block: volume 3, 11.12.1.2 (0x800 + register / 16).

use core::arch::asm;

/// The number of a model-specific register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Msr(pub(crate) u32);

#[allow(
    dead_code,
    reason = "one list of every register; which of them a build uses depends on its features"
)]
impl Msr {
    /// Time-stamp counter adjustment of this CPU.
    pub(crate) const TSC_ADJUST: Msr = Msr(0x3b);
    /// Where the local APIC is mapped, and whether it is on and in x2APIC mode.
    pub(crate) const APIC_BASE: Msr = Msr(0x1b);
    /// How many banks report errors, and how.
    pub(crate) const MACHINE_CHECK_CAPABILITIES: Msr = Msr(0x179);
    /// What the machine check that is under way says of the interrupted program.
    pub(crate) const MACHINE_CHECK_STATUS: Msr = Msr(0x17a);
    /// Turns reporting on, where capabilities say that it exists.
    pub(crate) const MACHINE_CHECK_CONTROL: Msr = Msr(0x17b);
    /// First of the four registers of each bank: control, status, address, more.
    pub(crate) const MACHINE_CHECK_BANKS: Msr = Msr(0x400);
    /// Page attribute table.
    pub(crate) const PAT: Msr = Msr(0x277);
    /// The time-stamp value at which the local APIC timer fires; zero when it is not armed.
    pub(crate) const TSC_DEADLINE: Msr = Msr(0x6e0);
    /// First register of the x2APIC block.
    pub(crate) const X2APIC_BASE: Msr = Msr(0x800);
    /// Extended features: long mode, no-execute, SYSCALL.
    pub(crate) const EFER: Msr = Msr(0xc000_0080);
    /// Segment selectors that SYSCALL and SYSRET load.
    pub(crate) const STAR: Msr = Msr(0xc000_0081);
    /// Where SYSCALL jumps in 64-bit mode.
    pub(crate) const LSTAR: Msr = Msr(0xc000_0082);
    /// Flags that SYSCALL clears.
    pub(crate) const SYSCALL_MASK: Msr = Msr(0xc000_0084);
    /// Base of FS: the thread pointer of user code.
    pub(crate) const FS_BASE: Msr = Msr(0xc000_0100);
    /// Base of GS: the per-CPU area while the kernel runs.
    pub(crate) const GS_BASE: Msr = Msr(0xc000_0101);
    /// What SWAPGS exchanges GS's base with.
    pub(crate) const KERNEL_GS_BASE: Msr = Msr(0xc000_0102);
    /// What RDTSCP and RDPID tell besides the time.
    pub(crate) const TSC_AUX: Msr = Msr(0xc000_0103);
}

/// Reads a model-specific register of the executing CPU.
///
/// # Safety
/// The CPU must have this register (CPUID says so, or every 64-bit CPU has it), else it raises #GP; and
/// reading it must have no side effect that breaks memory.
#[inline]
pub(crate) unsafe fn read(msr: Msr) -> u64 {
    let (high, low): (u32, u32);
    // SAFETY: the caller vouches that the register exists. RDMSR changes EDX and EAX only.
    unsafe {
        asm!("rdmsr", in("ecx") msr.0, out("edx") high, out("eax") low, options(nostack, preserves_flags))
    };
    (u64::from(high) << 32) | u64::from(low)
}

/// Writes a model-specific register of the executing CPU.
///
/// # Safety
/// The CPU must have this register and accept this value, else it raises #GP; and the value's effect on
/// addressing, entry points or devices must uphold what the rest of the kernel relies on.
#[inline]
pub(crate) unsafe fn write(msr: Msr, value: u64) {
    // SAFETY: the caller vouches for register and value. No `nomem`: the write may order or publish memory.
    unsafe {
        asm!("wrmsr", in("ecx") msr.0, in("edx") (value >> 32) as u32, in("eax") value as u32,
             options(nostack, preserves_flags));
    }
}
