//! What a program may do with a page: read, write, execute, and never the last two at once.

use super::refusal::Refusal;

/// A set of rights, as the wire encodes it: 1 read, 2 write, 4 execute. Never write together with execute
/// (P4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection(u8);

impl Protection {
    /// Nothing: every access faults.
    pub const NONE: Protection = Protection(0);
    /// Read only.
    pub const READ: Protection = Protection(1);
    /// Read and write.
    pub const READ_WRITE: Protection = Protection(1 | 2);
    /// Read and execute.
    pub const READ_EXECUTE: Protection = Protection(1 | 4);

    /// Takes the bits of a request.
    ///
    /// # Errors
    /// [`Refusal::Protection`] for unknown bits, and for write together with execute.
    pub fn from_bits(bits: u32) -> Result<Protection, Refusal> {
        match bits {
            0..=5 => Ok(Protection(bits as u8)),
            _ => Err(Refusal::Protection),
        }
    }

    /// Whether any access is allowed. A page that may only be written or executed can be read as well,
    /// because the machine knows no such page.
    pub fn allows_access(self) -> bool {
        self.0 != 0
    }

    /// Whether writing is allowed.
    pub fn allows_write(self) -> bool {
        self.0 & 2 != 0
    }

    /// Whether executing is allowed.
    pub fn allows_execute(self) -> bool {
        self.0 & 4 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_write_and_execute_never_go_together() {
        for bits in 0..=255 {
            let Ok(protection) = Protection::from_bits(bits) else {
                assert!(bits > 7 || bits & 6 == 6, "{bits} was refused");
                continue;
            };
            assert!(
                bits <= 7 && !(protection.allows_write() && protection.allows_execute()),
                "{bits}"
            );
        }
        assert_eq!(Protection::from_bits(u32::MAX), Err(Refusal::Protection));
        assert_eq!(Protection::from_bits(3), Ok(Protection::READ_WRITE));
    }
}
