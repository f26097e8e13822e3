//! Capability ids: the 32-bit numbers by which a program names what it holds.
//!
//! Low 8 bits: the slot. High 24 bits: the generation of that slot, counted up each time it is emptied, so
//! that a number which outlived its capability names nothing, not the next tenant. Generations start at 1,
//! which makes 0 an id that is never valid. Rule P6 (docs/rules/capabilities.md).

use core::fmt;

/// Bits of a [`CapId`] that name the slot.
const SLOT_BITS: u32 = 8;

/// The name of one capability in one table. Any `u32` may arrive from user space; only the table knows
/// which are live.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CapId(u32);

impl CapId {
    /// The id that never names anything.
    pub const NONE: CapId = CapId(0);

    /// Takes a number as user space sent it; every value is accepted here and judged by the table.
    pub const fn from_raw(raw: u32) -> CapId {
        CapId(raw)
    }

    /// The number as it goes over the wire.
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// The slot this id points at, 0..=255.
    pub const fn slot(self) -> u8 {
        (self.0 & 0xff) as u8
    }

    /// Which tenant of the slot is meant, 0..2^24; 0 is never live.
    pub const fn generation(self) -> u32 {
        self.0 >> SLOT_BITS
    }

    /// Puts an id together; `generation` is below 2^24 because the table retires slots before that.
    pub(crate) const fn new(slot: u8, generation: u32) -> CapId {
        CapId((generation << SLOT_BITS) | slot as u32)
    }
}

impl fmt::Debug for CapId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cap {}.{}", self.slot(), self.generation())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::CapId;

    #[test]
    fn p6_an_id_is_shown_as_slot_and_generation() {
        assert_eq!(std::format!("{:?}", CapId::new(5, 3)), "cap 5.3");
    }
}
