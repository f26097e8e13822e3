//! D3 over random journeys: whatever two virtual clocks show, a thread that moves keeps its distance to them.

use proptest::prelude::*;
use sched::{Cpu, CpuId, EnqueueReason, Entity, Instant, LatencyClass, Nanos, Policy, ThreadId, Weight};

/// A CPU that runs a thread of this weight for ever, so that its clock advances at its own pace.
struct Busy {
    cpu: Cpu<()>,
    _runs: Box<Entity<()>>,
}

impl Busy {
    fn new(id: u32, policy: Policy, weight: Weight) -> Busy {
        let mut cpu = Cpu::new(CpuId(id), policy, Instant::BOOT);
        let hog = Entity::new(ThreadId(1_000 + u64::from(id)), weight, LatencyClass::Normal, ());
        let _ = cpu.enqueue(hog, EnqueueReason::New, Instant::BOOT);
        let mut runs = cpu.pick(Instant::BOOT).unwrap();
        let _ = cpu.begin(&mut runs, Instant::BOOT);
        Busy { cpu, _runs: runs }
    }

    /// How far the only waiting thread is from the clock, both brought up to `now`.
    fn lag(&mut self, now: Instant) -> i64 {
        let _ = self.cpu.uncollected(now);
        let waiting = self.cpu.queued().next().unwrap();
        waiting.share().vruntime().offset_from(self.cpu.clock())
    }
}

fn weight() -> impl Strategy<Value = Weight> {
    (1..=1024_u16).prop_map(|value| Weight::new(value).unwrap())
}

proptest! {
    #[test]
    fn d3_migration_keeps_the_lag_on_every_leg_of_a_journey(
        (here, there, traveller) in (weight(), weight(), weight()),
        eevdf in any::<bool>(),
        legs in proptest::collection::vec((0..50_000_000_u64, 0..5_000_u64), 1..40),
    ) {
        let policy = if eevdf { Policy::Eevdf } else { Policy::WeightedFair };
        let mut cpus = [Busy::new(0, policy, here), Busy::new(1, policy, there)];
        let traveller = Entity::new(ThreadId(7), traveller, LatencyClass::Normal, ());
        let _ = cpus[0].cpu.enqueue(traveller, EnqueueReason::New, Instant::BOOT);
        let (mut now, mut at) = (Instant::BOOT, 0);
        for (waits, travels) in legs {
            now = now + Nanos(waits);
            let lag = cpus[at].lag(now);
            let stolen = cpus[at].cpu.steal_for(CpuId(1 - at as u32), now).unwrap();
            now = now + Nanos(travels);
            at = 1 - at;
            // The clock it comes to is brought up to date first: time on the road is nobody's service.
            let _ = cpus[at].cpu.enqueue(stolen, EnqueueReason::Migrated, now);
            prop_assert_eq!(cpus[at].lag(now), lag);
        }
    }

    /// However its weight changes, the service a waiting thread is owed changes by rounding only, against it.
    #[test]
    fn d3_weight_changes_keep_the_service_owed(
        hog in weight(),
        weights in proptest::collection::vec(weight(), 1..20),
        ran in 0..1_000_000_000_u64,
    ) {
        let mut busy = Busy::new(0, Policy::WeightedFair, hog);
        let mut current = weights[0];
        let thread = Entity::new(ThreadId(7), current, LatencyClass::Normal, ());
        let mut rank = busy.cpu.enqueue(thread, EnqueueReason::New, Instant::BOOT).rank;
        let now = Instant(ran);
        for next in weights {
            let before = i128::from(busy.lag(now)) * i128::from(current.get());
            rank = busy.cpu.reweigh_queued(rank, next, LatencyClass::Normal, now).unwrap().rank;
            current = next;
            let after = i128::from(busy.lag(now)) * i128::from(current.get());
            prop_assert!(after >= before && after < before + i128::from(current.get()));
        }
    }
}
