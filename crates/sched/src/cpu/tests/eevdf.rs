//! The second ordering over the same tree: eligibility by lag, then earliest virtual deadline (D5).

use super::*;

#[test]
fn d5_shares_follow_weight_under_eevdf_too() {
    let mut bench = Bench::with(Policy::Eevdf);
    let weights = [64, 128, 1024, 1];
    for (id, weight) in (1..).zip(weights) {
        let _ = bench.add(weighted(id, weight));
    }
    bench.dispatch();
    bench.run_for(12_170 * SLICE);
    for ((id, used), weight) in bench.runtimes().into_iter().zip(weights) {
        let ideal = 10 * SLICE * u64::from(weight);
        assert!(
            used.abs_diff(ideal) <= 2 * SLICE,
            "thread {id}: {used} instead of {ideal}"
        );
    }
}

#[test]
fn d5_a_thread_ahead_of_the_clock_waits_although_its_deadline_is_earlier() {
    let mut bench = Bench::with(Policy::Eevdf);
    let _ = bench.add(weighted(1, 1024));
    let _ = bench.add(weighted(2, 64));
    bench.dispatch();
    assert_eq!(bench.running_id(), 1);
    bench.run_for(SLICE);
    // The heavy thread is now ahead by 1/16 of a slice; under plain fair queueing it would go on.
    assert_eq!(bench.running_id(), 2);
}

#[test]
fn d5_an_interrupted_turn_keeps_its_deadline() {
    let mut bench = Bench::with(Policy::Eevdf);
    let _ = bench.add(thread(1));
    bench.dispatch();
    let deadline = bench.cpu.running().unwrap().share().vfinish();
    bench.now = Instant(SLICE / 4);
    let _ = bench.add(classed(2, LatencyClass::Interactive));
    let entity = bench.end(EndReason::Preempted);
    let rank = bench
        .cpu
        .enqueue(entity, EnqueueReason::Preempted, bench.now)
        .rank;
    assert_eq!(rank, Rank::Fair(deadline, ThreadId(1)));
}

#[test]
fn d5_what_is_left_of_an_interrupted_turn_is_what_it_gets_next() {
    let mut bench = Bench::with(Policy::Eevdf);
    let _ = bench.add(thread(1));
    let _ = bench.add(thread(2));
    bench.dispatch();
    bench.now = Instant(SLICE / 4);
    bench.preempt();
    assert_eq!(bench.running_id(), 2, "thread 1 is ahead of the clock");
    let _ = bench.block();
    assert_eq!(bench.running_id(), 1);
    let running = bench.cpu.running().unwrap();
    assert_eq!(running.turn_ends(), bench.now + Nanos(SLICE * 3 / 4));
}

/// Thread 1, and thread 2 that asks for an eighth of a slice at a time; the first turn has begun.
fn beside_a_small_request() -> Bench {
    let mut bench = Bench::with(Policy::Eevdf);
    let mut quick = thread(2);
    quick.set_request(Nanos(SLICE / 8));
    let _ = bench.add(thread(1));
    let _ = bench.add(quick);
    bench.dispatch();
    bench
}

#[test]
fn d5_a_smaller_request_means_an_earlier_turn_at_the_same_share() {
    let mut bench = beside_a_small_request();
    assert_eq!(bench.running_id(), 2);
    bench.run_for(1_000 * SLICE);
    for (id, used) in bench.runtimes() {
        assert!(used.abs_diff(500 * SLICE) <= SLICE, "thread {id}: {used}");
    }
}

// Found by measuring: beside two hogs, one wake-up in sixty of a heavy interactive thread waited for a whole turn,
// because the hog that waited too had a moment of its turn left, and so the earliest deadline of all.
#[test]
fn d5_an_arrival_does_not_wait_out_a_turn_behind_somebody_with_an_earlier_deadline() {
    let mut bench = beside_a_small_request();
    bench.run_for(SLICE / 8);
    assert_eq!(bench.running_id(), 1, "thread 2 is ahead of the clock");
    bench.run_for(SLICE / 4);
    let arrived = bench.add(classed(3, LatencyClass::Interactive));
    assert_eq!(arrived.effect, Effect::Preempt);
    let verdict = bench.cpu.reconsider(bench.now);
    bench.obey(verdict);
    assert_eq!(bench.running_id(), 2, "its deadline is the earliest");
    bench.run_for(SLICE / 8);
    assert_eq!(bench.running_id(), 3);
}
