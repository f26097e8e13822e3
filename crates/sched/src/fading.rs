//! How levels fade: what a CPU's threads had long ago counts less and less when CPUs compare how far they have come. Rule D1.
//!
//! Where masks keep threads apart, some CPUs are slower than others for ever, and rightly so; how far they lag would grow
//! without end, and whoever may go elsewhere later would be owed hours. So a level is not all service since boot but an
//! average that forgets: half of what it stands at is gone after [`HALF_LIFE`]. All CPUs forget alike, so those that are to be
//! level are as level as they would be without it, and nobody has to judge which lag could still be made good.
//!
//! A CPU that runs one thread has no timer, so nothing happens here in steps: [`fade`] gives the same whether it is asked
//! once in a minute or every millisecond.

use crate::time::{Nanos, VirtualTime};

/// After so long half of a level is forgotten.
pub const HALF_LIFE: Nanos = Nanos(1 << HALF_LIFE_BITS);

/// A power of two, so that no division is needed: about four seconds.
const HALF_LIFE_BITS: u32 = 32;

/// One, in the parts in which fractions are counted here.
const ONE: i128 = 1 << 32;

/// The natural logarithm of two.
const LN_2: i128 = 2_977_044_472;

/// Where a level stands that was at `faded` for the last time `since` ago and would be at `risen` by now if nothing faded; it
/// has risen evenly. Levels count from [`VirtualTime::START`].
pub(crate) fn fade(faded: VirtualTime, risen: VirtualTime, since: Nanos) -> VirtualTime {
    let kept = kept(since);
    let part = |whole: i64, parts: i128| ((i128::from(whole) * parts) >> 32) as i64;
    VirtualTime::START
        .moved(part(faded.offset_from(VirtualTime::START), kept))
        .moved(part(risen.offset_from(faded), counted(kept, since)))
}

/// What is left of a level after `since`: one half to the power of the half-lives.
fn kept(since: Nanos) -> i128 {
    let halves = since.0 >> HALF_LIFE_BITS;
    if halves >= 32 {
        return 0;
    }
    let rest = i128::from(since.0 & (HALF_LIFE.0 - 1)) << (32 - HALF_LIFE_BITS);
    // The power series of 2^-x, to less than 2^-12 of the value, and exact where x is small.
    let series = [ONE, -LN_2, 1_031_764_991, -238_388_327, 41_309_550, -5_726_720];
    let sum = series
        .into_iter()
        .rfold(0, |sum, factor| factor + ((sum * rest) >> 32));
    sum >> halves
}

/// What counts of service that was delivered evenly for the last `since`: (1 - e^-x) / x.
fn counted(kept: i128, since: Nanos) -> i128 {
    let x = (i128::from(since.0) * LN_2) >> HALF_LIFE_BITS;
    if x < ONE >> 8 {
        // The difference of two numbers that are nearly one is not exact enough.
        return ONE - x / 2 + ((x * x / 6) >> 32);
    }
    (ONE - kept) * ONE / x
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: VirtualTime = VirtualTime::START;

    /// Where a level stands that has risen by `rate` thousandths of real time for `span`, looked at every `step`.
    fn risen(rate: u64, span: u64, step: u64) -> i64 {
        let mut level = START;
        for _ in 0..span / step {
            level = fade(level, level.after(step * rate / 1_000), Nanos(step));
        }
        level.offset_from(START)
    }

    #[track_caller]
    fn near(one: i64, other: i64) {
        let off = one.abs_diff(other);
        assert!(off * 500 <= one.unsigned_abs(), "{one} and {other}");
    }

    // A CPU with one thread is looked at once in a while, one with many at each turn's end.
    #[test]
    fn d1_a_level_fades_alike_however_often_it_is_looked_at() {
        let minute = 60_000_000_000;
        for rate in [10, 500, 1_000, 64_000] {
            for span in [minute / 600, minute / 60, minute / 6, minute] {
                let often = risen(rate, span, 1_000_000);
                near(often, risen(rate, span, 4_000_000));
                near(often, risen(rate, span, 100_000_000));
                near(often, risen(rate, span, span));
            }
        }
    }

    #[test]
    fn d1_half_a_level_is_gone_after_the_half_life() {
        let level = START.after(1 << 40);
        near(fade(level, level, HALF_LIFE).offset_from(START), 1 << 39);
        near(
            fade(level, level, Nanos(3 * HALF_LIFE.0)).offset_from(START),
            1 << 37,
        );
        let behind = START.before(1 << 40);
        near(fade(behind, behind, HALF_LIFE).offset_from(START), -(1 << 39));
        assert_eq!(fade(level, level, Nanos::ZERO), level);
        assert_eq!(fade(level, level, Nanos::MAX), START);
    }
}
