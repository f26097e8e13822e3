//! B3: after a thread and its deadline were made, nothing allocates or frees memory until they are dropped.

use std::mem::swap;
use std::sync::Arc;

use allocation_counter::measure;
use sched::balance::{Given, give};
use sched::placement::{helper, new_thread_target, steal_order, wake_target};
use sched::{
    Affinity, Budget, ContextId, Cpu, CpuId, Deadline, DeadlineQueue, EndReason, EnqueueReason, Entity,
    Instant, LatencyClass, LoadBoard, Nanos, Overrun, Policy, Principal, Spec, ThreadId, Topology, Weight,
};

fn thread(id: u64) -> Box<Entity<()>> {
    Entity::new(
        ThreadId(id),
        Weight::new(1 + (id % 1024) as u16).unwrap(),
        LatencyClass::Normal,
        (),
    )
}

fn touches_memory(action: impl FnOnce()) -> u64 {
    let seen = measure(action);
    seen.count_total + (seen.count_current.unsigned_abs())
}

#[test]
fn b3_the_measurement_notices_an_allocation() {
    assert_ne!(touches_memory(|| drop(thread(1))), 0);
}

#[test]
fn b3_a_whole_scheduling_life_allocates_nothing() {
    for policy in [Policy::WeightedFair, Policy::Eevdf] {
        let mut threads: Vec<_> = (1..=500).map(thread).collect();
        let principal = Arc::new(Principal::new(Weight::DEFAULT));
        threads
            .iter_mut()
            .step_by(2)
            .for_each(|thread| thread.join(principal.clone()));
        let mut left: Vec<Box<Entity<()>>> = Vec::with_capacity(threads.len());
        let mut cpus = [0, 1].map(|id| Cpu::new(CpuId(id), policy, Instant::BOOT));
        let mut now = Instant::BOOT;
        let touched = touches_memory(|| {
            while let Some(thread) = threads.pop() {
                let _ = cpus[0].enqueue(thread, EnqueueReason::New, now);
            }
            for round in 0..2_000_u64 {
                now = now + Nanos(10_000 + round);
                let mut running = cpus[0].pick(now).unwrap();
                let _ = cpus[0].begin(&mut running, now);
                now = now + Nanos(100_000);
                let _ = cpus[0].charge(&mut running, now);
                let _ = cpus[0].reconsider(now);
                let (why, again) = match round % 3 {
                    0 => (EndReason::Blocked, EnqueueReason::Wake),
                    1 => (EndReason::Preempted, EnqueueReason::Preempted),
                    _ => (EndReason::Yielded, EnqueueReason::Yielded),
                };
                let _ = cpus[0].end(&mut running, now, why);
                let _ = cpus[0].enqueue(running, again, now);
                if let Some(stolen) = cpus[0].steal_for(CpuId(1), now) {
                    let rank = cpus[1].enqueue(stolen, EnqueueReason::Migrated, now).rank;
                    let moved = cpus[1]
                        .reweigh_queued(rank, Weight::DEFAULT, LatencyClass::Batch, now)
                        .unwrap();
                    let back = cpus[1].remove(moved.rank, now).unwrap();
                    let _ = cpus[0].enqueue(back, EnqueueReason::Migrated, now);
                }
            }
            while let Some(picked) = cpus[0].pick(now) {
                left.push(picked);
            }
        });
        assert_eq!((touched, left.len()), (0, 500), "{policy:?}");
    }
}

#[test]
fn b3_deadlines_are_armed_cancelled_and_expired_without_memory() {
    let mut boxes: Vec<_> = (0..300_u64).map(Deadline::new).collect();
    let mut queue = DeadlineQueue::new();
    let touched = touches_memory(|| {
        for round in 0..5_000_u64 {
            if let Some(deadline) = boxes.pop() {
                let key = queue.insert(Instant(round + round * 7 % 100), deadline);
                if round % 4 == 0 {
                    boxes.extend(queue.cancel(key));
                }
            }
            while let Some(deadline) = queue.pop_due(Instant(round)) {
                boxes.push(deadline);
            }
        }
    });
    assert_eq!(touched, 0);
}

#[test]
fn b3_placement_decides_without_memory() {
    let (topology, board) = (Topology::flat(256), LoadBoard::new(256));
    let mut cpus: Vec<Cpu<()>> = (0..256)
        .map(|id| Cpu::new(CpuId(id), Policy::default(), Instant::BOOT))
        .collect();
    let _ = cpus[0].begin(&mut thread(1), Instant::BOOT);
    let _ = cpus[0].enqueue(thread(2), EnqueueReason::New, Instant::BOOT);
    let touched = touches_memory(|| {
        cpus.iter().for_each(|cpu| board.publish(cpu));
        let _ = wake_target(Some(CpuId(0)), &Affinity::Any, CpuId(0), &topology, &board);
        let _ = new_thread_target(&Affinity::Any, CpuId(0), &topology, &board);
        assert_eq!(steal_order(CpuId(5), &topology, &board).next(), Some(CpuId(0)));
        assert_eq!(helper(&cpus[0], &topology, &board), Some(CpuId(1)));
    });
    assert_eq!(touched, 0);
}

#[test]
fn b3_a_thread_changes_to_the_cpu_that_is_ahead_without_memory() {
    let (topology, board) = (Topology::flat(2), LoadBoard::new(2));
    let mut cpus = [0, 1].map(|id| Cpu::<()>::new(CpuId(id), Policy::default(), Instant::BOOT));
    let later = Instant(1_000_000_000);
    let mut running = Vec::new();
    for (cpu, ids) in cpus.iter_mut().zip([vec![64, 65, 66], vec![67]]) {
        for id in ids {
            let _ = cpu.enqueue(thread(id), EnqueueReason::New, Instant::BOOT);
        }
        let mut first = cpu.pick(Instant::BOOT).unwrap();
        let _ = cpu.begin(&mut first, Instant::BOOT);
        running.push(first);
        board.publish(cpu);
    }
    let touched = touches_memory(|| {
        let given = give(&mut cpus[0], &topology, &board, later).unwrap();
        let Given::Waiting(entity, CpuId(1)) = given else {
            panic!("{given:?}");
        };
        let _ = cpus[1].enqueue(entity, EnqueueReason::Balanced, later);
    });
    assert_eq!(
        (touched, cpus[0].load().waiting, cpus[1].load().waiting),
        (0, 1, 1)
    );
}

#[test]
fn b3_budgets_are_used_up_and_come_back_without_memory() {
    let budget = |number, overrun| {
        let (budget, period) = (Nanos::from_micros(200), Nanos::from_micros(1_000));
        let spec = match overrun {
            Overrun::Throttle => Spec::limit(budget, period, overrun),
            _ => Spec::reservation(budget, period, Nanos::ZERO, overrun),
        };
        let context = ContextId {
            number,
            generation: 1,
        };
        Some(Budget::new(context, spec.unwrap(), Instant::BOOT))
    };
    for policy in [Policy::WeightedFair, Policy::Eevdf] {
        let mut threads: Vec<_> = (1..=20).map(thread).collect();
        for (number, thread) in (0..).zip(&mut threads) {
            let overrun = [Overrun::Throttle, Overrun::Demote][number as usize % 2];
            thread.change_parked_budget(|none| *none = budget(number, overrun));
        }
        let mut hand = budget(100, Overrun::Demote);
        let mut cpu = Cpu::new(CpuId(0), policy, Instant::BOOT);
        let mut now = Instant::BOOT;
        let mut left: Vec<Box<Entity<()>>> = Vec::with_capacity(threads.len());
        let touched = touches_memory(|| {
            while let Some(thread) = threads.pop() {
                let _ = cpu.enqueue(thread, EnqueueReason::New, now);
            }
            for round in 0..3_000_u64 {
                cpu.replenish(now, |_, _| {});
                let Some(mut running) = cpu.pick(now) else {
                    now = cpu.horizon(now).unwrap().at;
                    continue;
                };
                let _ = cpu.begin(&mut running, now);
                now = now + Nanos(30_000 + round % 7 * 10_000);
                let _ = cpu.change_running_budget(now, |budget| swap(budget, &mut hand));
                let _ = cpu.reconsider(now);
                let _ = cpu.end(&mut running, now, EndReason::Preempted);
                let rank = cpu.enqueue(running, EnqueueReason::Preempted, now).rank;
                let _ = cpu.change_queued_budget(rank, now, |budget| swap(budget, &mut hand));
            }
            now = Instant::NEVER;
            while cpu.has_to_replenish(now) {
                cpu.replenish(now, |_, _| {});
            }
            while let Some(thread) = cpu.pick(now) {
                left.push(thread);
            }
        });
        assert_eq!((touched, left.len()), (0, 20), "{policy:?}");
        assert!(cpu.counters().in_contexts > Nanos::from_millis(1));
    }
}
