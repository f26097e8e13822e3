//! One firmware table: its header, length and checksum (ACPI 5.2.6), and reading little-endian fields of it
//! without ever going past its end.

use super::{MAX_TABLE_BYTES, PhysicalMemory};

/// Bytes of the header that every table starts with.
pub(super) const HEADER_BYTES: usize = 36;

/// Bytes of a checked table, or a part of one. Reads past the end answer `None`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes(pub(super) &'static [u8]);

impl Bytes {
    fn array_at<const N: usize>(self, offset: usize) -> Option<[u8; N]> {
        self.0.get(offset..)?.first_chunk().copied()
    }

    pub(super) fn u8_at(self, offset: usize) -> Option<u8> {
        self.0.get(offset).copied()
    }

    pub(super) fn u16_at(self, offset: usize) -> Option<u16> {
        self.array_at(offset).map(u16::from_le_bytes)
    }

    pub(super) fn u32_at(self, offset: usize) -> Option<u32> {
        self.array_at(offset).map(u32::from_le_bytes)
    }

    pub(super) fn u64_at(self, offset: usize) -> Option<u64> {
        self.array_at(offset).map(u64::from_le_bytes)
    }

    /// What follows `offset`.
    pub(super) fn from(self, offset: usize) -> Option<Bytes> {
        self.0.get(offset..).map(Bytes)
    }
}

/// The table at an address, if it has this signature, an honest length and a right checksum.
pub(super) fn load(memory: impl PhysicalMemory, address: u64, signature: &[u8; 4]) -> Option<Bytes> {
    let header = memory.bytes(address, HEADER_BYTES)?;
    if &header[..4] != signature {
        return None;
    }
    let length = Bytes(header).u32_at(4)? as usize;
    if !(HEADER_BYTES..=MAX_TABLE_BYTES).contains(&length) {
        return None;
    }
    let whole = memory.bytes(address, length)?;
    if checksum_is_zero(whole) {
        Some(Bytes(whole))
    } else {
        None
    }
}

/// Whether the bytes add up to zero, as those of every intact table do.
pub(super) fn checksum_is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte)) == 0
}
