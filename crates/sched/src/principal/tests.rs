use super::*;
use crate::cpu::{Cpu, EndReason, EnqueueReason};
use crate::entity::{Affinity, Entity, Home};
use crate::fair::Policy;
use crate::ids::{CpuId, ThreadId};
use crate::time::{Instant, VirtualTime};
use crate::weight::LatencyClass;
use std::boxed::Box;

const NOW: Instant = Instant(1_000);

struct Bench {
    cpu: Cpu<()>,
    principal: Arc<Principal>,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            cpu: Cpu::new(CpuId(0), Policy::WeightedFair, Instant::BOOT),
            principal: Arc::new(Principal::new(Weight::DEFAULT)),
        }
    }

    fn thread(&self, id: u64, weight: u16) -> Box<Entity<()>> {
        let weight = Weight::new(weight).unwrap();
        let mut thread = Entity::new(ThreadId(id), weight, LatencyClass::Normal, ());
        thread.join(self.principal.clone());
        thread
    }

    fn add(&mut self, id: u64, weight: u16) {
        let thread = self.thread(id, weight);
        let _ = self.cpu.enqueue(thread, EnqueueReason::New, NOW);
    }

    fn run(&mut self) -> Box<Entity<()>> {
        let mut thread = self.cpu.pick(NOW).unwrap();
        let _ = self.cpu.begin(&mut thread, NOW);
        thread
    }

    fn sum(&self) -> u32 {
        self.principal.runnable_weight()
    }
}

#[test]
fn d7_who_runs_or_waits_counts_and_who_sleeps_does_not() {
    let mut bench = Bench::new();
    bench.add(1, 64);
    bench.add(2, 100);
    assert_eq!(bench.sum(), 164);
    let mut first = bench.run();
    assert_eq!(bench.sum(), 164, "running is runnable");
    assert!(first.principal().is_none());
    assert!(bench.cpu.membership().is_some());
    let _ = bench.cpu.end(&mut first, NOW, EndReason::Preempted);
    let _ = bench.cpu.enqueue(first, EnqueueReason::Preempted, NOW);
    assert_eq!(bench.sum(), 164, "an interruption changes nothing");
    let mut first = bench.run();
    let _ = bench.cpu.end(&mut first, NOW, EndReason::Blocked);
    assert_eq!(bench.sum(), 64, "the heavy one was first");
    let _ = bench.cpu.enqueue(first, EnqueueReason::Wake, NOW);
    assert_eq!(bench.sum(), 164);
    let mut next = bench.run();
    let _ = bench.cpu.end(&mut next, NOW, EndReason::Exited);
    let left = bench.sum();
    drop(next);
    assert_eq!(bench.sum(), left, "not twice");
    assert!(left == 64 || left == 100);
}

#[test]
fn d7_a_thread_that_moves_counts_once() {
    let mut bench = Bench::new();
    bench.add(1, 64);
    bench.add(2, 64);
    let _running = bench.run();
    let stolen = bench.cpu.steal_for(CpuId(1), NOW).unwrap();
    assert_eq!(bench.sum(), 128, "it is on its way and wants a CPU");
    let mut other = Cpu::new(CpuId(1), Policy::WeightedFair, Instant::BOOT);
    let rank = other.enqueue(stolen, EnqueueReason::Migrated, NOW).rank;
    assert_eq!(bench.sum(), 128);
    let removed = other.remove(rank, NOW).unwrap();
    assert_eq!(bench.sum(), 64, "it was taken out for good");
    drop(removed);
    assert_eq!(bench.sum(), 64);
}

#[test]
fn d7_a_thread_that_is_lost_on_its_way_counts_no_more() {
    let mut bench = Bench::new();
    bench.add(1, 64);
    bench.add(2, 64);
    let _running = bench.run();
    drop(bench.cpu.steal_for(CpuId(1), NOW));
    assert_eq!(bench.sum(), 64);
}

#[test]
fn d7_a_handoff_exchanges_one_for_the_other_and_a_refused_one_neither() {
    let mut bench = Bench::new();
    bench.add(1, 64);
    let mut caller = bench.run();
    let server = bench.thread(2, 100);
    let server = bench.cpu.hand_over(&mut caller, server, NOW).unwrap().entity;
    assert_eq!(bench.sum(), 100);
    assert!(caller.principal().is_some() && server.principal().is_none());
    let (mut running, mut stranger) = (server, bench.thread(3, 7));
    stranger.set_affinity(Affinity::One(CpuId(7)));
    let mut refused = bench
        .cpu
        .hand_over(&mut running, stranger, NOW)
        .unwrap_err()
        .entity;
    assert_eq!(bench.sum(), 100);
    refused.set_affinity(Affinity::Any);
    let _ = bench.cpu.enqueue(refused, EnqueueReason::Wake, NOW);
    assert_eq!(bench.sum(), 107);
    // Whole, as the sum it was computed for: the refusal left nothing stale behind.
    let waiting = bench.cpu.queued().next().unwrap();
    assert_eq!(waiting.share().effective().wide(), 64 * 16 * 256 * 7 / 107);
}

#[test]
fn d7_a_change_of_weight_changes_the_sum_where_the_thread_is_runnable() {
    let mut bench = Bench::new();
    let weight = |weight| Weight::new(weight).unwrap();
    let mut parked = bench.thread(9, 64);
    parked.reweigh_parked(weight(500), LatencyClass::Normal);
    assert_eq!(bench.sum(), 0);
    let rank = {
        let thread = bench.thread(1, 64);
        bench.cpu.enqueue(thread, EnqueueReason::New, NOW).rank
    };
    let changed = bench
        .cpu
        .reweigh_queued(rank, weight(10), LatencyClass::Batch, NOW);
    assert!(changed.is_some());
    assert_eq!(bench.sum(), 10);
    let mut running = bench.run();
    let _ = bench.cpu.reweigh_running(weight(20), LatencyClass::Normal, NOW);
    assert_eq!(bench.sum(), 20);
    let _ = bench.cpu.end(&mut running, NOW, EndReason::Blocked);
    assert_eq!(bench.sum(), 0);
}

#[test]
fn d7_parts_add_up_to_the_whole_whatever_the_weights_are() {
    let bench = Bench::new();
    let whole = 64 * 16 * u64::from(SCALE);
    for count in 1..=64_u16 {
        let weights: std::vec::Vec<Weight> = (0..count)
            .map(|index| Weight::new(1 + index * 16).unwrap())
            .collect();
        let mut members: std::vec::Vec<Membership> = weights
            .iter()
            .map(|_| Membership::of(bench.principal.clone()))
            .collect();
        members
            .iter_mut()
            .zip(&weights)
            .for_each(|(member, weight)| member.count(*weight));
        let parts = members.iter_mut().zip(&weights);
        let sum: u64 = parts.map(|(member, weight)| member.part(*weight).wide()).sum();
        assert!(
            sum <= whole && sum + u64::from(count) >= whole,
            "{count} threads: {sum} of {whole}"
        );
    }
}

#[test]
fn d7_a_thread_on_its_own_weighs_what_it_weighs() {
    let thread: Box<Entity<()>> = Entity::new(ThreadId(1), Weight::DEFAULT, LatencyClass::Normal, ());
    assert_eq!(thread.share().effective(), EffectiveWeight::of(Weight::DEFAULT));
    assert!(thread.principal().is_none());
}

// A thread's counter told how its principal was doing instead of what it had used.
#[test]
fn c2_a_members_virtual_runtime_goes_by_its_own_weight() {
    let mut bench = Bench::new();
    for id in 1..=3 {
        bench.add(id, 100);
    }
    let mut running = bench.run();
    for piece in 1..=1_000 {
        let now = Instant(NOW.0 + piece * 7);
        let _ = bench.cpu.charge(&mut running, now);
        let account = running.account();
        let exact = account.runtime.0 * 64;
        assert!(account.virtual_runtime * 100 >= exact && account.virtual_runtime * 100 < exact + 100);
    }
}

// Half a year of service times 64 saturates, and what is rounded up then may not overflow.
#[test]
fn d7_the_time_that_a_member_is_shown_is_right_for_stays_of_any_length() {
    for weight in [1, 3, 63, 1023, 1024].map(|weight| Weight::new(weight).unwrap()) {
        let mut longest = 0;
        for ran in (0..u64::BITS).map(|exponent| 1 << exponent).chain([u64::MAX]) {
            let mut member = Membership::of(Arc::new(Principal::new(Weight::DEFAULT)));
            let shown = member.virtual_time(Nanos(ran), weight);
            let service = (u128::from(ran) * 64).min(u128::from(u64::MAX));
            assert_eq!(u128::from(shown), service.div_ceil(weight.get().into()));
            assert!(shown >= longest);
            longest = shown;
        }
        let mut member = Membership::of(Arc::new(Principal::new(Weight::DEFAULT)));
        let pieces: u64 = (0..10_000).map(|_| member.virtual_time(Nanos(1), weight)).sum();
        assert_eq!(pieces, 640_000_u64.div_ceil(weight.get().into()));
    }
}

#[test]
fn d7_a_thread_that_arrives_is_resized_around_the_clock_that_it_is_measured_on() {
    let (old, here) = (VirtualTime(1_000_000), VirtualTime(3_000_000));
    for (cpu, clock) in [(CpuId(0), here), (CpuId(1), old)] {
        let mut bench = Bench::new();
        let mut thread = bench.thread(1, 64);
        thread.count(CpuId(0), here);
        thread.discount();
        // Half of the principal's part from now on: its distance to its clock counts for twice as much.
        bench.add(2, 64);
        thread.home = Some(Home {
            cpu: CpuId(0),
            clock: old,
        });
        let before = thread.share().vruntime();
        thread.count(cpu, here);
        let after = thread.share().vruntime();
        assert_eq!(
            after,
            clock.moved(2 * before.offset_from(clock)),
            "arrived at {cpu}"
        );
    }
}
