//! Numbers that look random and are the same each time.

/// A linear congruential generator (Knuth, The Art of Computer Programming, volume 2, 3.3.4), with its seed.
pub struct Random(pub u64);

impl Random {
    /// A number below `limit`, which must not be zero.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 32) % u64::from(limit)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn random_numbers_reach_both_ends_of_their_range_and_come_again_from_the_same_seed() {
        let draw = |seed| {
            let mut random = Random(seed);
            (0..200).map(|_| random.below(7)).collect::<Vec<u32>>()
        };
        assert!((0..7).all(|number| draw(1).contains(&number)));
        assert!(draw(1).iter().all(|number| *number < 7));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
