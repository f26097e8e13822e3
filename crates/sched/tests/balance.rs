//! Shares over several CPUs against the ideal: each CPU is filled like a basin, a thread holds one CPU at most, and what
//! the heaviest cannot use is divided among the others by weight.

mod support;

use proptest::prelude::*;
use sched::{Affinity, CpuId, LatencyClass, Nanos, Policy};
use support::Machine;

/// CPUs' worth of time that each weight should get.
fn ideal(weights: &[u16], cpus: usize) -> Vec<f64> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(weights[*index]));
    let mut shares = vec![0.0; weights.len()];
    let mut cpus_left = cpus.min(weights.len()) as f64;
    let mut weight_left: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    for index in order {
        let weight = f64::from(weights[index]);
        shares[index] = (weight * cpus_left / weight_left).min(1.0);
        cpus_left -= shares[index];
        weight_left -= weight;
    }
    shares
}

/// A machine on which one hog of each weight was started by the first CPU.
fn hogs(cpus: u32, weights: &[u16]) -> Machine {
    let mut machine = Machine::new(cpus, Policy::WeightedFair);
    for weight in weights {
        let _ = machine.spawn(*weight, LatencyClass::Normal, Affinity::Any, CpuId(0));
        machine.deliver_all();
    }
    machine
}

/// Lets time pass; interrupts arrive within a tenth of a millisecond.
fn advance(machine: &mut Machine, span: Nanos) {
    let until = machine.now + span;
    while machine.now < until {
        machine.advance(Nanos(100_000));
        machine.deliver_all();
    }
}

/// The largest difference from the ideal during `span`, in hundredths of all CPUs' time. Threads that were started later
/// than the hogs of these weights have to be gone.
fn points_off(machine: &mut Machine, weights: &[u16], span: Nanos) -> f64 {
    let before = machine.runtimes();
    advance(machine, span);
    let capacity = machine.cpus.len().min(weights.len()) as f64 * span.0 as f64;
    let used = machine.runtimes();
    let shares = used.iter().map(|(id, used)| (used - before[id]) as f64);
    let ideal = ideal(weights, machine.cpus.len());
    let off = shares
        .zip(ideal)
        .map(|(used, ideal)| 100.0 * (used - ideal * span.0 as f64).abs() / capacity);
    off.fold(0.0, f64::max)
}

fn seconds(count: u64) -> Nanos {
    Nanos(count * 1_000_000_000)
}

fn weights() -> impl Strategy<Value = Vec<u16>> {
    let any = prop_oneof![
        1..=1024_u16,
        20..=220_u16,
        (0..=10_u32).prop_map(|power| 1 << power)
    ];
    proptest::collection::vec(any, 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever they weigh and wherever they started, hogs get their ideal shares; and however unfair every fixed
    /// distribution of them is, no CPU gives a thread away more often than in every second turn.
    #[test]
    fn d1_shares_on_several_cpus_follow_weight((cpus, weights) in (2..6_u32, weights())) {
        let mut machine = hogs(cpus, &weights);
        advance(&mut machine, Nanos(500_000_000));
        let before = machine.balanced;
        let off = points_off(&mut machine, &weights, seconds(10));
        prop_assert!(off < 2.0, "{} points off", off);
        let moves = machine.balanced - before;
        prop_assert!(moves <= u64::from(cpus) * 10 * 125, "{} moves in 10 s", moves);
        prop_assert_eq!(machine.check(), Ok(()));
    }

    #[test]
    fn b1_as_many_hogs_as_cpus_stay_where_they_are(weights in weights()) {
        let mut machine = hogs(weights.len() as u32, &weights);
        advance(&mut machine, seconds(1));
        prop_assert_eq!(machine.balanced, 0);
    }
}

// The distributions that were unfair while only idle CPUs took threads.
#[test]
fn d1_threads_rotate_where_no_fixed_distribution_is_fair() {
    let cases: [(u32, &[u16]); 6] = [
        (2, &[64, 64, 64]),
        (2, &[1024, 64, 64, 64]),
        (2, &[32, 64, 128, 256]),
        (2, &[100, 100, 150]),
        (3, &[1024, 512, 64, 64]),
        (4, &[64, 64, 64, 64, 64]),
    ];
    for (cpus, weights) in cases {
        let mut machine = hogs(cpus, weights);
        let off = points_off(&mut machine, weights, seconds(2));
        assert!(off < 1.0, "{weights:?} on {cpus} CPUs: {off:.2} points off");
    }
}

#[test]
fn b1_nobody_moves_when_all_cpus_are_level() {
    for cpus in [1, 2, 4] {
        let weights = [64, 64, 64].repeat(cpus);
        let mut machine = hogs(cpus as u32, &weights);
        advance(&mut machine, seconds(2));
        assert_eq!(machine.balanced, 0, "on {cpus} CPUs");
    }
}

#[test]
fn b1_a_thread_that_may_run_on_one_cpu_only_stays_there() {
    let mut machine = Machine::new(2, Policy::WeightedFair);
    let here = Affinity::One(CpuId(0));
    let pinned = [(); 3].map(|()| machine.spawn(64, LatencyClass::Normal, here.clone(), CpuId(0)));
    let _ = machine.spawn(64, LatencyClass::Normal, Affinity::Any, CpuId(1));
    machine.deliver_all();
    advance(&mut machine, seconds(2));
    assert_eq!(machine.balanced, 0);
    let used = machine.runtimes();
    assert!(
        pinned
            .iter()
            .all(|id| used[id].abs_diff(2_000_000_000 / 3) < 10_000_000)
    );
}

/// A thread that is worth more than a CPU lags for as long as it runs. Who starts beside it brings none of that along...
#[test]
fn d4_a_newcomer_on_a_cpu_that_lags_is_owed_nothing() {
    let mut machine = hogs(2, &[1024, 64, 64]);
    advance(&mut machine, seconds(100));
    let before = machine.runtimes();
    let heavy = machine.running.iter().position(|thread| {
        let thread = thread.as_ref().map(|thread| thread.weight().get());
        thread == Some(1024)
    });
    let caller = CpuId(heavy.unwrap() as u32);
    let newcomer = machine.spawn(64, LatencyClass::Normal, Affinity::Any, caller);
    machine.deliver_all();
    advance(&mut machine, seconds(3));
    let used = machine.runtimes();
    assert!(used[&newcomer].abs_diff(1_000_000_000) < 50_000_000);
    let others = before.keys().filter(|id| before[id] < 90_000_000_000);
    assert!(others.clone().count() == 2);
    others.for_each(|id| assert!((used[id] - before[id]).abs_diff(1_000_000_000) < 50_000_000));
}

/// ... and when it is gone, its CPU starts level with the others.
#[test]
fn d1_what_a_heavy_thread_could_not_use_is_forgotten() {
    let mut machine = hogs(2, &[64, 64, 64, 1024]);
    advance(&mut machine, seconds(100));
    let heavy = machine.running.iter().position(|thread| {
        let thread = thread.as_ref().map(|thread| thread.weight().get());
        thread == Some(1024)
    });
    machine.exit(CpuId(heavy.unwrap() as u32));
    machine.deliver_all();
    let off = points_off(&mut machine, &[64, 64, 64], seconds(2));
    assert!(off < 1.0, "{off:.2} points off");
}

/// Starts hogs in this order, each on the CPUs of its mask (none is everywhere), and says how much of a CPU each had in ten
/// seconds after two.
fn confined(cpus: u32, hogs: &[(u16, u32)], policy: Policy) -> Vec<f64> {
    let mut machine = Machine::new(cpus, policy);
    let mut start = |(weight, mask): &(u16, u32)| {
        let allowed = (0..cpus).filter(|cpu| mask >> cpu & 1 != 0).map(CpuId);
        let affinity = if *mask == 0 {
            Affinity::Any
        } else {
            Affinity::Mask(allowed.collect())
        };
        let id = machine.spawn(*weight, LatencyClass::Normal, affinity, CpuId(0));
        machine.deliver_all();
        id
    };
    let ids: Vec<_> = hogs.iter().map(&mut start).collect();
    advance(&mut machine, seconds(2));
    let before = machine.runtimes();
    advance(&mut machine, seconds(10));
    let after = machine.runtimes();
    ids.iter()
        .map(|id| (after[id] - before[id]) as f64 / 1e10)
        .collect()
}

#[track_caller]
fn near(found: &[f64], expected: &[f64], hogs: &[(u16, u32)]) {
    let near = |(found, expected): (&f64, &f64)| (found - expected).abs() < 0.03;
    assert!(
        found.iter().zip(expected).all(near),
        "{hogs:?} had {found:.3?}, not {expected:.3?}"
    );
}

/// Three hogs on two CPUs. The heavy one went to the pinned one's CPU first, and stayed there for ever: 94, 6 and 100 %.
#[test]
fn d8_the_order_of_arrival_decides_nothing() {
    let (heavy, pinned, free) = ((1024, 0), (64, 0b01), (64, 0));
    for policy in [Policy::Eevdf, Policy::WeightedFair] {
        for hogs in [
            [heavy, pinned, free],
            [heavy, free, pinned],
            [pinned, heavy, free],
            [pinned, free, heavy],
            [free, heavy, pinned],
            [free, pinned, heavy],
        ] {
            let ought = hogs.map(|hog| if hog == heavy { 1.0 } else { 0.5 });
            near(&confined(2, &hogs, policy), &ought, &hogs);
        }
    }
}

#[test]
fn d8_a_thread_that_is_worth_a_cpu_goes_round_where_nobody_may_make_way() {
    type Case<'a> = (u32, &'a [(u16, u32)], &'a [f64]);
    let cases: [Case<'_>; 3] = [
        (2, &[(1024, 0), (64, 1), (64, 2)], &[1.0, 0.5, 0.5]),
        (2, &[(192, 0), (64, 1), (64, 2)], &[1.0, 0.5, 0.5]),
        (
            3,
            &[(512, 0), (512, 0), (64, 1), (64, 2), (64, 4)],
            &[1.0, 1.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0],
        ),
    ];
    for policy in [Policy::Eevdf, Policy::WeightedFair] {
        for (cpus, hogs, ought) in cases {
            near(&confined(cpus, hogs, policy), ought, hogs);
        }
    }
}

/// CPU 2, with its light thread, is always furthest ahead, and nobody may go there.
#[test]
fn d8_who_is_ahead_where_nobody_may_go_hides_nobody() {
    let hogs = [(64, 0b011), (64, 0b011), (64, 0b011), (4, 0b100)];
    for policy in [Policy::Eevdf, Policy::WeightedFair] {
        near(
            &confined(3, &hogs, policy),
            &[2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 1.0],
            &hogs,
        );
    }
}

/// Whoever has the first CPU may run on the idle one, and those who wait for the last one may not.
#[test]
fn d8_an_only_thread_makes_room_where_a_cpu_idles() {
    let hogs = [(284, 0), (32, 0b1000), (4, 0b1001), (32, 0b1000), (85, 0)];
    for policy in [Policy::Eevdf, Policy::WeightedFair] {
        near(&confined(4, &hogs, policy), &[1.0, 0.5, 1.0, 0.5, 1.0], &hogs);
    }
}

/// The heavy thread on the second CPU may go to the third, whose only thread may go to the fourth: both threads that are worth a
/// CPU have one.
#[test]
fn d8_an_only_thread_makes_room_when_the_next_one_does() {
    let hogs = [
        (131, 0b0011),
        (64, 0b0001),
        (512, 0b0110),
        (53, 0b1100),
        (64, 0b1000),
    ];
    for policy in [Policy::Eevdf, Policy::WeightedFair] {
        let had = confined(4, &hogs, policy);
        assert!(had[0] > 0.97 && had[2] > 0.97, "{had:.3?}");
    }
}

/// The heavy thread waits once in 128 ms, and then the idle CPU is summoned to fetch it.
#[test]
fn d8_whoever_an_idle_cpu_fetches_is_not_given_away() {
    let hogs = [(32, 0b100), (128, 0), (4, 0b001)];
    for policy in [Policy::Eevdf, Policy::WeightedFair] {
        near(&confined(3, &hogs, policy), &[1.0, 1.0, 1.0], &hogs);
    }
}

/// The pinned thread may not go where the others are ahead, and the heavy one beside it, which may, is owed so much that it never
/// waits: it is sent.
#[test]
fn d8_whoever_runs_makes_way_for_one_that_may_not_go() {
    let hogs = [(64, 0b101), (64, 0b010), (64, 0), (301, 0), (254, 0)];
    let third = 1.0 / 3.0;
    for policy in [Policy::Eevdf, Policy::WeightedFair] {
        near(
            &confined(3, &hogs, policy),
            &[third, third, third, 1.0, 1.0],
            &hogs,
        );
    }
}

/// Nobody who waits may go further. The one that runs beside the first may go to the CPU of the last, which may go to that of the third.
#[test]
fn d8_whoever_runs_begins_a_row() {
    let hogs = [
        (64, 0b0_0010),
        (238, 0b1_1110),
        (64, 0b0_0001),
        (48, 0b0_1000),
        (250, 0b0_0100),
        (313, 0),
    ];
    for policy in [Policy::Eevdf, Policy::WeightedFair] {
        let had = confined(5, &hogs, policy);
        near(&had, &[0.727, 1.0, 0.727, 0.545, 1.0, 1.0], &hogs);
    }
}

/// A heavy pinned thread held two others back for a hundred seconds. When it is gone they are not owed all of that: the third one
/// does not have a CPU for itself until they have caught up.
#[test]
fn d8_what_a_cpu_was_once_denied_is_forgotten() {
    let mut machine = Machine::new(2, Policy::Eevdf);
    let first = || Affinity::One(CpuId(0));
    let _ = machine.spawn(1024, LatencyClass::Normal, first(), CpuId(0));
    machine.deliver_all();
    let ids: Vec<_> = [first(), first(), Affinity::Any, Affinity::Any, Affinity::Any]
        .into_iter()
        .map(|affinity| {
            let id = machine.spawn(64, LatencyClass::Normal, affinity, CpuId(1));
            machine.deliver_all();
            id
        })
        .collect();
    advance(&mut machine, seconds(100));
    let runs = |machine: &Machine| machine.running[0].as_ref().map(|thread| thread.weight().get());
    let heavy_runs = (0..1_000).any(|_| {
        advance(&mut machine, Nanos(1_000_000));
        runs(&machine) == Some(1024)
    });
    assert!(heavy_runs);
    machine.exit(CpuId(0));
    machine.deliver_all();
    // Twice the time after which half is forgotten, and some more.
    advance(&mut machine, seconds(12));
    let before = machine.runtimes();
    advance(&mut machine, seconds(10));
    let after = machine.runtimes();
    for id in &ids {
        let had = (after[id] - before[id]) as f64 / 1e10;
        assert!((had - 0.4).abs() < 0.03, "{id:?} had {had:.3}");
    }
}
