//! Direct handoff: a preference that keeps the rules (B6).

use super::*;
use crate::cpu::handoff::HandoffRefusal;

/// Who was refused, and why.
type Refused = (Box<Entity<()>>, HandoffRefusal);

/// The running thread waits and hands the CPU to `to`; the one that waits, or `to` and why not.
fn hand_over(bench: &mut Bench, to: Box<Entity<()>>) -> Result<Box<Entity<()>>, Refused> {
    let mut from = bench.running.take().unwrap();
    match bench.cpu.hand_over(&mut from, to, bench.now) {
        Ok(done) => {
            bench.timer = done.horizon.map(|horizon| horizon.at);
            bench.running = Some(done.entity);
            Ok(from)
        }
        Err(refused) => {
            bench.running = Some(from);
            Err((refused.entity, refused.reason))
        }
    }
}

/// Why it was refused.
fn refusal(bench: &mut Bench, to: Box<Entity<()>>) -> Option<HandoffRefusal> {
    hand_over(bench, to).err().map(|(_, reason)| reason)
}

#[test]
fn b6_the_thread_that_was_handed_the_cpu_runs_before_the_queue() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    assert_eq!(refusal(&mut bench, thread(3)), None);
    assert_eq!(bench.running_id(), 3);
    assert_eq!(bench.cpu.counters().handoffs, 1);
}

#[test]
fn b6_a_handoff_touches_no_queue() {
    let mut bench = Bench::running_one();
    assert_eq!(refusal(&mut bench, thread(2)), None);
    assert_eq!(bench.cpu.queued().count(), 0);
    assert_eq!((bench.running_id(), bench.timer), (2, None));
    assert_eq!(
        bench.cpu.counters().enqueues,
        1,
        "only thread 1, when it was created"
    );
}

#[test]
fn b6_affinity_is_respected() {
    let mut bench = Bench::running_one();
    let mut stranger = thread(2);
    stranger.set_affinity(Affinity::One(CpuId(7)));
    assert_eq!(
        refusal(&mut bench, stranger),
        Some(HandoffRefusal::NotAllowedHere)
    );
}

#[test]
fn b6_a_handoff_continues_the_callers_turn() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    bench.run_for(SLICE / 4);
    assert_eq!(refusal(&mut bench, thread(3)), None);
    assert_eq!(bench.timer, Some(Instant(SLICE)), "not a quarter later");
}

#[test]
fn b6_a_turn_that_is_over_cannot_be_handed_on() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    bench.now = Instant(SLICE);
    assert_eq!(refusal(&mut bench, thread(3)), Some(HandoffRefusal::TurnOver));
}

#[test]
fn b6_a_thread_more_than_a_slice_ahead_waits_while_others_do() {
    let mut bench = Bench::running_one();
    bench.run_for(5 * SLICE);
    let mut ahead = bench.end(EndReason::Blocked);
    // A fresh clock, and a thread that comes five slices ahead of it.
    ahead
        .share
        .rebase(ahead.share.vruntime(), ahead.share.vruntime().after(5 * SLICE));
    let fresh = || {
        let mut fresh = Bench::new();
        fresh.cpu = Cpu::new(CpuId(1), Policy::WeightedFair, Instant::BOOT);
        let _ = fresh.add(thread(2));
        fresh.dispatch();
        fresh
    };
    let mut shared = fresh();
    let _ = shared.add(thread(3));
    let (ahead, why) = hand_over(&mut shared, ahead).unwrap_err();
    assert_eq!(why, HandoffRefusal::TooFarAhead);
    assert_eq!(
        refusal(&mut fresh(), ahead),
        None,
        "nobody waits, so nobody is wronged"
    );
}

#[test]
fn b6_a_refused_handoff_leaves_the_caller_running_and_falls_back_to_the_queue() {
    let mut bench = Bench::running_one();
    let mut stranger = thread(2);
    stranger.set_affinity(Affinity::One(CpuId(7)));
    bench.now = Instant(500);
    let (refused, why) = hand_over(&mut bench, stranger).unwrap_err();
    assert_eq!((why, refused.id()), (HandoffRefusal::NotAllowedHere, ThreadId(2)));
    assert_eq!(bench.cpu.running().map(Running::id), Some(ThreadId(1)));
    assert_eq!(bench.cpu.counters().handoff_fallbacks, 1);
    let mut caller = bench.running.take().unwrap();
    assert_eq!(bench.cpu.charge(&mut caller, Instant(600)).ran, Nanos(600));
}

// A client that does almost nothing and a server that does all the work would own the CPU if only the client's
// time decided about their turns.
#[test]
fn b6_a_pair_that_hands_over_cannot_starve_a_hog() {
    let mut bench = Bench::new();
    let _ = bench.add(thread(1));
    let _ = bench.add(thread(9));
    bench.dispatch();
    let mut waiting = thread(2);
    let (client_work, server_work) = (SLICE / 400, SLICE / 4);
    while bench.now.0 < 2_000 * SLICE {
        let runner = bench.running_id();
        if runner == 9 {
            bench.run_for(SLICE / 8);
            continue;
        }
        bench.run_for(if runner == 1 { client_work } else { server_work });
        if bench.running_id() != runner {
            continue;
        }
        waiting = match hand_over(&mut bench, waiting) {
            Ok(caller) => caller,
            Err((refused, _)) => {
                let _ = bench.wake(refused);
                bench.block()
            }
        };
    }
    let pair_id = waiting.id().0;
    let pair_used = waiting.account().runtime.0;
    let used = bench.runtimes();
    let hog = used[&9];
    let total: u64 = used.values().sum::<u64>() + if used.contains_key(&pair_id) { 0 } else { pair_used };
    assert!(hog * 100 >= total * 45, "the hog got {hog} of {total}");
}

#[test]
fn b6_a_handoff_charges_the_caller_counts_for_both_and_begins_no_turn() {
    for others in [0, 2] {
        let mut bench = Bench::running_one();
        for id in 0..others {
            let _ = bench.add(thread(20 + id));
        }
        bench.run_for(SLICE / 3);
        let before = *bench.cpu.counters();
        let turn_ends = bench.cpu.running().unwrap().turn_ends();
        let caller = hand_over(&mut bench, thread(5)).unwrap();
        assert_eq!(caller.account().runtime, Nanos(SLICE / 3));
        assert_eq!(caller.account().voluntary_blocks, 1);
        assert_eq!(caller.home.map(|home| home.cpu), Some(CpuId(0)));
        let running = bench.cpu.running().unwrap();
        assert_eq!(
            (running.id(), running.turn_ends(), running.charged_to()),
            (ThreadId(5), turn_ends, bench.now)
        );
        assert_eq!(bench.timer, (others > 0).then_some(turn_ends));
        let callee = bench.running.as_ref().unwrap();
        assert_eq!(
            (callee.account().switches, callee.last_cpu()),
            (1, Some(CpuId(0)))
        );
        let after = CpuCounters {
            busy: Nanos(SLICE / 3),
            switches: before.switches + 1,
            handoffs: before.handoffs + 1,
            voluntary_blocks: before.voluntary_blocks + 1,
            slices_armed: before.slices_armed + u64::from(others > 0),
            slices_not_needed: before.slices_not_needed + u64::from(others == 0),
            shared: if others > 0 { Nanos(SLICE / 3) } else { Nanos::ZERO },
            ..before
        };
        assert_eq!(*bench.cpu.counters(), after, "{others} others");
    }
}
