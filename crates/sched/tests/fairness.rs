//! Shares against the ideal: a fluid server that gives every runnable thread its weight's part at every instant (GPS).

mod support;

use proptest::prelude::*;
use sched::{Affinity, CpuId, LatencyClass, Nanos, Policy, ThreadId};
use support::Machine;

const ONE: CpuId = CpuId(0);

fn slice(class: LatencyClass) -> u64 {
    sched::weight::turn(class, sched::fair::DEFAULT_REQUEST).0
}

fn policies() -> impl Strategy<Value = Policy> {
    prop_oneof![Just(Policy::WeightedFair), Just(Policy::Eevdf)]
}

fn threads(max: usize) -> impl Strategy<Value = Vec<(u16, LatencyClass)>> {
    let weight = prop_oneof![1..=1024_u16, Just(64), Just(1), Just(1024)];
    let class = (0..4_u16).prop_map(|number| LatencyClass::from_number(number).unwrap());
    proptest::collection::vec((weight, class), 1..=max)
}

fn machine_of(policy: Policy, threads: &[(u16, LatencyClass)]) -> (Machine, Vec<ThreadId>) {
    let mut machine = Machine::new(1, policy);
    let ids = threads
        .iter()
        .map(|(weight, class)| machine.spawn(*weight, *class, Affinity::Any, ONE))
        .collect();
    machine.deliver_all();
    (machine, ids)
}

/// How far each thread is from its fluid share at this moment: positive when it had too much.
fn leads(machine: &mut Machine, threads: &[(u16, LatencyClass)], ids: &[ThreadId]) -> Vec<i128> {
    let used = machine.runtimes();
    let total: i128 = threads.iter().map(|(weight, _)| i128::from(*weight)).sum();
    let elapsed = i128::from(machine.now.0);
    let lead = |(id, (weight, _)): (&ThreadId, &(u16, LatencyClass))| {
        i128::from(used[id]) - elapsed * i128::from(*weight) / total
    };
    ids.iter().zip(threads).map(lead).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Parekh and Gallager 1993: a packet is finished at most one longest packet later than in the fluid system. So a
    /// thread is never behind by more than its own slice and the longest one. What it may be ahead is what all the
    /// others together are behind.
    #[test]
    fn d1_no_thread_falls_behind_its_ideal_share(
        threads in threads(12),
        pauses in proptest::collection::vec(0..40_000_000_u64, 1..60),
    ) {
        let (mut machine, ids) = machine_of(Policy::WeightedFair, &threads);
        let longest = threads.iter().map(|(_, class)| slice(*class)).max().unwrap();
        for pause in pauses {
            machine.advance(Nanos(pause));
            for (lead, (weight, class)) in leads(&mut machine, &threads, &ids).into_iter().zip(&threads) {
                let bound = i128::from(slice(*class) + longest);
                prop_assert!(lead >= -bound, "weight {} {:?} is {} behind", weight, class, -lead);
            }
            prop_assert_eq!(machine.check(), Ok(()));
        }
    }

    /// Under EEVDF nobody is far ahead, either; tests/eevdf.rs has the exact bounds.
    #[test]
    fn d5_under_eevdf_nobody_is_far_ahead_either(
        threads in threads(12),
        pauses in proptest::collection::vec(0..40_000_000_u64, 1..60),
    ) {
        let (mut machine, ids) = machine_of(Policy::Eevdf, &threads);
        let longest = threads.iter().map(|(_, class)| slice(*class)).max().unwrap();
        for pause in pauses {
            machine.advance(Nanos(pause));
            for (lead, (weight, class)) in leads(&mut machine, &threads, &ids).into_iter().zip(&threads) {
                let bound = i128::from(slice(*class) + longest);
                prop_assert!(lead.abs() <= bound, "weight {} {:?} leads by {}", weight, class, lead);
            }
        }
    }

    /// However many interrupts ask for a new decision, the shares stay the same.
    #[test]
    fn d1_interrupts_do_not_change_shares(
        threads in threads(6),
        pauses in proptest::collection::vec(1..300_000_u64, 400),
    ) {
        let (mut machine, ids) = machine_of(Policy::WeightedFair, &threads);
        let longest = threads.iter().map(|(_, class)| slice(*class)).max().unwrap();
        for pause in pauses {
            machine.advance(Nanos(pause));
            let _ = machine.cpus[0].request_reschedule();
            machine.deliver_all();
        }
        for (lead, (_, class)) in leads(&mut machine, &threads, &ids).into_iter().zip(&threads) {
            prop_assert!(lead >= -i128::from(slice(*class) + longest));
        }
    }

    /// The wait for a turn is bounded by what the thread's own turn costs in the fluid system, plus one longest slice
    /// for each thread that was ahead when it arrived.
    #[test]
    fn d4_nobody_starves_under_overload(
        policy in policies(),
        threads in threads(10),
        before in 0..2_000_000_000_u64,
        newcomer in threads(1),
    ) {
        let (mut machine, _) = machine_of(policy, &threads);
        machine.advance(Nanos(before));
        let (weight, class) = newcomer[0];
        let id = machine.spawn(weight, class, Affinity::Any, ONE);
        machine.deliver_all();
        let all = threads.iter().chain(&newcomer);
        let total: u64 = all.clone().map(|(weight, _)| u64::from(*weight)).sum();
        let slices: u64 = all.map(|(_, class)| slice(*class)).sum();
        let bound = slice(class) * total / u64::from(weight) + 2 * slices;
        machine.advance(Nanos(bound));
        prop_assert!(machine.runtimes()[&id] > 0, "not once in {} ns", bound);
    }

    /// Sleeping at random and waking again earns at most one slice for each sleep that was long enough to pay for it:
    /// a sleeper never gets more than its share of the time it was there, plus that credit.
    #[test]
    fn d4_sleeping_is_no_way_to_a_larger_share(
        policy in policies(),
        naps in proptest::collection::vec((0..30_000_000_u64, 0..30_000_000_u64), 5..40),
    ) {
        let hogs = [(64, LatencyClass::Normal); 3];
        let (mut machine, _) = machine_of(policy, &hogs);
        let sleeper = machine.spawn(64, LatencyClass::Normal, Affinity::Any, ONE);
        machine.deliver_all();
        let (mut awake, credits) = (0, naps.len() as u64 + 2);
        for (work, nap) in naps {
            machine.advance(Nanos(work));
            awake += work;
            // It can only fall asleep while it runs.
            while machine.running[0].as_ref().unwrap().id() != sleeper {
                machine.advance(Nanos(1_000_000));
                awake += 1_000_000;
            }
            machine.block(ONE);
            machine.advance(Nanos(nap));
            machine.wake(sleeper, ONE);
            machine.deliver_all();
        }
        let bound = awake / 4 + credits * slice(LatencyClass::Normal);
        prop_assert!(machine.runtimes()[&sleeper] <= bound);
    }
}

// Linux left cores idle for seconds beside waiting threads when sleepers woke on busy CPUs.
#[test]
fn b1_sleepers_that_wake_on_a_busy_cpu_leave_no_other_cpu_idle() {
    let mut machine = Machine::new(8, Policy::WeightedFair);
    let weights = [1, 1024, 64, 3, 500, 64, 64, 2];
    for weight in weights.iter().chain(&weights) {
        let _ = machine.spawn(*weight, LatencyClass::Normal, Affinity::Any, ONE);
    }
    machine.deliver_all();
    for round in 0..2_000_u32 {
        machine.advance(Nanos(u64::from(round % 7) * 700_000));
        if let Some(id) = machine.block(CpuId(round % 8)) {
            machine.advance(Nanos(50_000));
            // Everybody is woken by CPU 0, the worst place to be woken from.
            machine.wake(id, ONE);
        }
        machine.deliver_all();
        assert_eq!(machine.wasted_cpu(), None, "round {round}");
        assert_eq!(machine.check(), Ok(()));
    }
}

// Rounding each charge down would hand out free time: over many short turns at an awkward weight not a nanosecond is lost.
#[test]
fn d1_over_half_a_million_turns_the_virtual_time_is_exact() {
    let (mut machine, ids) = machine_of(Policy::WeightedFair, &[(1021, LatencyClass::Normal); 2]);
    for _ in 0..500_000 {
        machine.advance(Nanos(1));
        machine.yield_now(ONE);
    }
    let _ = machine.runtimes();
    let running = machine.running[0].iter().chain([]);
    let accounts: Vec<_> = running
        .map(|thread| &**thread)
        .chain(machine.cpus[0].queued())
        .map(|thread| *thread.account())
        .collect();
    assert_eq!(accounts.len(), ids.len());
    for account in accounts {
        let exact = account.runtime.0 * 64;
        assert!(account.virtual_runtime * 1021 >= exact && account.virtual_runtime * 1021 < exact + 1021);
    }
}
