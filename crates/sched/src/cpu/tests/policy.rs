//! Weight and class changes while a thread waits or runs: D3.

use super::*;

fn weight(value: u16) -> Weight {
    Weight::new(value).unwrap()
}

#[test]
fn d3_a_weight_change_moves_a_queued_thread_at_once() {
    let mut bench = Bench::new();
    let _ = bench.add(thread(1));
    let rank = bench.add(thread(2)).rank;
    let moved = bench
        .cpu
        .reweigh_queued(rank, weight(1024), LatencyClass::Normal, bench.now)
        .unwrap();
    assert_eq!(bench.cpu.queued().next().unwrap().id(), ThreadId(2));
    assert_eq!(
        moved,
        Enqueued {
            rank: moved.rank,
            effect: Effect::Nothing
        }
    );
    assert!(
        bench.cpu.remove(rank, bench.now).is_none(),
        "the old rank is void"
    );
    assert!(bench.cpu.remove(moved.rank, bench.now).is_some());
}

#[test]
fn d3_a_queued_thread_that_becomes_heavy_preempts() {
    let mut bench = Bench::running_one();
    let rank = bench.add(thread(2)).rank;
    let moved = bench
        .cpu
        .reweigh_queued(rank, weight(1024), LatencyClass::Normal, bench.now)
        .unwrap();
    assert_eq!(moved.effect, Effect::Preempt);
}

#[test]
fn d3_a_running_thread_pays_the_old_weight_until_the_change() {
    let mut bench = Bench::running_one();
    bench.now = Instant(1_000);
    let _ = bench
        .cpu
        .reweigh_running(weight(128), LatencyClass::Normal, bench.now);
    bench.now = Instant(3_000);
    let entity = bench.end(EndReason::Blocked);
    assert_eq!(entity.weight(), weight(128));
    assert_eq!(entity.account().virtual_runtime, 1_000 + 1_000);
}

#[test]
fn d3_a_running_thread_that_becomes_light_makes_way_at_once() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    bench.run_for(SLICE / 2);
    assert_eq!(
        bench
            .cpu
            .reweigh_running(weight(1), LatencyClass::Normal, bench.now),
        Verdict::Switch
    );
}

#[test]
fn d3_setting_the_weight_again_and_again_does_not_lengthen_a_turn() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    while bench.running_id() == 1 {
        bench.run_for(SLICE / 10);
        if bench.running_id() == 1 {
            let verdict = bench
                .cpu
                .reweigh_running(weight(64), LatencyClass::Normal, bench.now);
            bench.obey(verdict);
        }
        assert!(bench.now.0 <= SLICE, "still running at {:?}", bench.now);
    }
}

#[test]
fn d3_a_parked_thread_keeps_the_service_it_is_ahead() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    bench.run_for(SLICE);
    let mut parked = bench.end(EndReason::Blocked);
    assert_eq!(parked.id(), ThreadId(2));
    let clock = bench.cpu.clock();
    let ahead = parked.share().vruntime().offset_from(clock);
    parked.reweigh_parked(weight(32), LatencyClass::Normal);
    assert_eq!(parked.share().vruntime().offset_from(clock), 2 * ahead);
}

#[test]
fn d3_a_running_thread_that_becomes_interactive_gets_a_shorter_turn_at_once() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    assert_eq!(bench.timer, Some(Instant(SLICE)));
    let verdict = bench
        .cpu
        .reweigh_running(weight(64), LatencyClass::Interactive, bench.now);
    assert_eq!(
        verdict,
        Verdict::Keep(Some(Horizon::turn_end(Instant(SLICE / 2))))
    );
}
