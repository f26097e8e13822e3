//! Each check is worth something only if it notices: here the state is broken on purpose, one way per test.

use super::*;
use crate::cpu::{EndReason, EnqueueReason};
use crate::entity::Affinity;
use crate::fair::Policy;
use crate::rank::Standing;
use crate::time::Instant;
use crate::weight::{LatencyClass, Weight};
use std::boxed::Box;
use std::vec;

const NOW: Instant = Instant(1_000);

fn thread(id: u64) -> Box<Entity<()>> {
    Entity::new(ThreadId(id), Weight::DEFAULT, LatencyClass::Normal, ())
}

/// A CPU with threads 1, 2, … `count` in its queue, woken as it should be.
fn cpu_with(count: u64) -> Cpu<()> {
    let mut cpu = Cpu::new(CpuId(0), Policy::WeightedFair, Instant::BOOT);
    for id in 1..=count {
        let _ = cpu.enqueue(thread(id), EnqueueReason::New, NOW);
    }
    let _ = cpu.request_reschedule();
    cpu
}

/// Starts the first thread of the queue and returns it.
fn start(cpu: &mut Cpu<()>) -> Box<Entity<()>> {
    cpu.acknowledge_reschedule();
    let mut entity = cpu.pick(NOW).unwrap();
    let _ = cpu.begin(&mut entity, NOW);
    entity
}

#[test]
fn a_healthy_cpu_passes() {
    let mut cpu = cpu_with(5);
    assert_eq!(cpu_is_sound(&cpu), Ok(()));
    let _running = start(&mut cpu);
    assert_eq!(cpu_is_sound(&cpu), Ok(()));
}

#[test]
fn a_key_that_changes_in_the_queue_is_noticed() {
    let mut cpu = cpu_with(5);
    let root = cpu.queue_mut().root_mut().unwrap();
    root.share.finish_after(VirtualTime(1 << 60));
    // Which of the two it is depends on the shape of the tree.
    let noticed = the_queue_is_sorted_and_complete(&cpu);
    assert!(
        matches!(noticed, Err(Broken::OutOfOrder(..) | Broken::Miscounted(_))),
        "{noticed:?}"
    );
}

#[test]
fn a1_a_switch_without_an_end_is_noticed() {
    let mut cpu = cpu_with(2);
    let mut running = start(&mut cpu);
    let _ = cpu.end(&mut running, NOW, EndReason::Exited);
    assert_eq!(every_switch_has_an_end(&cpu), Ok(()));
    cpu.counters_mut().exits = 0;
    assert_eq!(
        every_switch_has_an_end(&cpu),
        Err(Broken::SwitchesDoNotAddUp(CpuId(0)))
    );
}

#[test]
fn a_wrong_length_is_noticed() {
    let mut cpu = cpu_with(5);
    cpu.queue_mut().falsify_len();
    assert_eq!(
        the_queue_is_sorted_and_complete(&cpu),
        Err(Broken::Miscounted(CpuId(0)))
    );
}

#[test]
fn a_wrong_total_weight_is_noticed() {
    let mut cpu = cpu_with(5);
    cpu.queue_mut().falsify_weight();
    assert_eq!(
        the_queue_knows_its_weight(&cpu),
        Err(Broken::WeightIsWrong(CpuId(0)))
    );
}

#[test]
fn a_stale_summary_is_noticed() {
    let mut cpu = cpu_with(1);
    let _ = cpu.queue_mut().root_mut().unwrap().share.charge(Nanos(5));
    assert_eq!(
        the_queue_knows_its_slowest(&cpu),
        Err(Broken::SlowestIsWrong(CpuId(0)))
    );
}

#[test]
fn b1_a_thread_that_hides_is_noticed() {
    let mut cpu = cpu_with(1);
    assert_eq!(the_queue_knows_who_may_leave(&cpu), Ok(()));
    // Behind the tree's back: the root still says that it may run here alone.
    cpu.queue_mut()
        .root_mut()
        .unwrap()
        .set_affinity(Affinity::One(CpuId(0)));
    cpu.queue_mut().falsify_reach();
    cpu.queue_mut()
        .root_mut()
        .unwrap()
        .set_affinity(Affinity::One(CpuId(3)));
    assert_eq!(
        the_queue_knows_who_may_leave(&cpu),
        Err(Broken::CannotBeFound(CpuId(0), CpuId(3)))
    );
}

#[test]
fn d3_a_thread_on_a_foreign_clock_is_noticed() {
    let mut cpu = cpu_with(1);
    cpu.queue_mut().root_mut().unwrap().home = None;
    let broken = Broken::OnAnotherClock(CpuId(0), ThreadId(1));
    assert_eq!(every_waiting_thread_is_measured_here(&cpu), Err(broken));
}

#[test]
fn b4_a_preemption_that_nobody_acts_on_is_noticed() {
    let mut cpu = cpu_with(1);
    let mut running = start(&mut cpu);
    let _ = cpu.charge(&mut running, Instant(50_000_000));
    // Long asleep: it preempts, and the caller forgets to send the interrupt.
    let sleeper = Entity::new(ThreadId(9), Weight::DEFAULT, LatencyClass::Interactive, ());
    let mut other_cpu = Cpu::new(CpuId(1), Policy::WeightedFair, Instant::BOOT);
    let enqueued = other_cpu.enqueue(sleeper, EnqueueReason::New, NOW);
    let sleeper = other_cpu.remove(enqueued.rank, NOW).unwrap();
    let enqueued = cpu.enqueue(sleeper, EnqueueReason::Wake, Instant(50_000_000));
    assert_eq!(enqueued.effect, crate::cpu::Effect::Preempt);
    assert_eq!(
        a_shared_cpu_will_be_interrupted(&cpu),
        Err(Broken::NoEndInSight(CpuId(0)))
    );
    assert!(cpu.request_reschedule());
    assert_eq!(a_shared_cpu_will_be_interrupted(&cpu), Ok(()));
}

#[test]
fn b4_an_idle_cpu_that_nobody_wakes_is_noticed() {
    let mut cpu = cpu_with(1);
    cpu.acknowledge_reschedule();
    assert_eq!(
        an_idle_cpu_with_work_is_being_woken(&cpu),
        Err(Broken::AsleepWithWork(CpuId(0)))
    );
}

#[test]
fn b2_a_thread_in_two_places_is_noticed() {
    let cpus = vec![cpu_with(3)];
    assert_eq!(every_thread_is_in_one_place(&cpus, &[ThreadId(4)]), Ok(()));
    let broken = Broken::InTwoPlaces(ThreadId(3));
    assert_eq!(every_thread_is_in_one_place(&cpus, &[ThreadId(3)]), Err(broken));
}

#[test]
fn b2_the_running_thread_has_a_place_too() {
    let mut cpu = cpu_with(1);
    let _running = start(&mut cpu);
    let (cpus, id) = (vec![cpu], ThreadId(1));
    assert_eq!(
        every_thread_is_in_one_place(&cpus, &[id]),
        Err(Broken::InTwoPlaces(id))
    );
    assert_eq!(no_thread_is_lost(&cpus, &[], &[id]), Ok(()));
}

#[test]
fn b2_a_lost_thread_is_noticed() {
    let mut cpu = cpu_with(2);
    let living = [ThreadId(1), ThreadId(2)];
    let mut running = start(&mut cpu);
    let _ = cpu.end(&mut running, NOW, EndReason::Blocked);
    let id = running.id();
    let cpus = vec![cpu];
    assert_eq!(no_thread_is_lost(&cpus, &[id], &living), Ok(()));
    assert_eq!(no_thread_is_lost(&cpus, &[], &living), Err(Broken::Nowhere(id)));
}

#[test]
fn d1_a_clock_that_runs_backwards_is_noticed() {
    let cpus = vec![cpu_with(0)];
    assert_eq!(clocks_only_move_forward(&cpus, &[VirtualTime::START]), Ok(()));
    let broken = Broken::ClockRanBackwards(CpuId(0));
    assert_eq!(
        clocks_only_move_forward(&cpus, &[VirtualTime::START.after(1)]),
        Err(broken)
    );
}

#[test]
fn c3_a_charge_that_is_dropped_is_noticed() {
    let mut cpu = cpu_with(1);
    let mut running = start(&mut cpu);
    let charge = cpu.charge(&mut running, NOW + Nanos(70));
    let cpus = vec![cpu];
    assert_eq!(time_is_conserved(&cpus, charge.ran), Ok(()));
    let broken = Broken::TimeWasLost {
        delivered: Nanos(70),
        charged: Nanos::ZERO,
    };
    assert_eq!(time_is_conserved(&cpus, Nanos::ZERO), Err(broken));
}

#[test]
fn d7_a_principal_that_miscounts_is_noticed() {
    let principals = [Arc::new(Principal::new(Weight::DEFAULT))];
    let mut cpu = cpu_with(2);
    for id in 3..=4 {
        let mut thread = thread(id);
        thread.join(principals[0].clone());
        let _ = cpu.enqueue(thread, EnqueueReason::New, NOW);
    }
    let cpus = [cpu];
    assert_eq!(principals_count_who_is_runnable(&cpus, &principals), Ok(()));
    principals[0].falsify();
    assert_eq!(
        principals_count_who_is_runnable(&cpus, &principals),
        Err(Broken::PrincipalMiscounted {
            index: 0,
            counted: 129,
            runnable: 128
        })
    );
}

#[test]
fn what_one_check_notices_those_that_contain_it_notice() {
    let mut cpu = cpu_with(2);
    cpu.queue_mut().falsify_weight();
    let broken = Err(Broken::WeightIsWrong(CpuId(0)));
    assert_eq!((the_queue_is_sound(&cpu), cpu_is_sound(&cpu)), (broken, broken));
    let mut cpu = cpu_with(2);
    cpu.counters_mut().switches = 1;
    let broken = Err(Broken::SwitchesDoNotAddUp(CpuId(0)));
    assert_eq!((the_queue_is_sound(&cpu), cpu_is_sound(&cpu)), (Ok(()), broken));
}

#[test]
fn a1_whoever_gives_way_has_ended_its_switch() {
    let mut cpu = cpu_with(2);
    let mut running = start(&mut cpu);
    let _ = cpu.end(&mut running, NOW, EndReason::Yielded);
    assert_eq!(
        (cpu.counters().yields, every_switch_has_an_end(&cpu)),
        (1, Ok(()))
    );
}

#[test]
fn b1_a_thread_that_may_go_anywhere_and_hides_is_noticed() {
    let mut cpu = cpu_with(1);
    let root = |cpu: &mut Cpu<()>, affinity| cpu.queue_mut().root_mut().unwrap().set_affinity(affinity);
    // Behind the tree's back, as above.
    root(&mut cpu, Affinity::One(CpuId(0)));
    cpu.queue_mut().falsify_reach();
    root(&mut cpu, Affinity::Any);
    assert_eq!(
        the_queue_knows_who_may_leave(&cpu),
        Err(Broken::CannotBeFound(CpuId(0), CpuId(1)))
    );
}

#[test]
fn d7_of_two_principals_each_counts_its_own_and_who_runs_counts() {
    let principals = [0, 1].map(|_| Arc::new(Principal::new(Weight::DEFAULT)));
    let mut cpu = cpu_with(0);
    for (id, principal) in [(1, 0), (2, 0), (3, 1)] {
        let mut thread = thread(id);
        thread.join(principals[principal].clone());
        let _ = cpu.enqueue(thread, EnqueueReason::New, NOW);
    }
    assert_eq!(start(&mut cpu).id(), ThreadId(1));
    let weights = principals.each_ref().map(|principal| principal.runnable_weight());
    assert_eq!(weights, [128, 64]);
    assert_eq!(principals_count_who_is_runnable(&[cpu], &principals), Ok(()));
}

#[test]
fn g2_a_thread_that_is_not_where_its_rank_says_is_noticed_although_the_order_is_right() {
    let mut cpu = cpu_with(1);
    cpu.queue_mut().root_mut().unwrap().standing = Standing::Reserved(Instant(5));
    let out_of_order = Err(Broken::OutOfOrder(CpuId(0), ThreadId(1)));
    assert_eq!(the_queue_is_sorted_and_complete(&cpu), out_of_order);
}

#[test]
fn x1_a_deadline_without_a_budget_that_ends_is_noticed_where_somebody_waits() {
    let mut cpu = cpu_with(1);
    let mut reserved = thread(9);
    reserved.standing = Standing::Reserved(Instant(5_000));
    let _ = cpu.enqueue(reserved, EnqueueReason::New, NOW);
    assert_eq!(start(&mut cpu).id(), ThreadId(9));
    assert_eq!(cpu.horizon(NOW), None);
    assert_eq!(
        a_shared_cpu_will_be_interrupted(&cpu),
        Err(Broken::NoEndInSight(CpuId(0)))
    );
}
