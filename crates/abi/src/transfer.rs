//! Capabilities that travel with a message: descriptors on the way out, result records on the way in.
//!
//! A CALL or RETURN with `xfer_cap_count` of n carries n descriptors of 8 bytes right after its payload. The
//! receiver finds n records of 16 bytes right after the payload it got, record i for descriptor i.

use crate::limits::TRANSFERS;
use crate::result::Failure;

/// Bytes of a descriptor.
pub const DESCRIPTOR_BYTES: usize = 8;
/// Bytes of a result record.
pub const RECORD_BYTES: usize = 16;
/// Alignment of the descriptor array: that of its widest field, not of the whole descriptor.
pub const DESCRIPTOR_ALIGNMENT: u64 = 4;

/// What becomes of the sender's capability.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum Mode {
    /// The sender keeps it.
    Copy = 1,
    /// The sender loses it when the receiver gets it.
    Move = 2,
}

/// One capability to hand over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// Capability in the sender's table.
    pub cap_id: u32,
    /// Copy or move.
    pub mode: Mode,
}

impl Descriptor {
    /// Reads a descriptor. A mode other than copy or move and a non-zero reserved field are
    /// [`Failure::InvalidTransfer`].
    pub const fn decode(bytes: [u8; DESCRIPTOR_BYTES]) -> Result<Self, Failure> {
        let word = u64::from_le_bytes(bytes);
        let mode = match (word >> 32) as u32 {
            1 => Mode::Copy,
            2 => Mode::Move,
            _ => return Err(Failure::InvalidTransfer),
        };
        Ok(Self {
            cap_id: word as u32,
            mode,
        })
    }

    /// The bytes of this descriptor.
    #[must_use]
    pub const fn encode(&self) -> [u8; DESCRIPTOR_BYTES] {
        (self.cap_id as u64 | (self.mode as u64) << 32).to_le_bytes()
    }
}

/// Checks where `count` descriptors behind a payload of `len` bytes at `addr` lie, and returns the address of
/// the first. More than [`TRANSFERS`], a misaligned array and one that wraps are
/// [`Failure::InvalidTransfer`]. Whether the array can be read is the caller's to find out.
pub const fn descriptor_region(addr: u64, len: u32, count: u16) -> Result<u64, Failure> {
    if count > TRANSFERS {
        return Err(Failure::InvalidTransfer);
    }
    let Some(start) = addr.checked_add(len as u64) else {
        return Err(Failure::InvalidTransfer);
    };
    if !start.is_multiple_of(DESCRIPTOR_ALIGNMENT) {
        return Err(Failure::InvalidTransfer);
    }
    match start.checked_add(count as u64 * DESCRIPTOR_BYTES as u64) {
        Some(_) => Ok(start),
        None => Err(Failure::InvalidTransfer),
    }
}

/// One capability that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// Capability in the receiver's table.
    pub cap_id: u32,
    /// Interface it answers.
    pub interface_id: u64,
}

impl Record {
    /// The bytes of this record.
    #[must_use]
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..4].copy_from_slice(&self.cap_id.to_le_bytes());
        bytes[8..].copy_from_slice(&self.interface_id.to_le_bytes());
        bytes
    }

    /// Reads a record.
    #[must_use]
    pub const fn decode(bytes: [u8; RECORD_BYTES]) -> Self {
        let word = u128::from_le_bytes(bytes);
        Self {
            cap_id: word as u32,
            interface_id: (word >> 64) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_descriptors_round_trip_and_strange_ones_are_refused() {
        let descriptor = Descriptor {
            cap_id: 0x0102_0304,
            mode: Mode::Move,
        };
        assert_eq!(Descriptor::decode(descriptor.encode()), Ok(descriptor));
        let copy = Descriptor {
            mode: Mode::Copy,
            ..descriptor
        };
        assert_eq!(Descriptor::decode(copy.encode()), Ok(copy));
        for (mode, reserved) in [(0, 0), (3, 0), (1, 1), (2, 0x8000)] {
            let bytes = [1, 0, 0, 0, mode, 0, reserved as u8, (reserved >> 8) as u8];
            assert_eq!(
                Descriptor::decode(bytes),
                Err(Failure::InvalidTransfer),
                "mode {mode}, reserved {reserved}"
            );
        }
    }

    #[test]
    fn p6_the_descriptor_array_is_aligned_to_four_short_and_does_not_wrap() {
        assert_eq!(descriptor_region(0x1000, 4, 16), Ok(0x1004));
        assert_eq!(descriptor_region(0x1000, 2, 1), Err(Failure::InvalidTransfer));
        assert_eq!(descriptor_region(0x1000, 4, 17), Err(Failure::InvalidTransfer));
        assert_eq!(
            descriptor_region(u64::MAX - 7, 8, 1),
            Err(Failure::InvalidTransfer)
        );
        assert_eq!(
            descriptor_region(u64::MAX - 11, 4, 2),
            Err(Failure::InvalidTransfer)
        );
        // Twelve fit before the end of the address space, and sixteen do not.
        let near_the_end = u64::MAX - 99;
        assert_eq!(descriptor_region(near_the_end, 0, 12), Ok(near_the_end));
        assert_eq!(
            descriptor_region(near_the_end, 0, 16),
            Err(Failure::InvalidTransfer)
        );
    }

    #[test]
    fn p6_records_keep_their_zero_padding() {
        let record = Record {
            cap_id: 7,
            interface_id: 0x913a_e022_0246_3262,
        };
        assert_eq!(Record::decode(record.encode()), record);
        assert_eq!(record.encode()[4..8], [0; 4]);
    }
}
