//! Shares over time on one CPU: D1, and who runs when turns end.

use super::*;

// Virtual time of the lightest weight goes 64 times as fast; alone nobody holds the clock back.
#[test]
fn d4_after_half_a_year_alone_the_lightest_thread_and_a_newcomer_start_level() {
    for policy in [Policy::WeightedFair, Policy::Eevdf] {
        for days in [1, 30, 180] {
            let mut bench = Bench::with(policy);
            let _ = bench.add(weighted(1, 1));
            bench.dispatch();
            bench.now = Instant(days * 86_400 * 1_000_000_000);
            let _ = bench.add(weighted(2, 1));
            let running = bench.cpu.running().unwrap().share().vruntime();
            assert_eq!(running, VirtualTime::START.after(bench.now.0 * 64), "{days} days");
            assert_eq!(bench.cpu.clock(), running);
            let slice = 64 * SLICE;
            assert_eq!(
                bench.cpu.queued().next().unwrap().rank(),
                Rank::Fair(running.after(slice), ThreadId(2))
            );
        }
    }
}

/// Runs always-runnable threads of these weights for `span` and returns their runtimes in the same order.
fn shares(weights: &[u16], span: u64) -> alloc::vec::Vec<u64> {
    let mut bench = Bench::new();
    for (id, weight) in (1..).zip(weights) {
        let _ = bench.add(weighted(id, *weight));
    }
    bench.dispatch();
    bench.run_for(span);
    bench.runtimes().into_values().collect()
}

#[test]
fn d1_equal_weights_share_equally() {
    let used = shares(&[64, 64, 64], 300 * SLICE);
    assert_eq!(used, [100 * SLICE; 3]);
}

#[test]
fn d1_equal_threads_take_turns() {
    let mut bench = Bench::new();
    let _ = bench.add(thread(1));
    let _ = bench.add(thread(2));
    bench.dispatch();
    for turn in 0..10 {
        assert_eq!(bench.running_id(), 1 + turn % 2, "turn {turn}");
        bench.run_for(SLICE);
    }
}

#[test]
fn d1_shares_follow_weight() {
    let used = shares(&[64, 128, 1024, 1], 12_170 * SLICE);
    for (used, weight) in used.iter().zip([64, 128, 1024, 1]) {
        let ideal = 10 * SLICE * weight;
        assert!(
            used.abs_diff(ideal) <= 12 * SLICE,
            "weight {weight}: {used} instead of {ideal}"
        );
    }
}

#[test]
fn d1_long_run_shares_do_not_depend_on_the_class() {
    let mut bench = Bench::new();
    for (id, class) in (1..).zip([
        LatencyClass::Interactive,
        LatencyClass::Normal,
        LatencyClass::Batch,
    ]) {
        let _ = bench.add(classed(id, class));
    }
    bench.dispatch();
    bench.run_for(3_000 * SLICE);
    for (id, used) in bench.runtimes() {
        assert!(
            used.abs_diff(1_000 * SLICE) <= 4 * SLICE,
            "thread {id} used {used}"
        );
    }
}

#[test]
fn d1_a_turn_lasts_one_slice_of_its_class() {
    for (class, length) in [
        (LatencyClass::Interactive, SLICE / 2),
        (LatencyClass::Normal, SLICE),
        (LatencyClass::IpcServer, SLICE),
        (LatencyClass::Batch, 4 * SLICE),
    ] {
        let mut bench = Bench::new();
        let _ = bench.add(classed(1, class));
        let _ = bench.add(classed(2, class));
        bench.dispatch();
        assert_eq!(bench.timer, Some(Instant(length)), "{class:?}");
    }
}

#[test]
fn d1_the_heaviest_thread_keeps_the_cpu_while_its_turns_still_finish_first() {
    let mut bench = Bench::new();
    let _ = bench.add(weighted(1, 1024));
    let _ = bench.add(weighted(2, 64));
    bench.dispatch();
    // Its turns finish at 1/16, 2/16, … of a slice; the other one's at 1. A tie goes to the lower id.
    bench.run_for(16 * SLICE - 1);
    assert_eq!((bench.running_id(), bench.cpu.counters().switches), (1, 1));
    bench.run_for(1);
    assert_eq!(bench.running_id(), 2);
}

#[test]
fn a_thread_that_yields_lets_the_head_of_the_queue_go_first() {
    let mut bench = Bench::new();
    let _ = bench.add(weighted(1, 1024));
    let _ = bench.add(weighted(2, 64));
    bench.dispatch();
    assert_eq!(bench.running_id(), 1);
    bench.yield_now();
    assert_eq!(
        bench.running_id(),
        2,
        "although the heavy thread's turn would finish first"
    );
    bench.yield_now();
    assert_eq!(bench.running_id(), 1);
}

#[test]
fn a_thread_that_yields_alone_goes_on() {
    let mut bench = Bench::running_one();
    bench.yield_now();
    assert_eq!((bench.running_id(), bench.timer), (1, None));
}

#[test]
fn b1_the_local_queue_is_picked_in_order_until_it_is_empty() {
    let mut bench = Bench::new();
    for id in 1..=20 {
        let _ = bench.add(thread(id));
    }
    for id in 1..=20 {
        bench.dispatch();
        assert_eq!(bench.running_id(), id, "equal finishes go by thread id");
        let _ = bench.end(EndReason::Exited);
    }
    assert!(bench.cpu.pick(bench.now).is_none());
}

// A remote clock that is behind must not make a thread's time run backwards or count a gap twice.
#[test]
fn c1_a_clock_that_steps_back_charges_nothing_twice() {
    let mut bench = Bench::running_one();
    let mut entity = bench.running.take().unwrap();
    let _ = bench.cpu.charge(&mut entity, Instant(1_000));
    assert_eq!(bench.cpu.charge(&mut entity, Instant(400)).ran, Nanos::ZERO);
    assert_eq!(bench.cpu.charge(&mut entity, Instant(1_500)).ran, Nanos(500));
    assert_eq!(entity.account().runtime, Nanos(1_500));
}

#[test]
fn d4_giving_way_again_and_again_saves_up_no_credit() {
    for policy in [Policy::WeightedFair, Policy::Eevdf] {
        let mut bench = Bench::with(policy);
        for id in 1..=4 {
            let _ = bench.add(thread(id));
        }
        bench.dispatch();
        // Thread 1 gives way whenever it gets the CPU, for four seconds.
        for _ in 0..4_000 {
            if bench.running_id() == 1 {
                bench.yield_now();
            }
            bench.run_for(1_000_000);
        }
        let clock = bench.cpu.clock();
        let slowest = bench
            .cpu
            .queued()
            .map(|entity| entity.share().vruntime())
            .min()
            .unwrap();
        let behind = clock.offset_from(slowest);
        assert!(
            behind <= 3 * SLICE as i64,
            "{policy:?}: {behind} virtual ns were saved up"
        );
    }
}
