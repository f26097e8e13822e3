//! One log record, of fixed size: who says what, how serious it is, and when. Rule P9 (docs/rules/log.md).
//!
//! Text is stored in place and cut at a character boundary, so that keeping a record allocates nothing and a
//! writer cannot make the log large.

use core::fmt;

/// Bytes of a component's name that are kept.
pub const COMPONENT_BYTES: usize = 40;
/// Bytes of a message that are kept.
pub const MESSAGE_BYTES: usize = 160;

const _: () = assert!(COMPONENT_BYTES + MESSAGE_BYTES == abi::limits::LOG_TEXT_BYTES);

/// How serious a record is, least first. The numbers are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug = 0,
    /// Worth knowing.
    Info = 1,
    /// Something is not as it should be.
    Warn = 2,
    /// Something failed.
    Error = 3,
}

/// What was said and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Kernel time when the record was accepted, in ticks of the Timer interface.
    pub tick: u64,
    /// How serious.
    pub level: Level,
    /// Who the writer says it is.
    pub component: Text<COMPONENT_BYTES>,
    /// The process that the writer names; data, not proof.
    pub pid: u32,
    /// What it says.
    pub message: Text<MESSAGE_BYTES>,
}

/// Up to `N` bytes of UTF-8 (`N` at most 255), stored in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

impl<const N: usize> Text<N> {
    /// Keeps as much of `text` as fits, in whole characters.
    pub fn new(text: &str) -> Self {
        const { assert!(N <= 255, "the length is one byte") };
        let length = text.floor_char_boundary(N);
        let mut bytes = [0; N];
        bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        Text {
            bytes,
            length: length as u8,
        }
    }

    /// The text that was kept.
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.length))
            .and_then(|kept| str::from_utf8(kept).ok())
            .unwrap_or_default()
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p9_log_text_is_cut_at_a_character_boundary() {
        assert_eq!(Text::<5>::new("init").as_str(), "init");
        assert_eq!(Text::<5>::new("network").as_str(), "netwo");
        assert_eq!(Text::<5>::new("naïve").as_str(), "naïv");
        assert_eq!(Text::<5>::new("abc€").as_str(), "abc");
        assert_eq!(Text::<0>::new("abc").as_str(), "");
    }
}
