//! Reserving, dividing and giving back.

use super::*;
use crate::context::spec::Overrun;
use core::ops::Range;
use proptest::prelude::*;
use std::vec::Vec;

pub(in crate::context) const ROOT: ContextId = context(0);

pub(in crate::context) const fn context(number: u64) -> ContextId {
    ContextId {
        number,
        generation: 1,
    }
}

pub(in crate::context) fn capacity() -> Capacity {
    Capacity::new(CpuId(3), ROOT, USUAL_MOST)
}

/// Times in microseconds.
pub(in crate::context) fn spec(budget: u64, period: u64, deadline: u64) -> Spec {
    let [budget, period, deadline] = [budget, period, deadline].map(Nanos::from_micros);
    Spec::reservation(budget, period, deadline, Overrun::Throttle).unwrap()
}

fn most(refused: Refused) -> Option<Nanos> {
    match refused {
        Refused::DoesNotFit { most, .. } => most,
        _ => None,
    }
}

#[test]
fn e10_what_a_context_has_is_divided_and_comes_back() {
    let mut capacity = capacity();
    let untouched = capacity.clone();
    let parent = capacity
        .reserve(ROOT, context(1), &spec(5_000, 10_000, 0))
        .unwrap();
    assert_eq!(parent.taken, Nanos::from_millis(500));
    let child = capacity
        .reserve(context(1), context(2), &spec(1_000, 4_000, 0))
        .unwrap();
    assert_eq!(child.taken, Nanos::from_micros(2_500));
    let (left, period) = capacity.left(context(1)).unwrap();
    assert_eq!(
        (left, period),
        (Nanos::from_micros(2_400), Nanos::from_millis(10))
    );
    assert_eq!(capacity.children(context(1)).collect::<Vec<_>>(), [context(2)]);
    assert_eq!(
        capacity.give_back(context(1), Instant::BOOT),
        Err(NotReturned::HasChildren)
    );
    let returned = capacity.give_back(context(2), Instant::BOOT).unwrap();
    assert_eq!(
        returned,
        Returned {
            parent: context(1),
            taken: child.taken
        }
    );
    assert_eq!(
        capacity.give_back(context(1), Instant::BOOT).unwrap().parent,
        ROOT
    );
    assert_eq!(capacity, untouched);
    assert_eq!(
        capacity.give_back(context(1), Instant::BOOT),
        Err(NotReturned::NotReserved)
    );
}

#[test]
fn e10_nobody_gives_more_than_it_has() {
    let mut capacity = capacity();
    let _ = capacity
        .reserve(ROOT, context(1), &spec(2_000, 10_000, 0))
        .unwrap();
    let before = capacity.clone();
    let refused = capacity.reserve(context(1), context(2), &spec(1_000, 5_000, 0));
    assert_eq!(
        refused,
        Err(Refused::DoesNotFit {
            cpu: CpuId(3),
            binding: Binding::Parent {
                context: context(1),
                left: Nanos::from_micros(1_900),
                period: Nanos::from_millis(10),
                largest: None,
            },
            most: Some(Nanos::from_micros(950)),
        })
    );
    assert_eq!(capacity, before);
    assert_eq!(
        capacity.reserve(context(9), context(2), &spec(1_000, 5_000, 0)),
        Err(Refused::NoCapacity)
    );
    assert_eq!(
        capacity.reserve(ROOT, context(1), &spec(1_000, 5_000, 0)),
        Err(Refused::AlreadyReserved)
    );
    let limit = Spec::limit(Nanos::from_millis(1), Nanos::from_millis(10), Overrun::Throttle).unwrap();
    assert_eq!(
        capacity.reserve(ROOT, context(2), &limit),
        Err(Refused::NotAReservation)
    );
}

#[test]
fn g2_what_is_never_reserved_is_left_for_those_that_are_served_by_weight() {
    let mut capacity = capacity();
    let refused = capacity
        .reserve(ROOT, context(1), &spec(10_000, 10_000, 0))
        .unwrap_err();
    assert_eq!(most(refused), Some(Nanos::from_micros(9_500)));
}

#[test]
fn e14_a_refusal_names_who_has_most_due_in_which_stretch() {
    let mut capacity = capacity();
    let _ = capacity.reserve(ROOT, context(1), &spec(300, 10_000, 0)).unwrap();
    let _ = capacity
        .reserve(ROOT, context(2), &spec(700, 10_000, 1_000))
        .unwrap();
    let refused = capacity
        .reserve(ROOT, context(3), &spec(400, 10_000, 1_000))
        .unwrap_err();
    assert_eq!(
        refused,
        Refused::DoesNotFit {
            cpu: CpuId(3),
            binding: Binding::Deadline {
                within: Nanos::from_micros(1_000),
                demand: Nanos::from_micros(1_100),
                largest: Some(context(2)),
            },
            most: Some(Nanos::from_micros(300)),
        }
    );
    let unfit = capacity
        .reserve(ROOT, context(3), &spec(400, 10_000, 400))
        .unwrap_err();
    assert_eq!(most(unfit), Some(Nanos::from_micros(300)));
    let _ = capacity
        .reserve(ROOT, context(3), &spec(300, 10_000, 1_000))
        .unwrap();
    let none = capacity
        .reserve(ROOT, context(4), &spec(100, 10_000, 1_000))
        .unwrap_err();
    assert_eq!(most(none), None, "nothing that is large enough to be a budget");
}

/// Whose period is so many times its budget.
pub(in crate::context) fn any_spec(factors: Range<u64>) -> impl Strategy<Value = Spec> {
    (100..5_000_u64, factors, 0..=100_u64).prop_map(|(budget, factor, deadline)| {
        let period = budget * factor;
        spec(budget, period, budget + (period - budget) * deadline / 100)
    })
}

proptest! {
    #[test]
    fn e14_the_quoted_budget_is_granted_and_one_nanosecond_more_is_not(
        first in proptest::collection::vec(any_spec(1..6), 0..8),
        asked in any_spec(1..6),
    ) {
        let mut capacity = capacity();
        for (number, spec) in (1..).zip(&first) {
            let _ = capacity.reserve(ROOT, context(number), spec);
        }
        let before = capacity.clone();
        let Err(refused) = capacity.reserve(ROOT, context(100), &asked) else {
            return Ok(());
        };
        prop_assert_eq!(&capacity, &before);
        let Some(most) = most(refused) else {
            let least = asked.with_budget(LEAST_BUDGET).unwrap();
            prop_assert!(capacity.reserve(ROOT, context(100), &least).is_err());
            return Ok(());
        };
        let more = asked.with_budget(most + Nanos(1)).unwrap();
        prop_assert!(capacity.reserve(ROOT, context(100), &more).is_err());
        let quoted = asked.with_budget(most).unwrap();
        prop_assert!(capacity.reserve(ROOT, context(100), &quoted).is_ok());
    }

    #[test]
    fn e13_no_capacity_is_made_or_lost_by_any_sequence_of_carving_and_giving_back(
        steps in proptest::collection::vec((any::<bool>(), 0..12_u64, 1..12_u64, any_spec(1..6)), 1..60),
    ) {
        let mut capacity = capacity();
        let untouched = capacity.clone();
        for (gives_back, parent, holder, spec) in steps {
            let before = capacity.clone();
            let refused = if gives_back {
                capacity.give_back(context(holder), Instant::BOOT).is_err()
            } else {
                capacity.reserve(context(parent), context(holder), &spec).is_err()
            };
            prop_assert!(capacity.is_sound());
            prop_assert!(!refused || capacity == before, "a refusal changes nothing");
        }
        // Whatever was done, it can be undone, the youngest first.
        while let Some(last) = capacity.reservations().last().map(|reservation| reservation.holder) {
            prop_assert!(capacity.give_back(last, Instant::BOOT).is_ok());
        }
        prop_assert_eq!(capacity, untouched);
    }
}

#[test]
fn e10_what_a_child_takes_is_rounded_against_it() {
    let mut capacity = capacity();
    let _ = capacity
        .reserve(ROOT, context(1), &spec(5_000, 10_000, 0))
        .unwrap();
    // A third of ten milliseconds.
    let child = capacity
        .reserve(context(1), context(2), &spec(1_000, 3_000, 0))
        .unwrap();
    assert_eq!(child.taken, Nanos(3_333_334));
    assert_eq!(
        capacity.left(context(1)).unwrap().0,
        Nanos(5_000_000 - 3_333_334 - 100_000)
    );
}

#[test]
fn e10_what_the_root_has_back_is_had_by_others_when_its_use_is_over() {
    let mut capacity = capacity();
    let wish = spec(1_000, 10_000, 0);
    let reserve = |capacity: &mut Capacity, parent, holder| {
        let granted = capacity.reserve(context(parent), context(holder), &wish);
        granted.map(|granted| granted.from)
    };
    assert_eq!(reserve(&mut capacity, 0, 1), Ok(Instant::BOOT));
    assert_eq!(reserve(&mut capacity, 0, 2), Ok(Instant::BOOT));
    let _ = capacity.give_back(context(1), Instant(70)).unwrap();
    let _ = capacity.give_back(context(2), Instant(40)).unwrap();
    assert_eq!(reserve(&mut capacity, 0, 3), Ok(Instant(70)));
    let wish = spec(100, 10_000, 0);
    let child = capacity.reserve(context(3), context(4), &wish).unwrap();
    assert_eq!(
        child.from,
        Instant::BOOT,
        "that is for what its parent has used to say"
    );
}
