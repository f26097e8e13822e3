//! Shares on several CPUs where threads are confined and weights are worth more than a CPU, beside the ideal ones.

use sched::{CpuId, CpuMask, LatencyClass, Nanos, Policy, Weight};
use sim::Machine;
use sim::ideal::{self, Hog};
use sim::random::Random;
use sim::scenario::{self, Arrival, Phase, Program, Scenario, Span, Step, Thread};

/// Threads that never sleep, all from the beginning, in this order.
fn scenario(hogs: &[Hog], cpus: u32, policy: Policy, duration: Nanos) -> Scenario {
    let thread = |(number, hog): (usize, &Hog)| Thread {
        name: format!("hog {number}"),
        process: 1,
        weight: hog.weight,
        class: LatencyClass::Normal,
        affinity: hog.mask.clone(),
        context: None,
        arrival: Arrival::At {
            start: Nanos::ZERO,
            count: 1,
        },
        program: Program {
            phases: vec![Phase {
                name: String::new(),
                repeat: Some(1),
                steps: vec![Step::Run(Span::FOREVER)],
            }],
            repeat: None,
        },
    };
    let machine = scenario::Machine {
        policy,
        ..scenario::Machine::flat(cpus)
    };
    Scenario {
        threads: hogs.iter().enumerate().map(thread).collect(),
        ..Scenario::empty("hogs", machine, duration)
    }
}

/// The share of a CPU that each had in ten seconds, after two to settle.
fn measured(hogs: &[Hog], cpus: u32, policy: Policy) -> Vec<f64> {
    let (settled, end) = (Nanos::from_secs(2), Nanos::from_secs(12));
    // The last events may come a little later.
    let mut machine = Machine::new(&scenario(hogs, cpus, policy, Nanos::from_secs(20)));
    machine.audit_every(0);
    let mut used_at = |time: Nanos| {
        while machine.summary().now.0 < time.0 {
            machine.stop_after(machine.summary().events + 50);
            assert_eq!(machine.run().broken, None);
        }
        (machine.summary().now, machine.runtime_by_kind())
    };
    let (before, after) = (used_at(settled), used_at(end));
    if before.0 == after.0 {
        // Nothing happened before the end: nobody has ever waited.
        let all = after.0.0 as f64;
        return after.1.iter().map(|(_, used)| used.0 as f64 / all).collect();
    }
    let window = after.0.0 as f64 - before.0.0 as f64;
    let shares = before.1.iter().zip(&after.1);
    shares
        .map(|((_, before), (_, after))| (after.0 - before.0) as f64 / window)
        .collect()
}

/// In which order the threads of a mix come.
#[derive(Clone, Copy, Debug)]
enum Order {
    AsGiven,
    Backwards,
    Shuffled,
}

impl Order {
    fn arrange(self, seed: u64, hogs: &mut [Hog]) {
        match self {
            Order::AsGiven => {}
            Order::Backwards => hogs.reverse(),
            Order::Shuffled => {
                let mut random = Random::new(seed, 0x0de4);
                for last in (1..hogs.len()).rev() {
                    hogs.swap(last, random.below(last as u64 + 1) as usize);
                }
            }
        }
    }
}

/// A mix of weights and masks.
fn mix(seed: u64) -> (u32, Vec<Hog>) {
    let mut random = Random::new(seed, 0xd8);
    let cpus = 2 + random.below(7) as u32;
    let count = 2 + random.below(u64::from(2 * cpus) + 2);
    let hogs = (0..count).map(|_| {
        let weight = match random.below(3) {
            0 => 64,
            1 => 1 << random.below(11),
            _ => 16 + random.below(300) as u16,
        };
        let mask: Option<CpuMask> = match random.below(4) {
            0 => Some(core::iter::once(CpuId(random.below(u64::from(cpus)) as u32)).collect()),
            1 => {
                let some = 1 + random.below((1 << cpus) - 1);
                Some((0..cpus).filter(|cpu| some >> cpu & 1 != 0).map(CpuId).collect())
            }
            _ => None,
        };
        Hog {
            weight: Weight::new(weight).unwrap(),
            mask,
        }
    });
    (cpus, hogs.collect())
}

/// The smallest part of what it ought to have that any thread had. Four turns may be late.
fn worst(seed: u64, confined: bool, order: Order, policy: Policy) -> f64 {
    let (cpus, mut hogs) = mix(seed);
    if !confined {
        hogs.iter_mut().for_each(|hog| hog.mask = None);
    }
    order.arrange(seed, &mut hogs);
    let online: Vec<CpuId> = (0..cpus).map(CpuId).collect();
    let ideal = ideal::shares(&hogs, &online);
    let had = measured(&hogs, cpus, policy);
    let part = |(had, ideal): (&f64, &f64)| (had + 0.0016) / ideal;
    had.iter().zip(&ideal).map(part).fold(f64::INFINITY, f64::min)
}

#[test]
fn d8_without_masks_everybody_has_the_ideal_share() {
    for seed in 0..60 {
        for policy in [Policy::Eevdf, Policy::WeightedFair] {
            let worst = worst(seed, false, Order::AsGiven, policy);
            assert!(worst > 0.97, "seed {seed}, {policy:?}: {worst:.3}");
        }
    }
}

/// Three hundred mixes in one order. With masks all but one in some hundreds are within three hundredths, and none is off by a
/// tenth (docs/limits.md).
#[track_caller]
fn have_ideal_shares(order: Order) {
    const MIXES: u64 = 300;
    for policy in [Policy::Eevdf, Policy::WeightedFair] {
        let parts: Vec<f64> = (0..MIXES).map(|seed| worst(seed, true, order, policy)).collect();
        let below = |part: f64| parts.iter().filter(|worst| **worst < part).count();
        let (off, far) = (below(0.97), below(0.9));
        assert!(
            off <= 2 && far == 0,
            "{policy:?}, {order:?}: of {MIXES} mixes {off} below 97 %, {far} below 90 %: {parts:.3?}"
        );
    }
}

#[test]
fn d8_with_masks_everybody_has_the_ideal_share() {
    have_ideal_shares(Order::AsGiven);
}

#[test]
fn d8_with_masks_everybody_has_the_ideal_share_when_they_come_backwards() {
    have_ideal_shares(Order::Backwards);
}

#[test]
fn d8_with_masks_everybody_has_the_ideal_share_when_they_come_in_any_order() {
    have_ideal_shares(Order::Shuffled);
}
