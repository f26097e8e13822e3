//! Bytes that start where Cap'n Proto wants them to.

use alloc::vec::Vec;
use capnp::Word;

/// A copy of some bytes at an address that is a multiple of 8. The kernel does not need it, because a boot
/// module starts on a page; files and test inputs do.
pub struct Aligned {
    words: Vec<Word>,
    length: usize,
}

impl Aligned {
    /// Copies `bytes`.
    #[must_use]
    pub fn copy(bytes: &[u8]) -> Self {
        let mut words = Word::allocate_zeroed_vec(bytes.len().div_ceil(8));
        Word::words_to_bytes_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self {
            words,
            length: bytes.len(),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &Word::words_to_bytes(&self.words)[..self.length]
    }
}

impl core::fmt::Debug for Aligned {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Aligned({} bytes)", self.length)
    }
}
