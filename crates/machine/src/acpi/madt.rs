//! The MADT: which processors there are, under which APIC ids, and how interrupt lines reach them.
//! ACPI 6.5, section 5.2.12; the entry types read here are 0 (local APIC), 1 (I/O APIC), 2 (interrupt source
//! override), 5 (local APIC address) and 9 (local x2APIC). Unknown entries are skipped by their length.

use super::table::Bytes;

/// Bytes before the first entry.
const FIXED_BYTES: usize = 44;
/// Room for thousands of processors, and a bound on the quadratic search for repeated ids.
const MAX_BYTES: usize = 64 << 10;
const ENABLED: u32 = 1 << 0;
const ONLINE_CAPABLE: u32 = 1 << 1;

/// A processor that may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processor {
    /// Its local APIC's id.
    pub apic_id: u32,
    /// The firmware's number for it.
    pub uid: u32,
    /// It is there now; otherwise it could be plugged in later and must not be started.
    pub enabled: bool,
}

/// One I/O APIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoApicEntry {
    /// Its APIC id, as the firmware numbers it.
    pub id: u8,
    /// Physical address of its registers.
    pub address: u32,
    /// The first global interrupt that comes in at it.
    pub first_interrupt: u32,
}

/// When an interrupt line is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarity {
    /// Active at high voltage: the ISA bus.
    High,
    /// Active at low voltage: PCI.
    Low,
}

/// How an interrupt line signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// By a change: the ISA bus.
    Edge,
    /// By a state that lasts until the device is served: PCI.
    Level,
}

/// Where an ISA interrupt line really ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterruptOverride {
    /// The ISA line, 0 to 15.
    pub irq: u8,
    /// The global interrupt it is wired to.
    pub global_interrupt: u32,
    /// Its polarity.
    pub polarity: Polarity,
    /// Its trigger mode.
    pub trigger: Trigger,
}

/// The multiple APIC description table.
#[derive(Debug, Clone, Copy)]
pub struct Madt {
    bytes: Bytes,
}

impl Madt {
    pub(super) fn new(bytes: Bytes) -> Option<Self> {
        if (FIXED_BYTES..=MAX_BYTES).contains(&bytes.0.len()) {
            Some(Self { bytes })
        } else {
            None
        }
    }

    /// Physical address of every CPU's local APIC in xAPIC mode.
    pub fn local_apic_address(&self) -> u64 {
        let overridden = self
            .entries()
            .find_map(|(kind, entry)| if kind == 5 { entry.u64_at(4) } else { None });
        overridden
            .or(self.bytes.u32_at(36).map(u64::from))
            .unwrap_or(0xfee0_0000)
    }

    /// The processors, in the firmware's order, each APIC id once and only those that are or may become
    /// enabled.
    pub fn processors(&self) -> impl Iterator<Item = Processor> + use<> {
        let all = *self;
        all.raw_processors()
            .enumerate()
            .filter_map(move |(place, processor)| {
                let repeated = all
                    .raw_processors()
                    .take(place)
                    .any(|earlier| earlier.apic_id == processor.apic_id);
                if repeated { None } else { Some(processor) }
            })
    }

    fn raw_processors(&self) -> impl Iterator<Item = Processor> + use<> {
        self.entries().filter_map(|(kind, entry)| {
            let (apic_id, uid, flags) = match kind {
                0 => (
                    u32::from(entry.u8_at(3)?),
                    u32::from(entry.u8_at(2)?),
                    entry.u32_at(4)?,
                ),
                9 => (entry.u32_at(4)?, entry.u32_at(12)?, entry.u32_at(8)?),
                _ => return None,
            };
            // 0xff and 0xffff_ffff are the broadcast ids, never a processor's.
            let broadcast = if kind == 0 { 0xff } else { u32::MAX };
            if apic_id == broadcast || flags & (ENABLED | ONLINE_CAPABLE) == 0 {
                return None;
            }
            Some(Processor {
                apic_id,
                uid,
                enabled: flags & ENABLED != 0,
            })
        })
    }

    /// The I/O APICs.
    pub fn io_apics(&self) -> impl Iterator<Item = IoApicEntry> + use<> {
        self.entries().filter_map(|(kind, entry)| match kind {
            1 => Some(IoApicEntry {
                id: entry.u8_at(2)?,
                address: entry.u32_at(4)?,
                first_interrupt: entry.u32_at(8)?,
            }),
            _ => None,
        })
    }

    /// Where an ISA line ends: as the firmware overrides it, else at the global interrupt of the same
    /// number, active high and edge-triggered.
    pub fn isa_line(&self, irq: u8) -> InterruptOverride {
        let overridden = self.entries().find_map(|(kind, entry)| {
            if kind != 2 || entry.u8_at(2)? != 0 || entry.u8_at(3)? != irq {
                return None;
            }
            let flags = entry.u16_at(8)?;
            let polarity = if flags & 0b11 == 0b11 {
                Polarity::Low
            } else {
                Polarity::High
            };
            let trigger = if flags & 0b1100 == 0b1100 {
                Trigger::Level
            } else {
                Trigger::Edge
            };
            Some(InterruptOverride {
                irq,
                global_interrupt: entry.u32_at(4)?,
                polarity,
                trigger,
            })
        });
        overridden.unwrap_or(InterruptOverride {
            irq,
            global_interrupt: u32::from(irq),
            polarity: Polarity::High,
            trigger: Trigger::Edge,
        })
    }

    /// Every entry with its type. Ends at the first one whose length is impossible.
    fn entries(&self) -> impl Iterator<Item = (u8, Bytes)> + use<> {
        let mut rest = self.bytes.from(FIXED_BYTES).unwrap_or(Bytes(&[]));
        core::iter::from_fn(move || {
            let length = usize::from(rest.u8_at(1)?);
            if length < 2 {
                return None;
            }
            let (entry, after) = rest.0.split_at_checked(length)?;
            rest = Bytes(after);
            Some((entry[0], Bytes(entry)))
        })
    }
}
