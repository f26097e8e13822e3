//! PARK and UNPARK: waiting on a 32-bit word of user memory until someone says that it changed.

/// Time-out of a park that waits until woken.
pub const NO_TIMEOUT: u64 = u64::MAX;
/// Alignment of a park word in bytes.
pub const WORD_ALIGNMENT: u64 = 4;

/// How a park ended; the number in `Cqe::result`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum ParkResult {
    /// An unpark chose this waiter.
    Woken = 0,
    /// The word did not hold the expected value; the thread never waited.
    Mismatch = 1,
    /// The time-out passed.
    TimedOut = 2,
    /// The thread or its process is going away.
    Interrupted = 3,
}

impl ParkResult {
    /// The number in `Cqe::result`.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The result with this number.
    #[must_use]
    pub const fn from_code(code: i32) -> Option<Self> {
        Some(match code {
            0 => Self::Woken,
            1 => Self::Mismatch,
            2 => Self::TimedOut,
            3 => Self::Interrupted,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f4_outcomes_have_their_published_numbers() {
        let published = [
            ParkResult::Woken,
            ParkResult::Mismatch,
            ParkResult::TimedOut,
            ParkResult::Interrupted,
        ];
        for (code, outcome) in (0..).zip(published) {
            assert_eq!(
                (outcome.code(), ParkResult::from_code(code)),
                (code, Some(outcome))
            );
        }
        assert_eq!(
            (ParkResult::from_code(4), ParkResult::from_code(-1)),
            (None, None)
        );
    }
}
