//! Threads with a deadline, fair ones and throttled ones on one CPU.

use super::*;
use crate::horizon::HorizonReason;
use crate::rank::Standing;

fn standing(id: u64, standing: Standing) -> Box<Entity<()>> {
    let mut thread = thread(id);
    thread.standing = standing;
    thread
}

#[test]
fn g2_the_earliest_deadline_runs_first_and_whoever_is_throttled_does_not_run() {
    for policy in [Policy::WeightedFair, Policy::Eevdf] {
        let mut bench = Bench::with(policy);
        let _ = bench.add(standing(1, Standing::Spent(Instant::BOOT)));
        let _ = bench.add(thread(2));
        let _ = bench.add(standing(3, Standing::Reserved(Instant(20))));
        let _ = bench.add(standing(4, Standing::Reserved(Instant(10))));
        assert_eq!(bench.cpu.load().waiting, 3);
        let mut order = std::vec::Vec::new();
        while let Some(picked) = bench.cpu.pick(bench.now) {
            order.push(picked.id().0);
        }
        assert_eq!(order, [4, 3, 2]);
        assert_eq!(bench.cpu.queued().map(Entity::id).next(), Some(ThreadId(1)));
    }
}

#[test]
fn g2_a_deadline_interrupts_a_fair_turn_and_an_earlier_one_a_later_one() {
    let mut bench = Bench::running_one();
    assert_eq!(
        bench.add(standing(2, Standing::Reserved(Instant(20)))).effect,
        Effect::Preempt
    );
    assert_eq!(bench.cpu.reconsider(bench.now), Verdict::Switch);
    let fair = bench.end(EndReason::Preempted);
    let _ = bench.cpu.enqueue(fair, EnqueueReason::Preempted, bench.now);
    bench.dispatch();
    assert_eq!(
        bench.cpu.running().unwrap().rank(),
        Rank::Deadline(Instant(20), ThreadId(2))
    );
    // The fair thread's turn is long over, and it still does not come before the deadline.
    assert!(matches!(
        bench.cpu.reconsider(Instant(100 * SLICE)),
        Verdict::Keep(_)
    ));
    assert_ne!(
        bench.add(standing(3, Standing::Reserved(Instant(20)))).effect,
        Effect::Preempt
    );
    assert_eq!(
        bench.add(standing(4, Standing::Reserved(Instant(19)))).effect,
        Effect::Preempt
    );
}

#[test]
fn e3_the_arrival_of_a_throttled_thread_disturbs_nobody_and_asks_for_a_timer_only() {
    let at = Instant(1_000 * SLICE);
    let timer = Horizon {
        at,
        why: HorizonReason::Replenishment,
    };
    let mut bench = Bench::new();
    let idle = bench.add(standing(1, Standing::Spent(at)));
    assert_eq!((idle.effect, bench.cpu.load().waiting), (Effect::Arm(timer), 0));
    let mut bench = Bench::running_one();
    let busy = bench.add(standing(2, Standing::Spent(at)));
    assert_eq!(busy.effect, Effect::Arm(timer));
    let later = bench.add(standing(3, Standing::Spent(at + Nanos(1))));
    assert_eq!(later.effect, Effect::Nothing, "somebody is before it");
    let verdict = bench.cpu.reconsider(Instant(100 * SLICE));
    assert_eq!(verdict, Verdict::Keep(Some(timer)));
    assert_eq!(bench.cpu.remove(busy.rank, bench.now).unwrap().id(), ThreadId(2));
}

#[test]
fn b1_only_those_served_by_weight_are_taken_by_other_cpus() {
    let mut bench = Bench::running_one();
    let _ = bench.add(standing(2, Standing::Reserved(Instant(5))));
    let _ = bench.add(standing(3, Standing::Spent(Instant(5))));
    assert!(bench.cpu.steal_for(CpuId(1), bench.now).is_none());
    let _ = bench.add(thread(4));
    assert_eq!(
        bench.cpu.steal_for(CpuId(1), bench.now).unwrap().id(),
        ThreadId(4)
    );
}

#[test]
fn g2_only_those_who_are_served_by_weight_divide_the_clock() {
    let mut bench = Bench::new();
    let _ = bench.add(standing(1, Standing::Reserved(Instant(20))));
    bench.dispatch();
    assert_eq!(bench.cpu.total_weight(), 0);
    let _ = bench.add(thread(2));
    let _ = bench.add(weighted(3, 128));
    assert_eq!(bench.cpu.total_weight(), bench.cpu.queue().weight());
    let _ = bench.end(EndReason::Blocked);
    bench.dispatch();
    let running = bench.running.as_ref().unwrap().share().effective().wide();
    assert_eq!(bench.cpu.total_weight(), bench.cpu.queue().weight() + running);
}

#[test]
fn d3_a_cpu_has_come_as_far_as_who_runs_there_alone() {
    let mut bench = Bench::running_one();
    let _ = bench.add(thread(2));
    bench.run_for(SLICE / 2);
    // Who goes on alone is behind: the other one has run.
    let _ = bench.block();
    assert_eq!(bench.running_id(), 2);
    let alone = bench.cpu.running().unwrap().share.vruntime();
    assert_eq!(bench.cpu.level(), alone);
    assert!(alone < bench.cpu.clock());
}
