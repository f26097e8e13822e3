//! Direct handoff: a preference that keeps the rules (B6).

use super::*;
use crate::cpu::handoff::HandoffRefusal;

fn offer(bench: &mut Bench, entity: Box<Entity<()>>) -> Result<(), HandoffRefusal> {
    bench
        .cpu
        .offer_handoff(entity, bench.now)
        .map_err(|refused| refused.reason)
}

/// The running thread blocks in favour of the offered one; returns the blocked one.
fn hand_over(bench: &mut Bench) -> Box<Entity<()>> {
    let caller = bench.end(EndReason::HandedOff);
    bench.dispatch();
    caller
}

#[test]
fn b6_the_thread_that_was_handed_the_cpu_runs_before_the_queue() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    assert_eq!(offer(&mut bench, thread(3)), Ok(()));
    let _ = hand_over(&mut bench);
    assert_eq!(bench.running_id(), 3);
    assert_eq!(bench.cpu.counters().handoffs, 1);
}

#[test]
fn b6_a_handoff_touches_no_queue() {
    let mut bench = Bench::running_one();
    assert_eq!(offer(&mut bench, thread(2)), Ok(()));
    assert_eq!(bench.cpu.queued().count(), 0);
    let _ = hand_over(&mut bench);
    assert_eq!((bench.running_id(), bench.timer), (2, None));
    assert_eq!(
        bench.cpu.counters().enqueues,
        1,
        "only thread 1, when it was created"
    );
}

#[test]
fn b6_a_taken_slot_refuses_and_gives_the_thread_back() {
    let mut bench = Bench::running_one();
    assert_eq!(offer(&mut bench, thread(2)), Ok(()));
    let refused = bench.cpu.offer_handoff(thread(3), bench.now).unwrap_err();
    assert_eq!(
        (refused.entity.id(), refused.reason),
        (ThreadId(3), HandoffRefusal::SlotTaken)
    );
}

#[test]
fn b6_affinity_is_respected() {
    let mut bench = Bench::running_one();
    let mut stranger = thread(2);
    stranger.set_affinity(Affinity::One(CpuId(7)));
    assert_eq!(offer(&mut bench, stranger), Err(HandoffRefusal::NotAllowedHere));
}

#[test]
fn b6_a_handoff_continues_the_callers_turn() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    bench.run_for(SLICE / 4);
    assert_eq!(offer(&mut bench, thread(3)), Ok(()));
    let _ = hand_over(&mut bench);
    assert_eq!(bench.timer, Some(Instant(SLICE)), "not a quarter later");
}

#[test]
fn b6_a_turn_that_is_over_cannot_be_handed_on() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    bench.now = Instant(SLICE);
    assert_eq!(offer(&mut bench, thread(3)), Err(HandoffRefusal::TurnOver));
}

#[test]
fn b6_a_thread_more_than_a_slice_ahead_waits_while_others_do() {
    let mut bench = Bench::running_one();
    bench.run_for(5 * SLICE);
    let sleeper = bench.end(EndReason::Blocked);
    // A fresh clock, and a thread that comes five slices ahead of it.
    let mut fresh = Bench::new();
    fresh.cpu = Cpu::new(CpuId(1), Policy::WeightedFair, Instant::BOOT);
    let mut ahead = sleeper;
    ahead
        .share
        .rebase(ahead.share.vruntime(), ahead.share.vruntime().after(5 * SLICE));
    let _ = fresh.add(thread(2));
    fresh.dispatch();
    let refused = fresh
        .cpu
        .offer_handoff(ahead, fresh.now)
        .map_err(|refused| (refused.reason, refused.entity));
    assert!(refused.is_ok(), "nobody waits, so nobody is wronged");
    ahead = fresh
        .cpu
        .remove(Rank::Fair(VirtualTime::ZERO, ThreadId(1)), fresh.now)
        .unwrap();
    let _ = fresh.add(thread(3));
    assert_eq!(offer(&mut fresh, ahead), Err(HandoffRefusal::TooFarAhead));
}

#[test]
fn b6_an_unused_handoff_falls_back_to_the_queue() {
    let mut bench = Bench::running_one();
    assert_eq!(offer(&mut bench, thread(2)), Ok(()));
    let demoted = bench.cpu.demote_handoff(bench.now).unwrap();
    assert_eq!(demoted.effect, Effect::Arm(Horizon::turn_end(Instant(SLICE))));
    assert_eq!(
        bench.cpu.queued().map(|entity| entity.id()).next(),
        Some(ThreadId(2))
    );
    assert!(bench.cpu.demote_handoff(bench.now).is_none());
    assert_eq!(bench.cpu.counters().handoff_fallbacks, 1);
}

#[test]
fn b6_a_thread_in_the_slot_can_be_killed() {
    let mut bench = Bench::running_one();
    assert_eq!(offer(&mut bench, thread(2)), Ok(()));
    let rank = Rank::Fair(VirtualTime::ZERO, ThreadId(2));
    assert_eq!(bench.cpu.remove(rank, bench.now).unwrap().id(), ThreadId(2));
    assert!(bench.cpu.handoff().is_none());
}

// docs/mutants.md, row 20: what is taken out is who was meant, wherever else somebody waits.
#[test]
fn b6_whoever_kills_a_queued_thread_leaves_the_slot_alone() {
    let mut bench = Bench::running_one();
    assert_eq!(offer(&mut bench, thread(2)), Ok(()));
    let rank = bench.add(thread(3)).rank;
    assert_eq!(bench.cpu.remove(rank, bench.now).unwrap().id(), ThreadId(3));
    assert_eq!(bench.cpu.handoff().map(|next| next.id()), Some(ThreadId(2)));
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
        waiting = match bench.cpu.offer_handoff(waiting, bench.now) {
            Ok(()) => hand_over(&mut bench),
            Err(refused) => {
                let _ = bench.wake(refused.entity);
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

/// What a handoff leaves behind: the caller, the thread that runs, its timer, and the counters.
type Outcome = (Box<Entity<()>>, Box<Entity<()>>, Option<Instant>, CpuCounters);

/// The same handoff, once in four steps and once in one.
fn both_ways(prepare: impl Fn() -> Bench) -> [Outcome; 2] {
    let mut steps = prepare();
    assert!(steps.cpu.offer_handoff(thread(5), steps.now).is_ok());
    let caller = hand_over(&mut steps);
    let in_steps = (
        caller,
        steps.running.take().unwrap(),
        steps.timer,
        *steps.cpu.counters(),
    );
    let mut once = prepare();
    let mut caller = once.running.take().unwrap();
    let done = once.cpu.hand_over(&mut caller, thread(5), once.now).unwrap();
    [
        in_steps,
        (
            caller,
            done.entity,
            done.horizon.map(|horizon| horizon.at),
            *once.cpu.counters(),
        ),
    ]
}

#[test]
fn b6_handing_over_in_one_step_is_the_same_as_in_four() {
    for others in [0, 2] {
        let [steps, once] = both_ways(|| {
            let mut bench = Bench::running_one();
            for id in 0..others {
                let _ = bench.add(thread(20 + id));
            }
            bench.run_for(SLICE / 3);
            bench
        });
        for (step, once) in [(&steps.0, &once.0), (&steps.1, &once.1)] {
            assert_eq!(
                (step.id(), step.share(), step.account()),
                (once.id(), once.share(), once.account())
            );
            assert_eq!(step.home, once.home);
        }
        assert_eq!((steps.2, steps.3), (once.2, once.3), "{others} others");
    }
}

#[test]
fn b6_a_refused_handover_leaves_the_caller_running() {
    let mut bench = Bench::running_one();
    let mut caller = bench.running.take().unwrap();
    let mut stranger = thread(2);
    stranger.set_affinity(Affinity::One(CpuId(7)));
    let refused = bench
        .cpu
        .hand_over(&mut caller, stranger, Instant(500))
        .unwrap_err();
    assert_eq!(
        (refused.reason, refused.entity.id()),
        (HandoffRefusal::NotAllowedHere, ThreadId(2))
    );
    assert_eq!(bench.cpu.running().map(Running::id), Some(ThreadId(1)));
    assert_eq!(bench.cpu.charge(&mut caller, Instant(600)).ran, Nanos(600));
}
