//! The firmware's tables, as far as this kernel needs them: processors and interrupt controllers (MADT),
//! timers (HPET, FADT), and how to switch off (FADT, DSDT). This file finds tables; `table` checks one;
//! `madt`, `fadt` and `hpet` each decode one kind.
//!
//! Tables are input, not truth: lengths, checksums and offsets are checked before use, loops are bounded,
//! and a bad table is the same as a missing one. Structures: ACPI specification 6.5, chapter 5.2.

mod fadt;
mod hpet;
mod madt;
mod table;

pub use fadt::{Fadt, PowerOff, RegisterAddress, Reset, Space};
pub use hpet::HpetTable;
pub use madt::{InterruptOverride, IoApicEntry, Madt, Polarity, Processor, Trigger};

use table::{Bytes, checksum_is_zero};

/// Only tables below this physical address are looked at: that part is always in the direct map.
const REACHABLE_BYTES: u64 = 1 << 32;
/// Where a BIOS puts the root pointer (5.2.5.1), on a 16-byte boundary.
const BIOS_AREA: core::ops::Range<u64> = 0xe_0000..0x10_0000;
/// More tables than any machine has; the bound for hostile root tables.
const MAX_TABLES: usize = 256;
/// A DSDT of a large server is a few hundred KiB; nothing honest is larger than this.
const MAX_TABLE_BYTES: usize = 16 << 20;

/// Physical memory that tables are read from. The kernel's is [`Firmware`]; tests bring their own.
pub trait PhysicalMemory: Copy {
    /// The bytes at a physical address, or `None` where they cannot be read.
    fn bytes(&self, address: u64, length: usize) -> Option<&'static [u8]>;
}

/// The machine's own memory, through the direct map.
#[derive(Debug, Clone, Copy)]
pub struct Firmware(());

impl Firmware {
    /// The machine's memory below 4 GiB.
    ///
    /// # Safety
    /// Until the last use of anything that [`Tables`] hands out, nobody may write to the memory that holds
    /// firmware tables: the frame allocator must not own it (the boot memory map says that it is not RAM).
    pub unsafe fn new() -> Self {
        Self(())
    }
}

impl PhysicalMemory for Firmware {
    fn bytes(&self, address: u64, length: usize) -> Option<&'static [u8]> {
        let end = address.checked_add(u64::try_from(length).ok()?)?;
        if address == 0 || end > REACHABLE_BYTES || length > MAX_TABLE_BYTES {
            return None;
        }
        // SAFETY: the first 4 GiB are mapped readable for good at `direct_map` (memory/), the range ends
        // within them (checked above), any bytes are a valid `[u8]`, and `Firmware::new`'s caller promised
        // that nobody writes to them.
        Some(unsafe { core::slice::from_raw_parts(crate::memory::direct_map(address), length) })
    }
}

/// The tables that a valid root pointer leads to.
#[derive(Debug, Clone, Copy)]
pub struct Tables<M> {
    memory: M,
    root: Bytes,
    /// Bytes of one entry of the root table: 8 in an XSDT, 4 in an RSDT.
    entry_bytes: usize,
}

impl<M: PhysicalMemory> Tables<M> {
    /// Finds the tables, by the root pointer's physical address if the boot loader gave one, else by
    /// searching where a BIOS puts it. `None` when there is no intact root.
    pub fn find(memory: M, root_pointer: Option<u64>) -> Option<Self> {
        root_pointer
            .filter(|&address| address != 0)
            .and_then(|address| Self::from_root_pointer(memory, address))
            .or_else(|| {
                BIOS_AREA
                    .step_by(16)
                    .find_map(|address| Self::from_root_pointer(memory, address))
            })
    }

    fn from_root_pointer(memory: M, address: u64) -> Option<Self> {
        let first = memory.bytes(address, 20)?;
        if &first[..8] != b"RSD PTR " || !checksum_is_zero(first) {
            return None;
        }
        let revision = first[15];
        if revision >= 2
            && let Some(root) = Self::extended_root(memory, address)
        {
            return Some(Self {
                memory,
                root,
                entry_bytes: 8,
            });
        }
        let root_address = u64::from(Bytes(first).u32_at(16)?);
        Some(Self {
            memory,
            root: table::load(memory, root_address, b"RSDT")?,
            entry_bytes: 4,
        })
    }

    fn extended_root(memory: M, address: u64) -> Option<Bytes> {
        let whole = memory.bytes(address, 36)?;
        if !checksum_is_zero(whole) {
            return None;
        }
        table::load(memory, Bytes(whole).u64_at(24)?, b"XSDT")
    }

    /// The processors and interrupt controllers.
    pub fn madt(&self) -> Option<Madt> {
        self.table(b"APIC").and_then(Madt::new)
    }

    /// The high-precision event timer.
    pub fn hpet(&self) -> Option<HpetTable> {
        self.table(b"HPET").and_then(HpetTable::new)
    }

    /// The fixed hardware: power management timer, reset and power-off.
    pub fn fadt(&self) -> Option<Fadt> {
        let fadt = self.table(b"FACP")?;
        Some(Fadt::new(fadt, |address| {
            table::load(self.memory, address, b"DSDT")
        }))
    }

    fn table(&self, signature: &[u8; 4]) -> Option<Bytes> {
        let entries = self.root.from(table::HEADER_BYTES)?;
        entries
            .0
            .chunks_exact(self.entry_bytes)
            .take(MAX_TABLES)
            .find_map(|entry| {
                let mut address = [0; 8];
                address[..self.entry_bytes].copy_from_slice(entry);
                table::load(self.memory, u64::from_le_bytes(address), signature)
            })
    }
}

#[cfg(test)]
mod tests;
