//! Bringing up what every CPU shares, in the order that the parts need: firmware tables, clock,
//! interrupt controllers, timer. Called once by the boot CPU; the others follow through smp.rs.

use alloc::vec::Vec;
use core::fmt;

use crate::acpi::{Firmware, Tables};
use crate::apic::{self, ApicId, local, timer};
use crate::boot::Handover;
use crate::clock::{self, ClockError, ClockInfo};
use crate::{cpu, power};

/// What was found, for status output and for starting the other CPUs.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Every CPU that can be started, by APIC id; the boot CPU is the first.
    pub cpus: Vec<ApicId>,
    /// CPUs that the firmware lists as enabled but that the APIC mode cannot address.
    pub unreachable_cpus: usize,
    /// How the local APICs are driven.
    pub apic_mode: local::Mode,
    /// How shots of the timer are timed.
    pub timer: timer::Kind,
    /// How the time is told.
    pub clock: ClockInfo,
    /// Where the real-time clock keeps the century, for `rtc::unix_seconds`.
    pub century_register: Option<u8>,
}

/// Why this machine cannot run the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlatformError {
    /// The firmware has no intact ACPI tables, or none that lists interrupt controllers (MADT).
    NoInterruptControllers,
    /// No way to measure the time-stamp counter works.
    NoClock,
    /// The local APIC's timer does not count.
    NoTimer,
}

impl fmt::Display for PlatformError {
    /// What is missing, and what to do about it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            PlatformError::NoInterruptControllers => {
                "no intact ACPI table lists its processors and interrupt controllers (MADT): on QEMU leave ACPI on"
            }
            PlatformError::NoClock => {
                "it has no timer that the processor's clock could be measured against (HPET, ACPI timer or 8254): \
                 on QEMU's microvm switch pit=on"
            }
            PlatformError::NoTimer => "the timers of its local APICs do not count",
        })
    }
}

/// Brings the platform up, on the boot CPU with interrupts off. `start_ticks` is `clock::ticks()` at the
/// kernel's first line and becomes time zero. Takes up to 3 ms, nearly all of it measuring the clocks.
///
/// # Errors
/// See [`PlatformError`].
///
/// # Panics
/// When called twice.
pub fn init(handover: &Handover, start_ticks: u64) -> Result<Platform, PlatformError> {
    // SAFETY: tables lie outside of what the loader's memory map calls RAM, or in the first MiB; the frame
    // allocator owns only RAM beyond it (boot/mod.rs), so nobody writes to them.
    let firmware = unsafe { Firmware::new() };
    let tables = Tables::find(firmware, Some(handover.rsdp)).ok_or(PlatformError::NoInterruptControllers)?;
    let madt = tables.madt().ok_or(PlatformError::NoInterruptControllers)?;
    let fadt = tables.fadt();
    if let Some(fadt) = &fadt {
        power::init(fadt);
    }
    let clock = clock::init(start_ticks, tables.hpet(), fadt.as_ref()).map_err(|error| match error {
        ClockError::NoReference => PlatformError::NoClock,
    })?;
    apic::pic::mask_all();
    let apic_mode = local::init(&madt);
    apic::io::init(&madt);
    let timer = timer::init().map_err(|timer::TimerError::Dead| PlatformError::NoTimer)?;
    apic::init_this_cpu();
    let boot_cpu = apic::id();
    let enabled = || {
        madt.processors()
            .filter(|cpu| cpu.enabled)
            .map(|cpu| ApicId(cpu.apic_id))
    };
    let mut cpus = Vec::from([boot_cpu]);
    cpus.extend(enabled().filter(|&id| id != boot_cpu && apic::can_reach(id)));
    cpu::set_count(cpus.len());
    cpu::this().apic_id.set(boot_cpu.0);
    Ok(Platform {
        unreachable_cpus: enabled().filter(|&id| !apic::can_reach(id)).count(),
        cpus,
        apic_mode,
        timer,
        clock,
        century_register: fadt.and_then(|fadt| fadt.century_register),
    })
}
