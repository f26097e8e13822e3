//! Arrivals and what they demand of the caller: B4, D4, X1.

use super::*;

#[test]
fn b4_a_wake_of_an_idle_cpu_says_so() {
    let mut bench = Bench::new();
    assert_eq!(bench.add(thread(1)).effect, Effect::WakeIdle);
    assert_eq!(bench.cpu.counters().wakes_of_idle, 1);
}

#[test]
fn b4_a_pending_reschedule_is_not_sent_again() {
    let mut bench = Bench::new();
    assert!(bench.cpu.request_reschedule());
    assert!(!bench.cpu.request_reschedule());
    bench.cpu.acknowledge_reschedule();
    assert!(bench.cpu.request_reschedule());
    let counters = bench.cpu.counters();
    assert_eq!(
        (counters.reschedules_sent, counters.reschedules_already_pending),
        (2, 1)
    );
    assert_eq!(counters.reschedules_received, 1);
}

#[test]
fn b4_an_acknowledgement_without_a_request_counts_nothing() {
    let mut bench = Bench::new();
    bench.cpu.acknowledge_reschedule();
    assert_eq!(bench.cpu.counters().reschedules_received, 0);
}

#[test]
fn x1_a_thread_alone_has_no_slice_timer() {
    let mut bench = Bench::running_one();
    assert_eq!(bench.timer, None);
    bench.run_for(1_000 * SLICE);
    assert_eq!(bench.cpu.counters().slices_armed, 0);
    assert_eq!(bench.cpu.reconsider(bench.now), Verdict::Keep(None));
}

#[test]
fn x1_the_second_runnable_thread_brings_the_slice_timer() {
    let mut bench = Bench::running_one();
    bench.run_for(SLICE / 4);
    assert_eq!(
        bench.add(thread(2)).effect,
        Effect::Arm(Horizon::turn_end(Instant(SLICE))),
        "the turn began at zero"
    );
    assert_eq!(
        bench.add(thread(3)).effect,
        Effect::Nothing,
        "it is armed already"
    );
}

#[test]
fn x1_a_turn_that_ran_over_while_alone_starts_afresh_when_somebody_arrives() {
    let mut bench = Bench::running_one();
    bench.run_for(10 * SLICE);
    assert_eq!(
        bench.add(thread(2)).effect,
        Effect::Arm(Horizon::turn_end(Instant(11 * SLICE)))
    );
}

#[test]
fn x1_the_slice_timer_goes_away_with_the_last_competitor() {
    let mut bench = Bench::running_one();
    let rank = bench.add(thread(2)).rank;
    assert!(bench.cpu.remove(rank, bench.now).is_some());
    assert_eq!(bench.cpu.reconsider(Instant(SLICE)), Verdict::Keep(None));
}

#[test]
fn x1_a_slice_timer_that_fires_early_is_armed_again_for_the_same_instant() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    assert_eq!(
        bench.cpu.reconsider(Instant(SLICE - 1)),
        Verdict::Keep(Some(Horizon::turn_end(Instant(SLICE))))
    );
    assert_eq!(bench.cpu.reconsider(Instant(SLICE)), Verdict::Switch);
}

#[test]
fn d4_a_sleeper_comes_back_with_one_slice_of_credit_at_most() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    bench.run_for(SLICE / 2);
    let sleeper = bench.block();
    bench.run_for(1_000 * SLICE);
    let _ = bench.cpu.uncollected(bench.now);
    let clock = bench.cpu.clock();
    let rank = bench.wake(sleeper).rank;
    assert_eq!(
        rank,
        Rank::Fair(clock, ThreadId(1)),
        "one slice behind the clock, so its turn finishes at the clock"
    );
}

#[test]
fn d4_a_sleeper_preempts_a_hog() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    bench.run_for(SLICE / 2);
    let sleeper = bench.block();
    bench.run_for(1_000 * SLICE);
    assert_eq!(bench.wake(sleeper).effect, Effect::Preempt);
    assert_eq!(bench.cpu.reconsider(bench.now), Verdict::Switch);
}

#[test]
fn d4_a_short_sleep_earns_nothing() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    bench.run_for(SLICE / 2);
    let sleeper = bench.block();
    let before = sleeper.share().vruntime();
    let _ = bench.wake(sleeper);
    let waiting = bench.cpu.queued().next().unwrap();
    assert_eq!(waiting.share().vruntime(), before);
}

#[test]
fn d4_a_new_thread_starts_level_and_does_not_jump_the_queue() {
    let mut bench = Bench::running_one();
    bench.run_for(100 * SLICE);
    let newcomer = bench.add(thread(2));
    assert!(matches!(newcomer.effect, Effect::Arm(_)), "no preemption");
    let waiting = bench.cpu.queued().next().unwrap();
    assert_eq!(waiting.share().vruntime(), bench.cpu.clock());
}

// Without a clock that follows delivered service each newcomer would start where the light thread waits and always
// finish first.
#[test]
fn d4_a_stream_of_newcomers_does_not_starve_a_light_thread() {
    let mut bench = Bench::new();
    let _ = bench.add(weighted(1, 1));
    let mut served = false;
    for id in 2..200 {
        let _ = bench.add(classed(id, LatencyClass::Interactive));
        bench.dispatch();
        served |= bench.running_id() == 1;
        bench.run_for(SLICE / 4);
        let _ = bench.end(EndReason::Exited);
    }
    assert!(
        !served,
        "198 newcomers of a quarter slice are 49 slices: its turn finishes at 64"
    );
    for id in 200..400 {
        let _ = bench.add(classed(id, LatencyClass::Interactive));
        bench.dispatch();
        if bench.running_id() == 1 {
            return;
        }
        bench.run_for(SLICE / 4);
        let _ = bench.end(EndReason::Exited);
    }
    panic!("the light thread starved");
}

#[test]
fn d1_an_interactive_thread_goes_before_a_normal_one_and_a_batch_thread_after() {
    let mut bench = Bench::new();
    let _ = bench.add(classed(1, LatencyClass::Batch));
    let _ = bench.add(classed(2, LatencyClass::Normal));
    let _ = bench.add(classed(3, LatencyClass::Interactive));
    let _ = bench.add(classed(4, LatencyClass::IpcServer));
    let order: alloc::vec::Vec<u64> = bench.cpu.queued().map(|entity| entity.id().0).collect();
    assert_eq!(order, [3, 2, 4, 1]);
}

#[test]
fn d4_a_newcomer_starts_with_the_slowest_when_everybody_is_ahead_of_the_clock() {
    // Thread 1 ran on one CPU until it was ahead of that clock, and brings its lead to a fresh one.
    let mut old = Bench::running_one();
    let _ = old.add(thread(2));
    old.run_for(SLICE - 1);
    let ahead = old.end(EndReason::Blocked);
    let lead = ahead.share().vruntime().offset_from(old.cpu.clock());
    assert!(lead > 0);
    let mut bench = Bench::new();
    bench.cpu = Cpu::new(CpuId(1), Policy::WeightedFair, Instant::BOOT);
    let _ = bench.wake(ahead);
    bench.dispatch();
    bench.run_for(10);
    let newcomer = bench.add(thread(3));
    assert_eq!(
        newcomer.rank,
        Rank::Fair(VirtualTime::START.moved(lead).after(10 + SLICE), ThreadId(3))
    );
}

#[test]
fn d4_the_clock_never_falls_behind_the_slowest_runnable_thread() {
    let mut bench = Bench::running_one();
    let mut ahead = thread(2);
    ahead.share.start_at(VirtualTime::START.after(10 * SLICE));
    ahead.home = Some(Home {
        cpu: CpuId(1),
        clock: VirtualTime::START,
    });
    let _ = bench.cpu.enqueue(ahead, EnqueueReason::Migrated, bench.now);
    bench.now = Instant(SLICE);
    let _ = bench.cpu.uncollected(bench.now);
    // Delivered service alone, shared by two, would have moved it by half a slice, and a newcomer would go first.
    assert_eq!(bench.cpu.clock(), VirtualTime::START.after(SLICE));
}

#[test]
fn d4_a_thread_saves_up_no_credit_while_it_runs_alone() {
    let mut bench = Bench::new();
    let mut behind = thread(1);
    behind.share.start_at(VirtualTime::START.before(SLICE));
    behind.home = Some(Home {
        cpu: CpuId(0),
        clock: VirtualTime::START,
    });
    let _ = bench.wake(behind);
    bench.dispatch();
    bench.run_for(3 * SLICE);
    let newcomer = bench.add(thread(2));
    let running = bench.cpu.running().unwrap().share().vruntime();
    assert_eq!(
        (running, newcomer.rank),
        (
            VirtualTime::START.after(2 * SLICE),
            Rank::Fair(running.after(SLICE), ThreadId(2))
        )
    );
}
