//! Work that takes as long as it takes, and proves that it was done: steps of a linear congruential sequence (Knuth,
//! The Art of Computer Programming, volume 2, section 3.2.1). Each step needs the one before; but where so many steps
//! lead can also be told at once, by squaring, so a check costs next to nothing.

use crate::system::System;

/// Multiplier and increment, modulo 2^64.
const FACTOR: u64 = 0x5851_f42d_4c95_7f2d;
const SUMMAND: u64 = 1;

/// Steps of a piece: about 300 instructions.
const PIECE: u64 = 64;

/// So many steps from `state` on, one after another.
#[inline]
pub fn steps(mut state: u64, count: u64) -> u64 {
    for _ in 0..count {
        // Nothing may foresee the next step, or do several in one.
        state = core::hint::black_box(state.wrapping_mul(FACTOR).wrapping_add(SUMMAND));
    }
    state
}

/// Where [`steps`] leads, in as many multiplications as `count` has binary digits.
pub fn steps_at_once(state: u64, mut count: u64) -> u64 {
    // One step is x -> factor * x + summand; two steps are again of that form.
    let (mut factor, mut summand) = (FACTOR, SUMMAND);
    let mut state = state;
    while count > 0 {
        if count % 2 == 1 {
            state = state.wrapping_mul(factor).wrapping_add(summand);
        }
        summand = summand.wrapping_mul(factor.wrapping_add(1));
        factor = factor.wrapping_mul(factor);
        count /= 2;
    }
    state
}

/// One piece of work. One copy of the code for all callers: what one hog does is compared with what another does.
#[inline(never)]
fn piece(state: u64) -> u64 {
    steps(state, PIECE)
}

/// What a hog did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hogged {
    /// Pieces begun within the window.
    pub pieces: u64,
    /// Pieces in all.
    pub all_pieces: u64,
    /// Where they led.
    pub state: u64,
}

impl Hogged {
    /// Whether the hog did what it says it did.
    pub fn is_right(&self) -> bool {
        self.state == steps_at_once(1, PIECE * self.all_pieces) && self.pieces <= self.all_pieces
    }
}

/// Works from now on to the tick `end`, and counts from the tick `start` on.
#[inline(never)]
pub fn hog<S: System>(start: u64, end: u64) -> Hogged {
    let (mut state, mut pieces, mut all_pieces) = (1, 0, 0);
    loop {
        let now = S::ticks();
        if now >= end {
            return Hogged {
                pieces,
                all_pieces,
                state,
            };
        }
        state = piece(state);
        all_pieces += 1;
        pieces += u64::from(now >= start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d6_steps_lead_where_they_are_foreseen_to_lead() {
        for count in [0, 1, 2, 3, 63, 64, 1_000, 12_345] {
            assert_eq!(steps(7, count), steps_at_once(7, count), "{count} steps");
        }
    }

    #[test]
    fn d6_a_hog_that_claims_a_piece_too_many_is_caught() {
        let honest = Hogged {
            pieces: 9,
            all_pieces: 10,
            state: steps(1, 10 * PIECE),
        };
        assert!(honest.is_right());
        let boasting = Hogged {
            all_pieces: 11,
            ..honest
        };
        assert!(!boasting.is_right());
        let outside = Hogged { pieces: 11, ..honest };
        assert!(!outside.is_right());
    }
}
