//! The HPET table: where the high-precision event timer's registers are.
//! Intel IA-PC HPET specification 1.0a, section 3.2.4.

use super::table::Bytes;

/// Where chipsets put it: above the BIOS, below 4 GiB.
const REACHABLE: core::ops::Range<u64> = 0x10_0000..0xffff_f000;

/// Where a high-precision event timer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HpetTable {
    /// Physical address of its registers.
    pub address: u64,
}

impl HpetTable {
    pub(super) fn new(bytes: Bytes) -> Option<Self> {
        let memory_space = bytes.u8_at(40)? == 0;
        let address = bytes.u64_at(44)?;
        if memory_space && address.is_multiple_of(8) && REACHABLE.contains(&address) {
            Some(Self { address })
        } else {
            None
        }
    }
}
