//! Three quantities that must not be mixed up: a length of time, a point in time, and a point in virtual time.
//!
//! All are unsigned 64-bit nanoseconds. Arithmetic saturates instead of wrapping, so a clock that steps back
//! yields an empty interval, never an enormous one. 2^64 ns are 584 years.

use core::fmt;
use core::ops::{Add, AddAssign};

/// A length of real time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

/// A point in time: nanoseconds of the monotonic clock since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

/// A point on a queue's virtual clock, in virtual nanoseconds: the service a thread of weight 64 would have had.
///
/// Values of two CPUs are not comparable; [`crate::cpu`] translates when an entity moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualTime(pub u64);

impl Nanos {
    /// No time at all.
    pub const ZERO: Nanos = Nanos(0);
    /// The longest representable duration.
    pub const MAX: Nanos = Nanos(u64::MAX);

    /// `count` microseconds.
    #[must_use]
    pub const fn from_micros(count: u64) -> Nanos {
        Nanos(count.saturating_mul(1_000))
    }

    /// `count` milliseconds.
    #[must_use]
    pub const fn from_millis(count: u64) -> Nanos {
        Nanos(count.saturating_mul(1_000_000))
    }

    /// `count` seconds.
    #[must_use]
    pub const fn from_secs(count: u64) -> Nanos {
        Nanos(count.saturating_mul(1_000_000_000))
    }

    /// What is left after taking `other` away; zero if nothing is.
    #[must_use]
    pub const fn saturating_sub(self, other: Nanos) -> Nanos {
        Nanos(self.0.saturating_sub(other.0))
    }
}

impl Add for Nanos {
    type Output = Nanos;
    fn add(self, other: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Nanos {
    /// For sums of time that has passed, which end within 584 years: no saturation, these are on the hot path.
    fn add_assign(&mut self, other: Nanos) {
        self.0 += other.0;
    }
}

impl Instant {
    /// The moment of boot.
    pub const BOOT: Instant = Instant(0);
    /// Later than every deadline.
    pub const NEVER: Instant = Instant(u64::MAX);

    /// The time since `earlier`; zero when `earlier` lies in the future (a clock that stepped back).
    #[must_use]
    pub const fn since(self, earlier: Instant) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Nanos> for Instant {
    type Output = Instant;
    fn add(self, span: Nanos) -> Instant {
        Instant(self.0.saturating_add(span.0))
    }
}

impl VirtualTime {
    /// The virtual runtime of a thread that is on no clock yet.
    pub const ZERO: VirtualTime = VirtualTime(0);
    /// Where every virtual clock starts: far enough from zero that credit brought to a fresh clock fits below it, at any
    /// weight (2^56 ns are two years), and leaving nine years of the fastest virtual clock above it.
    pub const START: VirtualTime = VirtualTime(1 << 56);
    /// Later than every virtual finish time.
    pub const MAX: VirtualTime = VirtualTime(u64::MAX);

    /// `span` virtual nanoseconds later.
    #[must_use]
    pub const fn after(self, span: u64) -> VirtualTime {
        VirtualTime(self.0.saturating_add(span))
    }

    /// `span` virtual nanoseconds earlier, but not before zero.
    #[must_use]
    pub const fn before(self, span: u64) -> VirtualTime {
        VirtualTime(self.0.saturating_sub(span))
    }

    /// Signed distance from `origin` to here: positive when this lies later.
    #[must_use]
    pub const fn offset_from(self, origin: VirtualTime) -> i64 {
        self.0.wrapping_sub(origin.0) as i64
    }

    /// This point moved by a signed distance, saturating at both ends.
    #[must_use]
    pub const fn moved(self, offset: i64) -> VirtualTime {
        VirtualTime(self.0.saturating_add_signed(offset))
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ns", self.0)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ns after boot", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_steps_back_gives_an_empty_interval() {
        assert_eq!(Instant(5).since(Instant(9)), Nanos::ZERO);
    }

    #[test]
    fn adding_past_the_end_stays_at_the_end() {
        assert_eq!(Instant::NEVER + Nanos(1), Instant::NEVER);
        assert_eq!(Nanos::MAX + Nanos(1), Nanos::MAX);
        assert_eq!(VirtualTime(3).before(5), VirtualTime::ZERO);
        for span in [1, 1 << 62, u64::MAX] {
            assert_eq!(VirtualTime::MAX.after(span), VirtualTime::MAX);
            assert_eq!(VirtualTime::ZERO.before(span), VirtualTime::ZERO);
        }
        assert_eq!(VirtualTime(u64::MAX - 3).moved(4), VirtualTime::MAX);
        assert_eq!(VirtualTime(3).moved(-4), VirtualTime::ZERO);
        assert_eq!(VirtualTime(3).moved(i64::MIN), VirtualTime::ZERO);
    }

    #[test]
    fn virtual_offsets_are_signed_and_reversible() {
        let (early, late) = (VirtualTime(10), VirtualTime(25));
        assert_eq!(early.offset_from(late), -15);
        assert_eq!(late.moved(early.offset_from(late)), early);
    }
}
