//! Each named rule of placement with the case that needs it (X4).

use super::*;
use crate::board::LoadBoard;
use crate::cpu::EnqueueReason;
use crate::entity::Entity;
use crate::fair::Policy;
use crate::ids::ThreadId;
use crate::mask::CpuMask;
use crate::time::Instant;
use crate::topology::CpuPlace;
use crate::weight::{LatencyClass, Weight};
use std::vec::Vec;

/// Loads as a test writes them: runnable threads per CPU, `None` for a CPU that is not online.
struct Loads(Vec<Option<u32>>);

impl LoadView for Loads {
    fn load(&self, cpu: CpuId) -> Option<Load> {
        let runnable = (*self.0.get(cpu.index())?)?;
        let running = runnable > 0;
        Some(Load {
            waiting: runnable.saturating_sub(1),
            running,
            weight: 64 * runnable,
        })
    }
}

fn loads(runnable: &[u32]) -> Loads {
    Loads(runnable.iter().copied().map(Some).collect())
}

/// Four CPUs on two cores: 0 and 2 are siblings, 1 and 3 are siblings.
fn two_cores_of_two() -> Topology {
    let place = |cpu| CpuPlace {
        cpu: CpuId(cpu),
        package: 0,
        core: cpu % 2,
        thread: cpu / 2,
    };
    Topology::new((0..4).map(place).collect()).unwrap()
}

fn wake(last: u32, affinity: &Affinity, caller: u32, loads: &Loads) -> Result<Placement, NoCpuAllowed> {
    wake_target(
        Some(CpuId(last)),
        affinity,
        CpuId(caller),
        &two_cores_of_two(),
        loads,
    )
}

fn new_thread(affinity: &Affinity, caller: u32, loads: &Loads) -> Result<Placement, NoCpuAllowed> {
    new_thread_target(affinity, CpuId(caller), &two_cores_of_two(), loads)
}

fn goes_to(cpu: u32, reason: PlacementReason) -> Result<Placement, NoCpuAllowed> {
    Ok(Placement {
        cpu: CpuId(cpu),
        reason,
    })
}

fn mask(cpus: &[u32]) -> Affinity {
    Affinity::Mask(cpus.iter().copied().map(CpuId).collect::<CpuMask>())
}

#[test]
fn x4_a_waking_thread_goes_back_to_its_last_cpu_when_that_is_idle() {
    let target = wake(1, &Affinity::Any, 0, &loads(&[0, 0, 0, 0]));
    assert_eq!(target, goes_to(1, PlacementReason::LastCpuIdle));
}

#[test]
fn s2_else_to_an_idle_sibling_of_it() {
    let target = wake(1, &Affinity::Any, 0, &loads(&[0, 1, 0, 0]));
    assert_eq!(target, goes_to(3, PlacementReason::IdleSibling));
}

#[test]
fn s2_else_to_another_idle_cpu() {
    let target = wake(1, &Affinity::Any, 0, &loads(&[1, 1, 0, 1]));
    assert_eq!(target, goes_to(2, PlacementReason::IdleCpu));
}

#[test]
fn x5_else_it_stays_with_the_caller_at_equal_load() {
    let target = wake(1, &Affinity::Any, 0, &loads(&[2, 2, 2, 2]));
    assert_eq!(target, goes_to(0, PlacementReason::CallerWinsTie));
}

#[test]
fn b5_only_a_strictly_lower_load_beats_the_caller() {
    let target = wake(1, &Affinity::Any, 0, &loads(&[2, 2, 2, 1]));
    assert_eq!(target, goes_to(3, PlacementReason::LeastLoaded));
}

#[test]
fn b5_a_thread_with_one_cpu_goes_there_whatever_the_load() {
    let target = wake(1, &Affinity::One(CpuId(2)), 0, &loads(&[0, 0, 9, 0]));
    assert_eq!(target, goes_to(2, PlacementReason::OnlyAllowedCpu));
    let target = new_thread(&Affinity::One(CpuId(2)), 0, &loads(&[0, 0, 9, 0]));
    assert_eq!(target, goes_to(2, PlacementReason::OnlyAllowedCpu));
}

#[test]
fn x4_affinity_is_respected_by_every_rule() {
    let only_three = mask(&[3]);
    for runnable in [[0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 5], [2, 2, 2, 2]] {
        for last in 0..4 {
            let target = wake(last, &only_three, 0, &loads(&runnable)).unwrap();
            assert_eq!(target.cpu, CpuId(3), "{runnable:?} from {last}");
        }
        assert_eq!(
            new_thread(&only_three, 0, &loads(&runnable)).unwrap().cpu,
            CpuId(3)
        );
    }
}

#[test]
fn a_thread_that_may_run_nowhere_online_is_refused() {
    let offline = Loads(Vec::from([Some(0), None, Some(0), None]));
    assert_eq!(wake(1, &mask(&[1, 3]), 0, &offline), Err(NoCpuAllowed));
    assert_eq!(new_thread(&mask(&[]), 0, &offline), Err(NoCpuAllowed));
    assert_eq!(
        new_thread(&Affinity::One(CpuId(1)), 0, &offline),
        Err(NoCpuAllowed)
    );
}

#[test]
fn a_cpu_that_went_offline_is_never_chosen() {
    let offline = Loads(Vec::from([Some(3), None, Some(4), None]));
    assert_eq!(
        wake(1, &Affinity::Any, 0, &offline),
        goes_to(0, PlacementReason::CallerWinsTie)
    );
}

#[test]
fn b5_a_new_thread_stays_with_its_creator_at_equal_load() {
    let target = new_thread(&Affinity::Any, 2, &loads(&[1, 1, 1, 1]));
    assert_eq!(target, goes_to(2, PlacementReason::CallerWinsTie));
}

#[test]
fn b5_a_new_thread_takes_an_idle_cpu() {
    let target = new_thread(&Affinity::Any, 2, &loads(&[1, 0, 1, 1]));
    assert_eq!(target, goes_to(1, PlacementReason::IdleCpu));
}

// Two workers were slower than one when the second was sent away from a creator that was about to wait for them.
#[test]
fn x5_the_second_of_two_workers_shares_the_creators_cpu() {
    let topology = Topology::flat(2);
    let first = new_thread_target(&Affinity::Any, CpuId(0), &topology, &loads(&[1, 0])).unwrap();
    assert_eq!(first.cpu, CpuId(1));
    let second = new_thread_target(&Affinity::Any, CpuId(0), &topology, &loads(&[1, 1])).unwrap();
    assert_eq!(
        second,
        Placement {
            cpu: CpuId(0),
            reason: PlacementReason::CallerWinsTie
        }
    );
}

#[test]
fn x4_at_equal_counts_the_lighter_cpu_is_less_loaded() {
    struct Weights;
    impl LoadView for Weights {
        fn load(&self, cpu: CpuId) -> Option<Load> {
            let weight = if cpu == CpuId(1) { 1 } else { 64 };
            Some(Load {
                waiting: 0,
                running: true,
                weight,
            })
        }
    }
    let target = new_thread_target(&Affinity::Any, CpuId(0), &Topology::flat(3), &Weights);
    assert_eq!(target, goes_to(1, PlacementReason::LeastLoaded));
}

#[test]
fn b1_a_thief_looks_only_where_somebody_waits_nearest_first() {
    let topology = two_cores_of_two();
    let loads = loads(&[0, 3, 2, 1]);
    let order: Vec<CpuId> = steal_order(CpuId(0), &topology, &loads).collect();
    assert_eq!(order, [CpuId(2), CpuId(1)]);
}

#[test]
fn b1_a_cpu_that_is_waking_up_for_its_only_thread_is_not_robbed() {
    struct Waking;
    impl LoadView for Waking {
        fn load(&self, _: CpuId) -> Option<Load> {
            Some(Load {
                waiting: 1,
                running: false,
                weight: 64,
            })
        }
    }
    let topology = Topology::flat(4);
    assert_eq!(steal_order(CpuId(0), &topology, &Waking).count(), 0);
}

#[test]
fn a_wake_looks_at_a_bounded_number_of_cpus() {
    use core::cell::Cell;
    struct Counting(Cell<usize>);
    impl LoadView for Counting {
        fn load(&self, _: CpuId) -> Option<Load> {
            self.0.set(self.0.get() + 1);
            Some(Load {
                waiting: 1,
                running: true,
                weight: 128,
            })
        }
        fn idle_in(&self, _: usize) -> u64 {
            self.0.set(self.0.get() + 1);
            0
        }
    }
    let (topology, loads) = (Topology::flat(1_024), Counting(Cell::new(0)));
    let target = wake_target(None, &Affinity::Any, CpuId(500), &topology, &loads);
    assert_eq!(target, goes_to(500, PlacementReason::CallerWinsTie));
    let (one_by_one, in_groups) = (SCAN_LIMIT + 2, 2 * 1_024 / GROUP + 2);
    assert!(
        loads.0.get() <= one_by_one + in_groups,
        "{} readings",
        loads.0.get()
    );
}

#[test]
fn x2_an_allowed_cpu_far_beyond_the_scan_is_still_found() {
    let topology = Topology::flat(1_024);
    let busy = loads(&[3; 1_024]);
    let target = wake_target(None, &mask(&[900]), CpuId(0), &topology, &busy);
    assert_eq!(target, goes_to(900, PlacementReason::LeastLoaded));
}

/// CPU 0, running a thread while one thread of each of these affinities waits.
fn busy(waiting: &[Affinity]) -> Cpu<()> {
    let mut cpu = Cpu::new(CpuId(0), Policy::WeightedFair, Instant::BOOT);
    let thread = |id| Entity::new(ThreadId(id), Weight::DEFAULT, LatencyClass::Normal, ());
    let _ = cpu.begin(&mut thread(0), Instant::BOOT);
    for (id, affinity) in (1..).zip(waiting) {
        let mut thread = thread(id);
        thread.set_affinity(affinity.clone());
        let _ = cpu.enqueue(thread, EnqueueReason::New, Instant::BOOT);
    }
    cpu
}

#[test]
fn b1_a_thread_that_has_to_wait_gets_the_nearest_idle_cpu_as_helper() {
    let topology = two_cores_of_two();
    let ask = |waiting: &[Affinity], runnable| helper(&busy(waiting), &topology, &loads(runnable));
    assert_eq!(
        ask(&[Affinity::Any], &[2, 0, 0, 0]),
        Some(CpuId(2)),
        "the sibling"
    );
    assert_eq!(ask(&[Affinity::Any], &[2, 0, 1, 1]), Some(CpuId(1)));
    assert_eq!(ask(&[Affinity::Any], &[2, 1, 1, 1]), None, "nobody is idle");
    assert_eq!(ask(&[], &[1, 0, 0, 0]), None, "nobody waits");
    assert_eq!(ask(&[mask(&[0, 3])], &[2, 0, 0, 0]), Some(CpuId(3)));
    assert_eq!(ask(&[Affinity::One(CpuId(0))], &[2, 0, 0, 0]), None);
    assert_eq!(
        ask(&[Affinity::One(CpuId(0)), Affinity::Any], &[3, 0, 0, 0]),
        Some(CpuId(2))
    );
}

// docs/mutants.md, row 1: whoever asked the first few only would leave an idle CPU beside a thread that it could run.
#[test]
fn b1_a_helper_is_found_behind_any_number_of_threads_that_may_not_leave() {
    let mut waiting = [const { Affinity::One(CpuId(0)) }; 30];
    waiting[29] = mask(&[3]);
    let found = helper(&busy(&waiting), &two_cores_of_two(), &loads(&[31, 0, 0, 0]));
    assert_eq!(found, Some(CpuId(3)));
}

/// A board of 1,024 CPUs on which one thread runs everywhere, but for CPUs that a test changes.
fn thousand() -> (Topology, LoadBoard, Vec<Cpu<()>>) {
    let board = LoadBoard::new(1_024);
    let busy = |id| {
        let mut cpu = Cpu::new(CpuId(id), Policy::WeightedFair, Instant::BOOT);
        let mut thread = Entity::new(ThreadId(id.into()), Weight::DEFAULT, LatencyClass::Normal, ());
        let _ = cpu.begin(&mut thread, Instant::BOOT);
        board.publish(&cpu);
        cpu
    };
    let cpus = (0..1_024).map(busy).collect();
    (Topology::flat(1_024), board, cpus)
}

// docs/mutants.md, row 1: while a decision looked at 64 CPUs at most, an idle one beyond them was never summoned.
#[test]
fn b1_the_only_idle_cpu_of_a_thousand_is_found_from_everywhere() {
    let (topology, board, mut cpus) = thousand();
    for far in [0, 63, 64, 511, 1_023] {
        board.publish(&Cpu::<()>::new(CpuId(far), Policy::WeightedFair, Instant::BOOT));
        for from in [1, 62, 100, 512, 1_022] {
            let idle = goes_to(far, PlacementReason::IdleCpu);
            let (caller, last) = (CpuId(from), Some(CpuId(from)));
            let any = &Affinity::Any;
            assert_eq!(wake_target(last, any, caller, &topology, &board), idle);
            assert_eq!(new_thread_target(any, caller, &topology, &board), idle);
            let not_there = mask(&[from, 700]);
            let elsewhere = wake_target(last, &not_there, caller, &topology, &board).unwrap();
            assert_eq!(elsewhere.reason, PlacementReason::CallerWinsTie);
            let crowded = &mut cpus[from as usize];
            let waiting = Entity::new(ThreadId(5_000), Weight::DEFAULT, LatencyClass::Normal, ());
            let rank = crowded.enqueue(waiting, EnqueueReason::New, Instant::BOOT).rank;
            assert_eq!(helper(crowded, &topology, &board), Some(CpuId(far)));
            assert!(crowded.remove(rank, Instant::BOOT).is_some());
        }
        board.publish(&cpus[far as usize]);
        assert!(!board.somebody_is_idle());
    }
}

// One of a thousand CPUs is idle in each word of the board, always at the same bit; only one of them will do.
#[test]
fn b1_a_pinned_thread_is_looked_for_in_the_word_of_its_own_cpu() {
    let (topology, board, mut cpus) = thousand();
    for bit in [0, 1, 62, 63] {
        let idle: Vec<u32> = (0..16).map(|group| group * 64 + bit).collect();
        for id in &idle {
            board.publish(&Cpu::<()>::new(CpuId(*id), Policy::WeightedFair, Instant::BOOT));
        }
        let crowded = &mut cpus[33];
        for target in &idle {
            let mut waiting = Entity::new(ThreadId(5_000), Weight::DEFAULT, LatencyClass::Normal, ());
            waiting.set_affinity(Affinity::One(CpuId(*target)));
            let rank = crowded.enqueue(waiting, EnqueueReason::New, Instant::BOOT).rank;
            assert_eq!(helper(crowded, &topology, &board), Some(CpuId(*target)));
            board.withdraw(CpuId(*target));
            assert_eq!(helper(crowded, &topology, &board), None, "{target} is not there");
            board.publish(&Cpu::<()>::new(
                CpuId(*target),
                Policy::WeightedFair,
                Instant::BOOT,
            ));
            assert!(crowded.remove(rank, Instant::BOOT).is_some());
        }
        for id in idle {
            board.withdraw(CpuId(id));
        }
    }
}

#[test]
fn b1_a_thief_finds_the_only_crowded_cpu_of_a_thousand() {
    let (topology, board, mut cpus) = thousand();
    for far in [0, 63, 64, 511, 1_023] {
        let crowded = &mut cpus[far as usize];
        let waiting = Entity::new(ThreadId(5_000), Weight::DEFAULT, LatencyClass::Normal, ());
        let _ = crowded.enqueue(waiting, EnqueueReason::New, Instant::BOOT);
        board.publish(crowded);
        for thief in [1, 62, 100, 512, 1_022] {
            let order: Vec<CpuId> = steal_order(CpuId(thief), &topology, &board).collect();
            assert_eq!(order, [CpuId(far)], "for {thief}");
        }
        assert!(crowded.steal_for(CpuId(1), Instant::BOOT).is_some());
        board.publish(crowded);
        assert_eq!(steal_order(CpuId(1), &topology, &board).count(), 0);
    }
}

#[test]
fn b1_a_thief_comes_to_every_crowded_cpu_once_the_nearest_first() {
    struct AllCrowded;
    impl LoadView for AllCrowded {
        fn load(&self, _: CpuId) -> Option<Load> {
            None
        }
        fn crowded_in(&self, _: usize) -> u64 {
            u64::MAX
        }
    }
    for count in [1, 2, 64, 65, 66, 100, 1_000] {
        let (topology, thief) = (Topology::flat(count), CpuId(count / 2));
        let mut order: Vec<CpuId> = steal_order(thief, &topology, &AllCrowded).collect();
        let near = topology.others(thief).take(SCAN_LIMIT);
        assert!(order.iter().copied().zip(near).all(|(tried, near)| tried == near));
        order.sort_unstable();
        order.dedup();
        assert_eq!(order.len(), count as usize - 1, "of {count}");
    }
}
