//! The FADT: the power management timer, the reset register, and the registers that switch the machine off.
//! ACPI 6.5, section 5.2.9. The sleep type to write for "off" is in the DSDT's byte code (the object `_S5_`,
//! 7.4.2); instead of an interpreter, this file looks for that one package, whose shape is fixed.

use super::table::Bytes;

const FLAG_TIMER_32_BITS: u32 = 1 << 8;
const FLAG_RESET_REGISTER: u32 = 1 << 10;
/// Bytes of the legacy fields, which every revision has.
const MIN_BYTES: usize = 116;

/// An address space that registers live in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Memory-mapped.
    Memory,
    /// An I/O port.
    Port,
}

/// Where a register is (the generic address structure, 5.2.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterAddress {
    /// Its address space.
    pub space: Space,
    /// Its address in there.
    pub address: u64,
}

/// How to reset the machine: write `value` as a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    /// The register.
    pub register: RegisterAddress,
    /// What to write.
    pub value: u8,
}

/// How to switch the machine off: write the sleep type and the enable bit into the control registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerOff {
    /// Port of the first control register (PM1a_CNT).
    pub control_a: u16,
    /// Port of the second one, if there is one (PM1b_CNT).
    pub control_b: Option<u16>,
    /// Sleep type for the first register.
    pub sleep_type_a: u8,
    /// Sleep type for the second.
    pub sleep_type_b: u8,
}

/// The fixed hardware of this machine, as far as it is used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fadt {
    /// Port of the power management timer (3.579545 MHz).
    pub timer_port: Option<u16>,
    /// The timer counts in 32 bits instead of 24.
    pub timer_32_bits: bool,
    /// How to reset.
    pub reset: Option<Reset>,
    /// How to switch off.
    pub power_off: Option<PowerOff>,
    /// Index of the century in the real-time clock's memory, if it is kept there.
    pub century_register: Option<u8>,
}

impl Fadt {
    /// Decodes the table; `load_dsdt` fetches the DSDT at a physical address. Fields that the table is too
    /// short for are absent.
    pub(super) fn new(fadt: Bytes, load_dsdt: impl Fn(u64) -> Option<Bytes>) -> Self {
        let flags = fadt.u32_at(112).unwrap_or(0);
        let dsdt_address = fadt
            .u64_at(140)
            .filter(|&address| address != 0)
            .or_else(|| fadt.u32_at(40).map(u64::from));
        Self {
            timer_port: port(fadt.u32_at(76))
                .filter(|_| fadt.0.len() >= MIN_BYTES && fadt.u8_at(91) == Some(4)),
            timer_32_bits: flags & FLAG_TIMER_32_BITS != 0,
            reset: if flags & FLAG_RESET_REGISTER != 0 {
                reset(fadt)
            } else {
                None
            },
            power_off: dsdt_address
                .and_then(load_dsdt)
                .and_then(|dsdt| power_off(fadt, dsdt)),
            century_register: fadt.u8_at(108).filter(|index| (1..128).contains(index)),
        }
    }
}

fn port(address: Option<u32>) -> Option<u16> {
    address
        .and_then(|address| u16::try_from(address).ok())
        .filter(|&port| port != 0)
}

fn reset(fadt: Bytes) -> Option<Reset> {
    let space = match fadt.u8_at(116)? {
        0 => Space::Memory,
        1 => Space::Port,
        _ => return None,
    };
    let address = fadt.u64_at(120)?;
    let reachable = match space {
        Space::Memory => address != 0 && address < 1 << 32,
        Space::Port => u16::try_from(address).is_ok_and(|port| port != 0),
    };
    let register = RegisterAddress { space, address };
    if reachable {
        Some(Reset {
            register,
            value: fadt.u8_at(128)?,
        })
    } else {
        None
    }
}

fn power_off(fadt: Bytes, dsdt: Bytes) -> Option<PowerOff> {
    let (sleep_type_a, sleep_type_b) = sleep_types(dsdt.0)?;
    Some(PowerOff {
        control_a: port(fadt.u32_at(64))?,
        control_b: port(fadt.u32_at(68)),
        sleep_type_a,
        sleep_type_b,
    })
}

/// The first two elements of `Name (_S5_, Package () { a, b, … })` in AML (20.2): NameOp, an optional root
/// prefix, the name, PackageOp, a package length of 1 to 4 bytes, the element count, the elements.
fn sleep_types(aml: &[u8]) -> Option<(u8, u8)> {
    const NAME_OP: u8 = 0x08;
    const ROOT_PREFIX: u8 = b'\\';
    const PACKAGE_OP: u8 = 0x12;
    let named = |at: usize| {
        let before = aml.get(..at)?;
        let is_name = before.ends_with(&[NAME_OP]) || before.ends_with(&[NAME_OP, ROOT_PREFIX]);
        let rest = aml.get(at + 4..)?;
        if !is_name || rest.first() != Some(&PACKAGE_OP) {
            return None;
        }
        let length_bytes = 1 + usize::from(rest.get(1)? >> 6);
        let count = *rest.get(1 + length_bytes)?;
        let (first, after) = small_integer(rest.get(2 + length_bytes..)?)?;
        if count < 2 {
            return Some((first, first));
        }
        Some((first, small_integer(after)?.0))
    };
    aml.windows(4)
        .enumerate()
        .filter(|(_, name)| *name == b"_S5_")
        .find_map(|(at, _)| named(at))
}

/// A constant of at most eight bits that a sleep type can be: ZeroOp, OneOp or BytePrefix.
fn small_integer(aml: &[u8]) -> Option<(u8, &[u8])> {
    match aml {
        [value @ (0 | 1), rest @ ..] | [0x0a, value @ 0..=7, rest @ ..] => Some((*value, rest)),
        _ => None,
    }
}
