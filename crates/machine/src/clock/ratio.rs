//! Converting between tick counts of two rates with one multiplication: a ratio as a fixed-point number with
//! 40 fractional bits. Rounding is part of the name of each conversion, because a deadline that is rounded
//! the wrong way fires early (rule X6): elapsed time rounds down, waiting time rounds up.

/// Fractional bits of a multiplier: a relative error below 10⁻⁹ for rates between 1 MHz and 100 GHz.
const FRACTION_BITS: u32 = 40;

/// How many ticks of one rate pass per tick of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    multiplier: u64,
}

impl Ratio {
    /// `numerator / denominator`, rounded down. `None` when it does not fit (zero denominator, zero ratio,
    /// or 2²⁴ and more).
    pub const fn rounded_down(numerator: u64, denominator: u64) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        Self::from_multiplier(((numerator as u128) << FRACTION_BITS) / denominator as u128)
    }

    /// `numerator / denominator`, rounded up; otherwise as [`Ratio::rounded_down`].
    pub const fn rounded_up(numerator: u64, denominator: u64) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        Self::from_multiplier(((numerator as u128) << FRACTION_BITS).div_ceil(denominator as u128))
    }

    const fn from_multiplier(multiplier: u128) -> Option<Self> {
        if multiplier == 0 || multiplier > u64::MAX as u128 {
            None
        } else {
            Some(Self {
                multiplier: multiplier as u64,
            })
        }
    }

    /// The reciprocal, rounded up: `inverse.ceil(n)` ticks are always enough for [`Ratio::floor`] of them
    /// to reach `n`. `None` when it does not fit.
    pub const fn inverse_rounded_up(self) -> Option<Self> {
        Self::from_multiplier((1u128 << (2 * FRACTION_BITS)).div_ceil(self.multiplier as u128))
    }

    /// This ratio times `1 + parts / 1_000_000`, rounded up: the upper end of an uncertain ratio.
    pub const fn widened_by_ppm(self, parts: u32) -> Option<Self> {
        Self::from_multiplier((self.multiplier as u128 * (1_000_000 + parts as u128)).div_ceil(1_000_000))
    }

    /// `count` times the ratio, rounded down, at most `u64::MAX`.
    #[inline]
    pub const fn floor(self, count: u64) -> u64 {
        saturate((count as u128 * self.multiplier as u128) >> FRACTION_BITS)
    }

    /// `count` times the ratio, rounded up, at most `u64::MAX`.
    #[inline]
    pub const fn ceil(self, count: u64) -> u64 {
        // No overflow: the product of two u64 is at most 2¹²⁸ - 2⁶⁵ + 1.
        saturate((count as u128 * self.multiplier as u128 + ((1 << FRACTION_BITS) - 1)) >> FRACTION_BITS)
    }
}

#[inline]
const fn saturate(value: u128) -> u64 {
    if value > u64::MAX as u128 {
        u64::MAX
    } else {
        value as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Ratio;

    const SECOND_NS: u64 = 1_000_000_000;
    /// From an emulated counter to the fastest ones sold, with primes in between.
    const RATES_HZ: [u64; 8] = [
        1_000_000,
        24_000_000,
        62_500_001,
        999_999_937,
        SECOND_NS,
        2_095_078_000,
        3_700_000_003,
        6_200_000_000,
    ];
    const SPANS: [u64; 9] = [
        0,
        1,
        2,
        3,
        999,
        50_000,
        1_000_003,
        10_000_000_019,
        86_400 * SECOND_NS,
    ];

    #[test]
    fn x6_the_ticks_for_a_wait_are_never_too_few() {
        for hz in RATES_HZ {
            let to_ns = Ratio::rounded_down(SECOND_NS, hz).unwrap();
            let to_ticks = to_ns.inverse_rounded_up().unwrap();
            for ns in SPANS {
                let ticks = to_ticks.ceil(ns);
                assert!(
                    to_ns.floor(ticks) >= ns,
                    "{hz} Hz: {ticks} ticks are less than {ns} ns"
                );
            }
        }
    }

    #[test]
    fn x6_the_ticks_for_a_wait_are_late_by_at_most_two_and_a_billionth() {
        for hz in RATES_HZ {
            let to_ticks = Ratio::rounded_down(SECOND_NS, hz)
                .unwrap()
                .inverse_rounded_up()
                .unwrap();
            for ns in SPANS {
                let exact = u128::from(ns) * u128::from(hz) / u128::from(SECOND_NS);
                let slack = 2 + exact * 3 / 1_000_000_000;
                assert!(u128::from(to_ticks.ceil(ns)) <= exact + slack, "{hz} Hz, {ns} ns");
            }
        }
    }

    #[test]
    fn x6_elapsed_time_never_runs_ahead() {
        for hz in RATES_HZ {
            let to_ns = Ratio::rounded_down(SECOND_NS, hz).unwrap();
            for ticks in SPANS {
                let exact = u128::from(ticks) * u128::from(SECOND_NS) / u128::from(hz);
                assert!(u128::from(to_ns.floor(ticks)) <= exact);
            }
        }
    }

    #[test]
    fn x6_conversions_saturate_instead_of_wrapping() {
        let double = Ratio::rounded_up(2, 1).unwrap();
        assert_eq!(
            (double.floor(u64::MAX), double.ceil(u64::MAX)),
            (u64::MAX, u64::MAX)
        );
    }

    #[test]
    fn x6_impossible_ratios_are_refused() {
        assert_eq!(Ratio::rounded_down(1, 0), None);
        assert_eq!(Ratio::rounded_down(0, 5), None);
        assert_eq!(Ratio::rounded_down(u64::MAX, 1), None);
        assert!(
            Ratio::rounded_up(1, 1)
                .unwrap()
                .widened_by_ppm(100)
                .unwrap()
                .ceil(1_000_000)
                > 1_000_000
        );
    }
}
