//! Machine checks: the processor tells that hardware is broken (memory, caches, buses), in banks of registers and by an exception. Each
//! CPU turns all its banks on; the exception ends the machine with what the banks say (traps/report.rs), because nobody
//! knows what else is wrong by then. Intel SDM volume 3, chapter 16.

use core::fmt::{self, Write};

use crate::cpuid::features;
use crate::msr::{self, Msr};

/// The banks that have their registers side by side.
const MOST_BANKS: u32 = 32;
const CONTROL_EXISTS: u64 = 1 << 8;
const STATUS_VALID: u64 = 1 << 63;
const ADDRESS_VALID: u64 = 1 << 58;
const MORE_VALID: u64 = 1 << 59;

/// A bank's register: 0 control, 1 status, 2 address, 3 more.
fn register(bank: u32, which: u32) -> Msr {
    Msr(Msr::MACHINE_CHECK_BANKS.0 + 4 * bank + which)
}

fn capabilities() -> u64 {
    // SAFETY: callers have looked that CPUID lists machine checks; reading has no effect.
    unsafe { msr::read(Msr::MACHINE_CHECK_CAPABILITIES) }
}

fn banks() -> u32 {
    (capabilities() as u32 & 0xff).min(MOST_BANKS)
}

/// Turns all errors of the executing CPU's banks on. What firmware left in them was before our time and is cleared.
pub(crate) fn enable() {
    if !features().machine_check {
        return;
    }
    // SAFETY: CPUID lists machine checks, and with them these registers, as many as capabilities say; they choose what is
    // reported. The first bank of old processors is the firmware's (SDM volume 3, 16.3.2.1).
    unsafe {
        if capabilities() & CONTROL_EXISTS != 0 {
            msr::write(Msr::MACHINE_CHECK_CONTROL, u64::MAX);
        }
        for bank in 0..banks() {
            if bank > 0 || !features().first_bank_is_firmwares {
                msr::write(register(bank, 0), u64::MAX);
            }
            msr::write(register(bank, 1), 0);
        }
    }
}

/// Writes what the executing CPU's banks say.
///
/// # Errors
/// Those of `out`.
pub(crate) fn describe(out: &mut impl Write) -> fmt::Result {
    if !features().machine_check {
        return writeln!(out, "this processor keeps no record of hardware errors");
    }
    // SAFETY: as in `enable`; reading has no effect.
    let status = unsafe { msr::read(Msr::MACHINE_CHECK_STATUS) };
    writeln!(out, "machine check status {status:#x}")?;
    for bank in 0..banks() {
        // SAFETY: as above.
        let status = unsafe { msr::read(register(bank, 1)) };
        if status & STATUS_VALID == 0 {
            continue;
        }
        write!(out, "bank {bank}: status {status:#018x}")?;
        for (valid, which, name) in [(ADDRESS_VALID, 2, "address"), (MORE_VALID, 3, "more")] {
            if status & valid != 0 {
                // SAFETY: as above; the register exists where the status says that it is valid.
                write!(out, " {name} {:#x}", unsafe { msr::read(register(bank, which)) })?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}
