//! The local APIC of the executing CPU: its id, inter-processor interrupts, end of interrupt. It speaks
//! x2APIC (MSRs, 32-bit ids) where it can, else xAPIC (one page of registers, 8-bit ids); all CPUs use
//! the same. Every function acts on the CPU that calls it.
//!
//! Intel SDM volume 3, chapter 11: registers 11.4.1, interrupt command 11.6.1, x2APIC 11.12.

use core::arch::asm;

use super::ApicId;
use crate::acpi::Madt;
use crate::boot_cell::BootCell;
use crate::clock;
use crate::cpuid::features;
use crate::memory::map_mmio;
use crate::msr::{self, Msr};

const XAPIC_BYTES: usize = 0x400;
const BASE_ENABLED: u64 = 1 << 11;
const BASE_X2APIC: u64 = 1 << 10;
const BASE_ADDRESS: u64 = 0x000f_ffff_ffff_f000;

const SOFTWARE_ENABLED: u32 = 1 << 8;
pub(super) const MASKED: u32 = 1 << 16;
const DELIVERY_PENDING: u32 = 1 << 12;
const ASSERT: u32 = 1 << 14;
const ALL_OTHERS: u32 = 0b11 << 18;
const DELIVER_NMI: u32 = 0b100 << 8;
const DELIVER_INIT: u32 = 0b101 << 8;
const DELIVER_STARTUP: u32 = 0b110 << 8;
/// Looks at the delivery status before an IPI is sent anyway: a CPU accepts one within microseconds.
const DELIVERY_POLLS: u32 = 100_000;

/// A register, by its offset in the xAPIC page.
#[derive(Clone, Copy)]
pub(super) struct Register(usize);

#[rustfmt::skip]
impl Register {
    const ID: Register = Register(0x20);
    const VERSION: Register = Register(0x30);
    const TASK_PRIORITY: Register = Register(0x80);
    const END_OF_INTERRUPT: Register = Register(0xb0);
    const SPURIOUS: Register = Register(0xf0);
    const IN_SERVICE: Register = Register(0x100);
    const REQUESTED: Register = Register(0x200);
    const ERROR_STATUS: Register = Register(0x280);
    const LVT_CMCI: Register = Register(0x2f0);
    const COMMAND_LOW: Register = Register(0x300);
    const COMMAND_HIGH: Register = Register(0x310);
    pub(super) const LVT_TIMER: Register = Register(0x320);
    const LVT_THERMAL: Register = Register(0x330);
    const LVT_COUNTERS: Register = Register(0x340);
    const LVT_LINT0: Register = Register(0x350);
    const LVT_LINT1: Register = Register(0x360);
    const LVT_ERROR: Register = Register(0x370);
    pub(super) const INITIAL_COUNT: Register = Register(0x380);
    pub(super) const CURRENT_COUNT: Register = Register(0x390);
    pub(super) const DIVIDE: Register = Register(0x3e0);

    fn msr(self) -> Msr {
        Msr(Msr::X2APIC_BASE.0 + (self.0 >> 4) as u32)
    }

    /// The word of a 256-bit register (in service, requested) that holds a vector's bit.
    fn word_of(self, vector: u8) -> Register {
        Register(self.0 + usize::from(vector / 32) * 0x10)
    }
}

/// How the local APICs of this machine are driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// By MSRs, with 32-bit ids.
    X2Apic,
    /// By memory-mapped registers, with 8-bit ids.
    XApic,
}

#[derive(Clone, Copy)]
enum Access {
    Msr,
    /// Address of the mapped register page.
    Page(usize),
}

static ACCESS: BootCell<Access> = BootCell::new("apic::local::ACCESS");

/// Picks the mode for all CPUs, makes the registers reachable and turns the executing CPU's local APIC on.
/// On the first CPU, once, after the clock.
///
/// QEMU ends the whole machine ("Bad icount read") when the timer is touched by MSR while it counts
/// instructions; there, xAPIC is picked although x2APIC is offered.
pub(crate) fn init(madt: &Madt) -> Mode {
    // SAFETY: every 64-bit CPU has this register; reading it has no effect.
    let base = unsafe { msr::read(Msr::APIC_BASE) };
    // There is no way back from x2APIC mode but a reset, so a loader's choice stands.
    if base & BASE_X2APIC != 0 || features().x2apic && !clock::counts_instructions() {
        ACCESS.set(Access::Msr);
        enable_this_cpu();
        return Mode::X2Apic;
    }
    let base = base & BASE_ADDRESS;
    let address = if base != 0 {
        base
    } else {
        madt.local_apic_address()
    };
    ACCESS.set(Access::Page(map_mmio(address, XAPIC_BYTES) as usize));
    enable_this_cpu();
    Mode::XApic
}

/// The mode that was picked.
///
/// # Panics
/// Before the platform is up (platform.rs).
pub fn mode() -> Mode {
    match ACCESS.get() {
        Access::Msr => Mode::X2Apic,
        Access::Page(_) => Mode::XApic,
    }
}

/// Turns the executing CPU's local APIC on, with every local source masked and nothing left in service.
/// `spurious_vector` should end in 0xf (older CPUs force it); its handler must not signal end of interrupt.
///
/// # Panics
/// Before the platform is up (platform.rs).
pub(super) fn init_this_cpu(spurious_vector: u8) {
    enable_this_cpu();
    write(Register::TASK_PRIORITY, 0);
    write(Register::SPURIOUS, SOFTWARE_ENABLED | u32::from(spurious_vector));
    let last_entry = (read(Register::VERSION) >> 16) & 0xff;
    for (entry, exists) in [
        (Register::LVT_TIMER, true),
        (Register::LVT_LINT0, true),
        (Register::LVT_LINT1, true),
        (Register::LVT_ERROR, last_entry >= 3),
        (Register::LVT_COUNTERS, last_entry >= 4),
        (Register::LVT_THERMAL, last_entry >= 5),
        (Register::LVT_CMCI, last_entry >= 6),
    ] {
        if exists {
            write(entry, MASKED);
        }
    }
    write(Register::ERROR_STATUS, 0);
    // What firmware left in service would block everything of lower priority for good.
    for word in 0..8 {
        for _ in 0..read(Register::IN_SERVICE.word_of(word * 32)).count_ones() {
            end_of_interrupt();
        }
    }
}

/// Turns the local APIC on, in the mode that was picked, and leaves everything else as it is.
fn enable_this_cpu() {
    // SAFETY: every 64-bit CPU has this register. The address bits are kept, so the APIC stays where it is
    // mapped; x2APIC mode is entered only when CPUID has it (`init`), from the enabled state as SDM volume 3,
    // 11.12.5 demands.
    unsafe {
        let base = msr::read(Msr::APIC_BASE);
        msr::write(Msr::APIC_BASE, base | BASE_ENABLED);
        if let Access::Msr = ACCESS.get() {
            msr::write(Msr::APIC_BASE, base | BASE_ENABLED | BASE_X2APIC);
        }
    }
}

/// The executing CPU's id.
pub fn id() -> ApicId {
    match ACCESS.get() {
        Access::Msr => ApicId(read(Register::ID)),
        Access::Page(_) => ApicId(read(Register::ID) >> 24),
    }
}

/// Whether an IPI can reach this id in the mode that was picked: xAPIC has 8-bit ids and keeps 255 for all.
pub fn can_reach(destination: ApicId) -> bool {
    match ACCESS.get() {
        Access::Msr => destination.0 != u32::MAX,
        Access::Page(_) => destination.0 < 0xff,
    }
}

/// Raises an interrupt on another CPU (or this one). What this CPU wrote before is visible there when the
/// interrupt arrives.
///
/// # Panics
/// When the id cannot be reached ([`can_reach`]), or the vector is below 16.
#[inline]
pub fn send_ipi(destination: ApicId, vector: u8) {
    assert!(vector >= 16, "vector {vector} is reserved for exceptions");
    command(destination, ASSERT | u32::from(vector));
}

/// Resets another CPU into the state in which it waits for [`send_startup`].
pub(crate) fn send_init(destination: ApicId) {
    command(destination, ASSERT | DELIVER_INIT);
}

/// Starts a CPU that waits after [`send_init`], in real mode at the 4 KiB page of this number.
pub(crate) fn send_startup(destination: ApicId, page: u8) {
    command(destination, ASSERT | DELIVER_STARTUP | u32::from(page));
}

/// Raises a non-maskable interrupt on every other CPU. For the report of a kernel bug: does nothing before
/// the platform is up.
pub fn send_nmi_to_others() {
    if ACCESS.try_get().is_some() {
        send(0, ALL_OTHERS | ASSERT | DELIVER_NMI);
    }
}

#[inline]
fn command(destination: ApicId, low: u32) {
    assert!(
        can_reach(destination),
        "{destination:?} cannot be reached in {:?} mode",
        mode()
    );
    send(destination.0, low);
}

#[inline]
fn send(destination: u32, low: u32) {
    match ACCESS.get() {
        Access::Msr => {
            // A write to an x2APIC register does not wait for earlier stores (SDM volume 3, 11.12.3).
            // SAFETY: the fences only order memory accesses. The command register exists in x2APIC mode
            // (`enable_this_cpu`), the low half is one of this module's commands with its reserved bits clear; what an
            // INIT or start-up does to the other CPU is smp.rs's affair.
            unsafe {
                asm!("mfence", "lfence", options(nostack, preserves_flags));
                msr::write(
                    Register::COMMAND_LOW.msr(),
                    (u64::from(destination) << 32) | u64::from(low),
                );
            }
        }
        Access::Page(_) => {
            // Two registers, and the write of the low one sends; the kernel's interrupts are off, so nothing
            // on this CPU comes in between.
            for _ in 0..DELIVERY_POLLS {
                if read(Register::COMMAND_LOW) & DELIVERY_PENDING == 0 {
                    break;
                }
                core::hint::spin_loop();
            }
            write(Register::COMMAND_HIGH, destination << 24);
            write(Register::COMMAND_LOW, low);
        }
    }
}

/// Tells the local APIC that the interrupt in service has been handled.
#[inline]
pub(super) fn end_of_interrupt() {
    write(Register::END_OF_INTERRUPT, 0);
}

/// Whether an interrupt of this vector waits to be taken by the executing CPU.
pub fn is_pending(vector: u8) -> bool {
    read(Register::REQUESTED.word_of(vector)) & (1 << (vector % 32)) != 0
}

#[inline]
pub(super) fn read(register: Register) -> u32 {
    match *ACCESS.get() {
        // SAFETY: `Access::Msr` is set only with x2APIC in CPUID, `enable_this_cpu` turned it on for this CPU before
        // any other access, and `Register`s are those both modes have. Reads have no side effect.
        Access::Msr => (unsafe { msr::read(register.msr()) }) as u32,
        // SAFETY: `init` mapped XAPIC_BYTES of registers at this address for good, and every `Register` is an
        // aligned offset below that.
        Access::Page(address) => unsafe { ((address + register.0) as *const u32).read_volatile() },
    }
}

#[inline]
pub(super) fn write(register: Register, value: u32) {
    match *ACCESS.get() {
        // SAFETY: as for `read`; the values that this folder writes have their reserved bits clear, and no
        // local APIC register reaches memory.
        Access::Msr => unsafe { msr::write(register.msr(), u64::from(value)) },
        // SAFETY: as for `read`.
        Access::Page(address) => unsafe { ((address + register.0) as *mut u32).write_volatile(value) },
    }
}
