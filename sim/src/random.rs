//! Numbers that a seed decides: the same on every host and in every version.

use rand_xoshiro::Xoshiro256StarStar;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use sched::Nanos;

use crate::scenario::{Delay, Span};

/// A stream of random numbers (xoshiro256**, Blackman and Vigna 2018).
#[derive(Clone, Debug)]
pub struct Random(Xoshiro256StarStar);

impl Random {
    /// The stream of a seed. `purpose` separates streams that must not follow each other.
    #[must_use]
    pub fn new(seed: u64, purpose: u64) -> Random {
        let mixed = seed ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Random(Xoshiro256StarStar::seed_from_u64(mixed))
    }

    /// All 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`, which must not be zero: evenly, but for one part in 2^64 / `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// Whether something happens whose chance is `permille` in 1000.
    pub fn chance(&mut self, permille: u16) -> bool {
        permille > 0 && self.below(1000) < u64::from(permille)
    }

    /// A delay.
    pub fn delay(&mut self, delay: Delay) -> Nanos {
        if delay.least >= delay.most {
            return delay.least;
        }
        Nanos(delay.least.0 + self.below(delay.most.0 - delay.least.0 + 1))
    }

    /// A length of time.
    pub fn span(&mut self, span: Span) -> Nanos {
        match span {
            Span::Fixed(span) => span,
            Span::Uniform(range) => self.delay(range),
            Span::Exponential(mean) => {
                // In (0, 1], so that the logarithm is finite.
                let even = ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
                Nanos((-even.ln() * mean.0 as f64) as u64)
            }
        }
    }

    /// One of them.
    ///
    /// # Panics
    /// When there are none.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l1_a_seed_gives_the_same_numbers_for_ever() {
        let mut random = Random::new(42, 0);
        assert_eq!(
            [random.bits(), random.bits()],
            [Random::new(42, 0).bits(), {
                let mut again = Random::new(42, 0);
                again.bits();
                again.bits()
            }]
        );
        assert_ne!(Random::new(42, 1).bits(), Random::new(42, 0).bits());
    }

    #[test]
    fn spans_have_the_mean_that_they_say() {
        let mut random = Random::new(7, 0);
        let mut mean = |span| (0..100_000).map(|_| random.span(span).0).sum::<u64>() / 100_000;
        let even = mean(Span::Uniform(Delay {
            least: Nanos(100),
            most: Nanos(300),
        }));
        let exponential = mean(Span::Exponential(Nanos(10_000)));
        assert!((198..=202).contains(&even), "{even}");
        assert!((9_850..=10_150).contains(&exponential), "{exponential}");
    }
}
