use super::*;

mod extremes;

/// The effective weight of threads that weigh so much together.
const fn total(weight: u64) -> u64 {
    weight * EffectiveWeight::UNITS
}

fn share(weight: u16) -> Share {
    Share::new(Weight::new(weight).unwrap(), LatencyClass::Normal)
}

#[test]
fn d1_virtual_runtime_advances_by_elapsed_times_64_over_weight() {
    for (weight, expected) in [(64, 3_000), (128, 1_500), (32, 6_000), (1, 192_000), (1024, 188)] {
        let mut share = share(weight);
        assert_eq!(share.charge(Nanos(3_000)), expected, "weight {weight}");
        assert_eq!(share.vruntime(), VirtualTime(expected));
    }
}

#[test]
fn d1_the_virtual_finish_lies_one_weighted_slice_ahead() {
    let mut share = share(128);
    share.charge(Nanos(1_000));
    share.renew();
    assert_eq!(share.vfinish(), VirtualTime(500 + DEFAULT_REQUEST.0 / 2));
}

// Rounding each conversion down would let a thread run in pieces too short to be charged.
#[test]
fn d1_charging_in_tiny_pieces_never_favours_the_thread_and_never_drifts() {
    for weight in [3, 63, 65, 100, 1000, 1023, 1024] {
        let mut share = share(weight);
        for piece in 1..=10_000_u64 {
            share.charge(Nanos(1));
            let exact_times_weight = piece * 64;
            let charged = share.vruntime().0 * u64::from(weight);
            assert!(charged >= exact_times_weight, "weight {weight} gained at {piece}");
            assert!(
                charged < exact_times_weight + u64::from(weight),
                "weight {weight} lost at {piece}"
            );
        }
    }
}

#[test]
fn d3_rebasing_keeps_the_distance_to_the_clock() {
    let mut ahead = share(64);
    ahead.start_at(VirtualTime(1_300));
    ahead.rebase(VirtualTime(1_000), VirtualTime(50_000));
    assert_eq!(ahead.vruntime(), VirtualTime(50_300));
    ahead.rebase(VirtualTime(50_900), VirtualTime(700));
    assert_eq!(ahead.vruntime(), VirtualTime(100));
}

#[test]
fn d3_a_weight_change_keeps_the_service_owed() {
    let clock = VirtualTime(1_000_000);
    // 640 virtual ns ahead at weight 1 are 10 ns of service; at weight 64 they are 10 virtual ns.
    let mut ahead = share(1);
    ahead.start_at(clock.after(640));
    ahead.reweigh(Weight::DEFAULT, LatencyClass::Normal, clock);
    assert_eq!(ahead.vruntime(), clock.after(10));
    let mut behind = share(64);
    behind.start_at(clock.before(10));
    behind.reweigh(Weight::MIN, LatencyClass::Batch, clock);
    assert_eq!(behind.vruntime(), clock.before(640));
    assert_eq!(
        behind.vfinish(),
        behind.vruntime().after(DEFAULT_REQUEST.0 * 4 * 64)
    );
}

#[test]
fn d3_a_weight_change_rounds_against_the_thread() {
    let clock = VirtualTime(1_000_000);
    let mut ahead = share(1);
    ahead.start_at(clock.after(10));
    ahead.reweigh(Weight::new(3).unwrap(), LatencyClass::Normal, clock);
    assert_eq!(ahead.vruntime(), clock.after(4), "10/3 rounds up");
    let mut behind = share(1);
    behind.start_at(clock.before(10));
    behind.reweigh(Weight::new(3).unwrap(), LatencyClass::Normal, clock);
    assert_eq!(behind.vruntime(), clock.before(3), "-10/3 rounds up");
}

#[test]
fn d4_sleeping_earns_at_most_one_virtual_slice() {
    let clock = VirtualTime(1_000_000_000_000);
    let mut sleeper = share(64);
    sleeper.limit_credit(clock);
    assert_eq!(sleeper.vruntime(), clock.before(sleeper.virtual_slice()));
    let mut busy = share(64);
    busy.start_at(clock.after(7));
    busy.limit_credit(clock);
    assert_eq!(busy.vruntime(), clock.after(7));
}

#[test]
fn the_clock_advances_by_service_over_total_weight() {
    let mut clock = VirtualClock::default();
    clock.advance(Nanos(1_000), total(64));
    assert_eq!(clock.now(), VirtualTime::START.after(1_000));
    clock.advance(Nanos(1_000), total(128));
    assert_eq!(clock.now(), VirtualTime::START.after(1_500));
    clock.catch_up(VirtualTime::START.after(1_400));
    assert_eq!(clock.now(), VirtualTime::START.after(1_500), "never back");
    clock.catch_up(VirtualTime::START.after(1_600));
    assert_eq!(clock.now(), VirtualTime::START.after(1_600));
}

// The left-over of a heavy queue, spent at the rate of a light one, moved the clock by microseconds nobody had served.
#[test]
fn d1_a_change_of_total_weight_does_not_move_the_clock() {
    let mut clock = VirtualClock::new();
    clock.advance(Nanos(1), total(100_000));
    clock.advance(Nanos(0), total(1));
    assert_eq!(clock.now(), VirtualTime::START);
}

#[test]
fn d1_the_clock_does_not_lose_what_short_intervals_leave_over() {
    let mut clock = VirtualClock::new();
    (0..1_000).for_each(|_| clock.advance(Nanos(1), total(640)));
    assert_eq!(clock.now(), VirtualTime::START.after(100));
}

#[test]
fn d3_the_clock_waits_for_a_thread_that_comes_from_behind() {
    let mut clock = VirtualClock::new();
    clock.wait_for(EffectiveWeight::of(Weight::DEFAULT), 1_000);
    assert_eq!(
        clock.level(total(128)),
        VirtualTime::START.before(500),
        "the average of the two"
    );
    clock.advance(Nanos(400), total(128));
    assert_eq!(clock.now(), VirtualTime::START);
    clock.advance(Nanos(800), total(128));
    assert_eq!(
        clock.now(),
        VirtualTime::START.after(100),
        "600 are owed, 200 move it on"
    );
    clock.wait_for(EffectiveWeight::of(Weight::DEFAULT), 1_000);
    clock.catch_up(VirtualTime::START.after(100));
    assert_eq!(
        clock.level(total(128)),
        VirtualTime::START.after(100),
        "nobody is behind it"
    );
}

#[test]
fn d3_a_thread_that_leaves_behind_the_clock_is_owed_nothing_more() {
    let weight = EffectiveWeight::of(Weight::DEFAULT);
    let mut clock = VirtualClock::new();
    clock.wait_for(weight, 1_000);
    clock.leaves(weight, 300);
    assert_eq!(
        clock.level(total(128)),
        VirtualTime::START.before(500),
        "it was ahead, so nothing of this was its own"
    );
    clock.leaves(weight, -1_000);
    assert_eq!(clock.level(total(64)), VirtualTime::START);
}
