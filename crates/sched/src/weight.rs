//! What a policy capability can set on a thread: its weight and its latency class; and what a weight comes to in the
//! arithmetic of virtual time, where a thread may own only a part of one. Rules D1, D2 and D7.

use crate::time::Nanos;

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

/// How soon a thread wants to run after it wakes, paid for with shorter turns. It does not change its share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LatencyClass {
    /// Half slices: runs earlier, more often, for less time each.
    Interactive,
    /// Whole slices.
    #[default]
    Normal,
    /// Four slices in one turn: runs later and is disturbed less.
    Batch,
    /// A server that is called by others. It is scheduled like `Normal`; the name lets tools tell it apart.
    IpcServer,
}

impl LatencyClass {
    /// How long one turn of this class is when the thread's request size is `request`.
    #[must_use]
    pub const fn slice(self, request: Nanos) -> Nanos {
        match self {
            LatencyClass::Interactive => Nanos(request.0 / 2),
            LatencyClass::Normal | LatencyClass::IpcServer => request,
            LatencyClass::Batch => Nanos(request.0.saturating_mul(4)),
        }
    }

    /// How many halves of the request size one turn is.
    pub(crate) const fn halves(self) -> u64 {
        // In the order of the variants, in one word: looking it up costs the hot path less than a choice or a table.
        const HALVES: u64 = u64::from_le_bytes([1, 2, 8, 2, 0, 0, 0, 0]);
        HALVES >> (8 * self as u32) & 0xff
    }

    /// The class with wire number `number` (abi: interactive 0, normal 1, batch 2, ipcServer 3).
    #[must_use]
    pub const fn from_number(number: u16) -> Option<LatencyClass> {
        match number {
            0 => Some(LatencyClass::Interactive),
            1 => Some(LatencyClass::Normal),
            2 => Some(LatencyClass::Batch),
            3 => Some(LatencyClass::IpcServer),
            _ => None,
        }
    }

    /// The wire number of this class.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            LatencyClass::Interactive => 0,
            LatencyClass::Normal => 1,
            LatencyClass::Batch => 2,
            LatencyClass::IpcServer => 3,
        }
    }
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
    }

    #[test]
    fn d1_classes_change_the_length_of_a_turn() {
        let request = Nanos::from_millis(4);
        assert_eq!(LatencyClass::Interactive.slice(request), Nanos::from_millis(2));
        assert_eq!(LatencyClass::Normal.slice(request), Nanos::from_millis(4));
        assert_eq!(LatencyClass::Batch.slice(request), Nanos::from_millis(16));
        assert_eq!(LatencyClass::IpcServer.slice(request), Nanos::from_millis(4));
        for class in (0..4).filter_map(LatencyClass::from_number) {
            assert_eq!(class.slice(request).0, request.0 * class.halves() / 2);
        }
    }

    #[test]
    fn class_numbers_survive_a_round_trip() {
        for number in 0..4 {
            assert_eq!(
                LatencyClass::from_number(number).map(LatencyClass::number),
                Some(number)
            );
        }
        assert_eq!(LatencyClass::from_number(4), None);
    }
}
