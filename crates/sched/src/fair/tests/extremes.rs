//! The arithmetic of virtual time at both ends of its range, and at every distance between: what is right for seconds must
//! be right for years.

use super::*;
use std::vec::Vec;

/// Numbers beside every power of two: where a narrower type, a cut-off bit or a bound would show.
fn sizes() -> impl Iterator<Item = u64> {
    let beside = |exponent: u32| [(1 << exponent) - 1, 1 << exponent, (1 << exponent) + 1];
    (0..u64::BITS).flat_map(beside).chain([u64::MAX - 1, u64::MAX])
}

const WEIGHTS: [u16; 8] = [1, 2, 3, 63, 64, 65, 1023, 1024];

#[test]
fn d5_whoever_is_ahead_of_the_clock_is_not_eligible_however_far_and_whoever_is_behind_it_is() {
    for distance in sizes() {
        for clock in [
            VirtualTime::ZERO,
            VirtualTime(u64::from(u32::MAX)),
            VirtualTime::START,
        ] {
            let mut share = share(64);
            let ahead = clock.after(distance);
            share.start_at(ahead);
            assert_eq!(
                share.is_eligible(clock),
                ahead == clock,
                "{distance} ahead of {clock:?}"
            );
            share.start_at(clock);
            assert!(share.is_eligible(ahead), "{distance} behind {ahead:?}");
        }
    }
}

// The product saturates when a thread has run alone for half a year. From there on a longer run costs no less.
#[test]
fn d1_a_charge_of_any_length_is_what_it_comes_to_and_no_longer_run_costs_less() {
    for weight in WEIGHTS {
        let divisor = u128::from(weight) * u128::from(EffectiveWeight::UNITS);
        let mut lengths: Vec<u64> = sizes().collect();
        lengths.sort_unstable();
        let mut longest = 0;
        for ran in lengths {
            let mut share = share(weight);
            let charged = share.charge(Nanos(ran));
            let service = u128::from(ran) * u128::from(REFERENCE);
            let expected = service.min(u128::from(u64::MAX)).div_ceil(divisor);
            if divisor == u128::from(REFERENCE) {
                assert_eq!(charged, ran);
            } else {
                assert_eq!(u128::from(charged), expected, "{ran} ns at weight {weight}");
            }
            assert!(charged >= longest, "{ran} ns at weight {weight}");
            assert_eq!(share.vruntime(), VirtualTime::ZERO.after(charged));
            longest = charged;
        }
    }
}

#[test]
fn d1_what_was_rounded_is_kept_after_the_longest_charge_too() {
    for weight in WEIGHTS {
        for ran in sizes() {
            let mut share = share(weight);
            let _ = share.charge(Nanos(ran));
            let before = share.vruntime().0;
            let pieces = 10_000_u64;
            (0..pieces).for_each(|_| {
                let _ = share.charge(Nanos(1));
            });
            let weight = u64::from(weight);
            let more = share.vruntime().0 - before;
            // One virtual nanosecond of what is charged here may have been charged before.
            let least = (pieces * 64).saturating_sub(weight) / weight;
            let room = u64::MAX - before;
            assert!(
                more >= least.min(room) && more <= (pieces * 64).div_ceil(weight),
                "{ran} ns, then {more}"
            );
        }
    }
}

#[test]
fn d1_virtual_time_ends_at_its_end() {
    for weight in WEIGHTS {
        let mut share = share(weight);
        share.start_at(VirtualTime(u64::MAX - 5));
        let _ = share.charge(Nanos::from_secs(1));
        share.renew();
        assert_eq!(
            (share.vruntime(), share.vfinish()),
            (VirtualTime::MAX, VirtualTime::MAX)
        );
        assert!(!share.turn_is_open(Nanos(1)));
        share.rebase(VirtualTime::MAX, VirtualTime::START);
        assert_eq!(share.vruntime(), VirtualTime::START);
    }
    let mut clock = VirtualClock::new();
    clock.catch_up(VirtualTime(u64::MAX - 5));
    clock.advance(Nanos::from_secs(1), total(64));
    assert_eq!(clock.now(), VirtualTime::MAX);
    clock.advance(Nanos::MAX, total(1));
    assert_eq!(clock.now(), VirtualTime::MAX);
}

// A thread of weight 1 that runs alone for an hour and a quarter comes 2^48 virtual nanoseconds ahead of its clock.
#[test]
fn d4_the_clock_catches_up_with_the_slowest_however_far_that_is() {
    for distance in sizes() {
        let slowest = VirtualTime::START.after(distance);
        let mut clock = VirtualClock::new();
        clock.catch_up(slowest);
        assert_eq!(clock.now(), slowest, "{distance}");
        clock.catch_up(VirtualTime::START);
        assert_eq!(clock.now(), slowest, "never back");
    }
}

#[test]
fn d3_a_distance_is_kept_from_clock_to_clock_however_far_they_are_apart() {
    for distance in sizes().filter(|distance| *distance < 1 << 50) {
        for other in [1 << 20, 1 << 55, (1 << 56) + 1, 1 << 62].map(VirtualTime) {
            let mut ahead = share(64);
            ahead.start_at(VirtualTime::START.after(distance));
            ahead.renew();
            ahead.rebase(VirtualTime::START, other);
            assert_eq!(ahead.vruntime(), other.after(distance));
            assert_eq!(ahead.vfinish(), other.after(distance + ahead.virtual_slice()));
        }
    }
}

#[test]
fn d3_a_distance_at_another_weight_is_the_same_service_and_what_is_rounded_is_known() {
    let distances = [0, 1, -1, 7, -1_000_003, i64::MAX / 70_000, i64::MIN / 70_000];
    for (distance, old, new) in distances.into_iter().flat_map(|distance| {
        let weights = [(1, 64), (64, 1), (3, 65_535), (65_535, 3), (977, 977)];
        weights.into_iter().map(move |(old, new)| (distance, old, new))
    }) {
        for prepaid in [0, old as u32 - 1] {
            let service = i128::from(distance) * i128::from(old) - i128::from(prepaid);
            let (scaled, rest) = rescale(distance, old, prepaid, new);
            assert!(u64::from(rest) < new);
            assert_eq!(i128::from(scaled) * i128::from(new) - i128::from(rest), service);
        }
    }
}

#[test]
fn d3_a_distance_whose_service_does_not_fit_is_rounded_up_and_ends_at_the_longest_there_is() {
    for (distance, old, prepaid, new) in [
        (i64::MAX, 1_000, 0, 1_001),
        (i64::MAX, 1_000, 999, 65_535),
        (i64::MIN + 5, 3, 2, 7),
        (i64::MIN, 65_535, 65_534, 65_536),
    ] {
        let service = i128::from(distance) * i128::from(old) - i128::from(prepaid);
        let (scaled, rest) = rescale(distance, old, prepaid, new);
        let (most, new) = (i128::from(scaled) * i128::from(new), i128::from(new));
        assert!(
            service < most && most - new <= service,
            "{distance} from {old} to {new}"
        );
        assert_eq!(rest, 0);
    }
    assert_eq!(rescale(i64::MAX, 2, 0, 1), (i64::MAX, 0));
    assert_eq!(rescale(i64::MIN, 2, 0, 1), (i64::MIN, 0));
}

#[test]
fn d5_a_turn_is_open_while_more_is_left_than_rounding_leaves_and_as_much_as_is_asked_for() {
    let mut share = share(64);
    share.renew();
    let _ = share.charge(Nanos(share.slice().0 - 2));
    assert!(share.turn_is_open(Nanos(2)) && !share.turn_is_open(Nanos(3)));
    let _ = share.charge(Nanos(1));
    assert!(
        !share.turn_is_open(Nanos(1)),
        "one virtual nanosecond is what rounding leaves"
    );
}

#[test]
fn d4_credit_beyond_what_is_said_is_taken_away_and_no_other() {
    let mut share = share(64);
    share.start_at(VirtualTime(1_000));
    share.limit_credit_to(200, VirtualTime(1_100));
    assert_eq!(share.vruntime(), VirtualTime(1_000));
    share.limit_credit_to(200, VirtualTime(1_300));
    assert_eq!(share.vruntime(), VirtualTime(1_100));
}
