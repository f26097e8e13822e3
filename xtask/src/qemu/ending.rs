//! How a boot ended, read from the 16-byte record that the kernel writes just before it stops the machine:
//! a `u32` mark, a `u32` kind and an `i64` code, little-endian.

use crate::exit;
use std::fmt;

/// The first word of a genuine record.
const MARK: u32 = 0x5355_4e44;

/// The end of a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The first program ended with this exit code.
    Exited {
        /// As the program gave it.
        code: i64,
    },
    /// The kernel stopped the machine over a bug of its own; the report is on the console.
    Panicked,
    /// The kernel refused what it was given to boot.
    Refused {
        /// The kernel's number for the reason; the sentence is on the console.
        code: i64,
    },
    /// QEMU refused its command line or its files; nothing of the guest ran.
    NotStarted,
    /// The machine ended without a record: a triple fault, or QEMU was ended.
    Silent,
    /// The time limit passed.
    TimedOut,
    /// Somebody pressed Ctrl-C or sent a signal.
    Interrupted,
}

impl Ending {
    /// Reads the record; anything but exactly one record is silence.
    #[must_use]
    pub fn from_record(bytes: &[u8]) -> Ending {
        let Ok(record) = <[u8; 16]>::try_from(bytes) else {
            return Ending::Silent;
        };
        let word =
            |at: usize| u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
        let code = (u64::from(word(12)) << 32 | u64::from(word(8))).cast_signed();
        match (word(0), word(4)) {
            (MARK, 1) => Ending::Exited { code },
            (MARK, 2) => Ending::Panicked,
            (MARK, 3) => Ending::Refused { code },
            _ => Ending::Silent,
        }
    }

    /// Reads QEMU's exit status after a write to its exit device, which makes it `2 * number + 1`. Any other status is
    /// silence: the guest switched off or reset, as a kernel does that panics.
    #[must_use]
    pub fn from_exit_status(status: Option<i32>) -> Ending {
        match status {
            Some(odd) if odd > 0 && odd % 2 == 1 => Ending::Exited {
                code: i64::from(odd / 2),
            },
            _ => Ending::Silent,
        }
    }

    /// The exit code a verb passes on.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Ending::Exited { code } => code.to_le_bytes()[0],
            Ending::Panicked => exit::PANICKED,
            Ending::Refused { .. } => exit::REFUSED,
            Ending::NotStarted => exit::NOT_STARTED,
            Ending::Silent => exit::SILENT,
            Ending::TimedOut => exit::TIMED_OUT,
            Ending::Interrupted => exit::INTERRUPTED,
        }
    }

    /// The word for it in `--json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Ending::Exited { .. } => "exited",
            Ending::Panicked => "panicked",
            Ending::Refused { .. } => "refused",
            Ending::NotStarted => "not-started",
            Ending::Silent => "silent",
            Ending::TimedOut => "timed-out",
            Ending::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Exited { code } => write!(to, "the first program exited with {code}"),
            Ending::Panicked => write!(to, "the kernel panicked; its report is on the console"),
            Ending::Refused { .. } => write!(to, "the kernel refused to boot this; the console says why"),
            Ending::NotStarted => write!(to, "QEMU did not start"),
            Ending::Silent => write!(
                to,
                "the machine ended without a report (a triple fault, or QEMU was ended)"
            ),
            Ending::TimedOut => write!(to, "the time limit passed"),
            Ending::Interrupted => write!(to, "interrupted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u32, code: i64) -> Vec<u8> {
        [&MARK.to_le_bytes()[..], &kind.to_le_bytes(), &code.to_le_bytes()].concat()
    }

    #[test]
    fn records_become_endings_with_the_published_exit_codes() {
        for (bytes, ending, code) in [
            (record(1, 0), Ending::Exited { code: 0 }, 0),
            (record(1, 7), Ending::Exited { code: 7 }, 7),
            (record(1, -1), Ending::Exited { code: -1 }, 255),
            (
                record(1, 0x1_0000_0102),
                Ending::Exited { code: 0x1_0000_0102 },
                2,
            ),
            (record(2, 0), Ending::Panicked, 125),
            (record(3, 9), Ending::Refused { code: 9 }, 123),
        ] {
            assert_eq!(Ending::from_record(&bytes), ending);
            assert_eq!(ending.exit_code(), code);
        }
        assert_eq!(
            (Ending::TimedOut.exit_code(), Ending::Interrupted.exit_code()),
            (124, 130)
        );
    }

    #[test]
    fn the_exit_device_gives_odd_statuses_and_nothing_else_does() {
        assert_eq!(Ending::from_exit_status(Some(1)), Ending::Exited { code: 0 });
        assert_eq!(Ending::from_exit_status(Some(7)), Ending::Exited { code: 3 });
        for status in [Some(0), Some(2), Some(-1), None] {
            assert_eq!(Ending::from_exit_status(status), Ending::Silent);
        }
    }

    #[test]
    fn anything_but_one_whole_record_is_silence() {
        let whole = record(1, 0);
        for bytes in [
            &[][..],
            &whole[..15],
            &[whole.clone(), whole.clone()].concat(),
            &record(4, 0),
            &[0; 16],
        ] {
            assert_eq!(Ending::from_record(bytes), Ending::Silent);
        }
    }
}
