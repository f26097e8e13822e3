//! Admission in pieces against the same in one go.

use std::vec::Vec;

use proptest::prelude::*;

use super::super::capacity::tests::{ROOT, any_spec, capacity, context, spec};
use super::*;
use crate::time::Instant;

/// The answer, and in how many pieces of so many steps it was found.
fn decide(admission: &mut Admission, steps: u32) -> (Result<(), Refused>, usize) {
    for pieces in 1.. {
        if let Some(decided) = admission.go_on(steps) {
            return (decided, pieces);
        }
    }
    unreachable!("it ends")
}

proptest! {
    #[test]
    fn e14_what_is_found_out_in_pieces_is_what_is_found_out_in_one_go(
        first in proptest::collection::vec(any_spec(1..9), 0..8),
        asked in any_spec(1..9),
        steps in 1..4_u32,
    ) {
        let mut capacity = capacity();
        for (number, spec) in (1..).zip(&first) {
            let _ = capacity.reserve(ROOT, context(number), spec);
        }
        let mut admission = Admission::new(&capacity, ROOT, context(100), &asked).unwrap();
        let (decided, _) = decide(&mut admission, steps);
        let mut at_once = capacity.clone();
        prop_assert_eq!(decided, at_once.reserve(ROOT, context(100), &asked).map(|_| ()));
        if decided.is_ok() {
            prop_assert!(admission.carve(&mut capacity).is_ok());
            prop_assert_eq!(capacity, at_once);
        }
    }
}

#[test]
fn e14_a_refusal_with_its_quote_is_found_in_pieces() {
    let mut capacity = capacity();
    // Two that sprint leave little before their deadlines.
    for number in [1, 2] {
        let _ = capacity
            .reserve(ROOT, context(number), &spec(400, 10_000, 1_000))
            .unwrap();
    }
    let mut admission = Admission::new(&capacity, ROOT, context(3), &spec(400, 10_000, 1_000)).unwrap();
    let (decided, pieces) = decide(&mut admission, 1);
    let Err(Refused::DoesNotFit { most, .. }) = decided else {
        panic!("it would be admitted: {decided:?}");
    };
    assert_eq!(most, Some(Nanos::from_micros(200)));
    assert!(pieces > 18, "{pieces}");
}

#[test]
fn e10_what_was_found_of_other_reservations_counts_for_nothing() {
    let mut now = capacity();
    let _ = now.reserve(ROOT, context(1), &spec(2_000, 10_000, 0)).unwrap();
    let mut admission = Admission::new(&now, ROOT, context(2), &spec(7_000, 10_000, 0)).unwrap();
    assert_eq!(decide(&mut admission, 1).0, Ok(()));
    let before = now.clone();
    let _ = now.reserve(ROOT, context(3), &spec(1_000, 10_000, 0)).unwrap();
    let with_third = now.clone();
    assert_eq!(admission.carve(&mut now), Err(NotCarved::Changed));
    assert_eq!(now, with_third, "and nothing has changed");
    // The same budget for somebody else is another reservation, too.
    let _ = now.give_back(context(3), Instant::BOOT).unwrap();
    let _ = now.give_back(context(1), Instant::BOOT).unwrap();
    let _ = now.reserve(ROOT, context(4), &spec(2_000, 10_000, 0)).unwrap();
    assert_eq!(admission.carve(&mut now), Err(NotCarved::Changed));
    let mut again = before;
    assert!(admission.carve(&mut again).is_ok());
}

#[test]
fn e10_who_divides_leaves_half_of_the_places_to_the_others() {
    let mut capacity = capacity();
    let _ = capacity
        .reserve(ROOT, context(1), &spec(5_000, 10_000, 0))
        .unwrap();
    let _ = capacity
        .reserve(context(1), context(2), &spec(3_000, 10_000, 0))
        .unwrap();
    let mut fill = |parent: u64, first: u64| -> usize {
        let least = spec(100, 1_000_000, 0);
        let all: Vec<_> = (first..first + 40)
            .map_while(|number| capacity.reserve(context(parent), context(number), &least).ok())
            .collect();
        all.len()
    };
    assert_eq!(fill(2, 100), 7, "a quarter, itself among them");
    assert_eq!(fill(1, 200), 7, "half, itself and all below it among them");
    assert_eq!(fill(0, 300), 16, "what is left is everybody's");
    let refused = capacity.reserve(ROOT, context(400), &spec(100, 1_000_000, 0));
    assert_eq!(refused, Err(Refused::TooMany));
    let _ = capacity.give_back(context(100), Instant::BOOT).unwrap();
    assert!(
        capacity
            .reserve(context(2), context(400), &spec(100, 1_000_000, 0))
            .is_ok()
    );
}
