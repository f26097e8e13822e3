//! What RECV puts before the parameters: which method of which interface was called, and by whose session.

/// Bytes of the header.
pub const HEADER_BYTES: usize = 56;

/// Session fields that a caller may disclose, and bits of `disclosed_fields`.
pub mod disclosure {
    /// Kind of the principal.
    pub const PRINCIPAL_KIND: u8 = 1 << 0;
    /// Strength of the authentication.
    pub const AUTH_STRENGTH: u8 = 1 << 1;
    /// Class of the profile.
    pub const PROFILE_CLASS: u8 = 1 << 2;
    /// All of them.
    pub const ALL: u8 = PRINCIPAL_KIND | AUTH_STRENGTH | PROFILE_CLASS;
}

/// The caller's session as the server may see it. All zero means none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CallerSession {
    /// Opaque reference, low half; present only when both halves are non-zero.
    pub scoped_ref: u64,
    /// Opaque reference, high half.
    pub scoped_ref_hi: u64,
    /// Epoch of the session.
    pub epoch: u64,
    /// Bit 0 live, bit 1 stale.
    pub flags: u32,
    /// Which of the three fields below are filled.
    pub disclosed_fields: u32,
    /// 0 none, else `PrincipalKind` + 1.
    pub principal_kind: u16,
    /// 0 none, 1 password, 2 public key.
    pub auth_strength: u16,
    /// 0 none, 1 anonymous, 2 guest, 3 operator, 4 system, 0xffff other.
    pub profile_class: u16,
}

/// The header of a received call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// Interface id that the caller's facet carries.
    pub interface_id: u64,
    /// Method ordinal.
    pub method_id: u16,
    /// Bytes of parameters after the header.
    pub params_len: u32,
    /// Who calls.
    pub session: CallerSession,
}

impl Header {
    /// The bytes of this header.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let s = &self.session;
        let words = [
            self.interface_id,
            u64::from(self.method_id) | u64::from(self.params_len) << 32,
            s.scoped_ref,
            s.scoped_ref_hi,
            s.epoch,
            u64::from(s.flags) | u64::from(s.disclosed_fields) << 32,
            u64::from(s.principal_kind) | u64::from(s.auth_strength) << 16 | u64::from(s.profile_class) << 32,
        ];
        let mut bytes = [0; HEADER_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Reads a header. Reserved bytes are ignored.
    #[must_use]
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Self {
        let word = |i: usize| u64::from_le_bytes(core::array::from_fn(|byte| bytes[8 * i + byte]));
        Self {
            interface_id: word(0),
            method_id: word(1) as u16,
            params_len: (word(1) >> 32) as u32,
            session: CallerSession {
                scoped_ref: word(2),
                scoped_ref_hi: word(3),
                epoch: word(4),
                flags: word(5) as u32,
                disclosed_fields: (word(5) >> 32) as u32,
                principal_kind: word(6) as u16,
                auth_strength: (word(6) >> 16) as u16,
                profile_class: (word(6) >> 32) as u16,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p8_the_header_has_its_published_offsets() {
        let header = Header {
            interface_id: 0x0102_0304_0506_0708,
            method_id: 0x1112,
            params_len: 0x2122_2324,
            session: CallerSession {
                scoped_ref: 1,
                scoped_ref_hi: 2,
                epoch: 3,
                flags: 4,
                disclosed_fields: 5,
                principal_kind: 6,
                auth_strength: 7,
                profile_class: 0xffff,
            },
        };
        let bytes = header.encode();
        assert_eq!(bytes[0], 8);
        assert_eq!(bytes[8..16], [0x12, 0x11, 0, 0, 0x24, 0x23, 0x22, 0x21]);
        assert_eq!(
            (bytes[16], bytes[24], bytes[32], bytes[40], bytes[44]),
            (1, 2, 3, 4, 5)
        );
        assert_eq!(bytes[48..56], [6, 0, 7, 0, 0xff, 0xff, 0, 0]);
        assert_eq!(Header::decode(&bytes), header);
    }
}
