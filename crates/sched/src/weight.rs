//! What a policy capability can set on a thread: its weight and its latency class; and what a weight comes to in the
//! arithmetic of virtual time, where a thread may own only a part of one. Rules D1, D2 and D7.

use crate::time::Nanos;

pub use abi::scheduling::LatencyClass;

/// How much of a contended CPU a thread gets, relative to the others: 1 to 1024, 64 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u16);

impl Weight {
    /// The lightest weight.
    pub const MIN: Weight = Weight(1);
    /// The heaviest weight.
    pub const MAX: Weight = Weight(1024);
    /// What a thread has until somebody sets it. At this weight virtual time advances like real time.
    pub const DEFAULT: Weight = Weight(64);

    /// `value` as a weight, or `None` outside 1..=1024: bad values are refused, never clamped (D2).
    #[must_use]
    pub const fn new(value: u16) -> Option<Weight> {
        if value >= Self::MIN.0 && value <= Self::MAX.0 {
            Some(Weight(value))
        } else {
            None
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Weight {
        Weight::DEFAULT
    }
}

/// A weight as virtual time is computed from it, in sixteenths of a [`Weight`].
///
/// That of a thread on its own is its weight. That of a thread that belongs to a [`crate::principal::Principal`] is its
/// part of the principal's, which need not be whole: hence the finer unit. It is never less than the lightest weight, so
/// a virtual clock never goes faster than it does for threads on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectiveWeight(u32);

impl EffectiveWeight {
    /// Units in a [`Weight`] of one.
    pub const UNITS: u64 = 16;
    /// The effective weight, as a number, at which virtual time advances like real time.
    pub const REFERENCE: u64 = Self::of(Weight::DEFAULT).wide();

    /// That of a thread on its own.
    #[must_use]
    pub const fn of(weight: Weight) -> EffectiveWeight {
        EffectiveWeight(weight.get() as u32 * Self::UNITS as u32)
    }

    /// `own / sum` of `whole` units, rounded down: the parts never come to more than the whole, except for what lifts some
    /// of them to the lightest weight.
    pub(crate) const fn part(whole: u64, own: Weight, sum: u32) -> EffectiveWeight {
        let sum = if sum == 0 { 1 } else { sum as u64 };
        let part = whole * own.get() as u64 / sum;
        let least = Self::of(Weight::MIN);
        if part <= least.wide() {
            least
        } else if part > u32::MAX as u64 {
            EffectiveWeight(u32::MAX)
        } else {
            EffectiveWeight(part as u32)
        }
    }

    /// The number, ready for 64-bit arithmetic.
    #[must_use]
    pub const fn wide(self) -> u64 {
        self.0 as u64
    }
}

/// How long one turn of `class` is when the thread's request size is `request`.
#[must_use]
#[inline]
pub const fn turn(class: LatencyClass, request: Nanos) -> Nanos {
    Nanos(request.0.saturating_mul(class.halves()) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d2_weights_outside_1_to_1024_are_refused_not_clamped() {
        assert_eq!(Weight::new(0), None);
        assert_eq!(Weight::new(1), Some(Weight::MIN));
        assert_eq!(Weight::new(1024), Some(Weight::MAX));
        assert_eq!(Weight::new(1025), None);
    }

    #[test]
    fn d7_parts_of_a_weight_round_down_and_never_vanish() {
        let third = EffectiveWeight::part(1_000, Weight::MIN, 3);
        assert_eq!(third.wide(), 333);
        assert_eq!(EffectiveWeight::part(1_000, Weight::DEFAULT, 64).wide(), 1_000);
        let lightest = EffectiveWeight::of(Weight::MIN);
        assert_eq!(EffectiveWeight::part(1_000, Weight::MIN, 1_000_000), lightest);
        // A sum of nothing counts as the least there is, and no part is heavier than can be said.
        assert_eq!(EffectiveWeight::part(1_000, Weight::MIN, 0).wide(), 1_000);
        let heaviest = EffectiveWeight::part(1 << 40, Weight::MIN, 1).wide();
        assert_eq!(heaviest, u64::from(u32::MAX));
    }

    #[test]
    fn d1_classes_change_the_length_of_a_turn() {
        let request = Nanos::from_millis(4);
        let turns = LatencyClass::ALL.map(|class| turn(class, request));
        assert_eq!(turns, [2, 4, 16, 4].map(Nanos::from_millis));
    }
}
