//! The ideal shares against their definition, which a search over all sets of threads finds, too.

use super::*;
use proptest::prelude::*;

fn hog(weight: u16, mask: u32) -> Hog {
    let cpus = (0..32).filter(|cpu| mask >> cpu & 1 != 0).map(CpuId);
    Hog {
        weight: Weight::new(weight).unwrap(),
        mask: (mask != 0).then(|| cpus.collect()),
    }
}

fn of(hogs: &[(u16, u32)], cpus: u32) -> Vec<f64> {
    let hogs: Vec<Hog> = hogs.iter().map(|(weight, mask)| hog(*weight, *mask)).collect();
    let online: Vec<CpuId> = (0..cpus).map(CpuId).collect();
    shares(&hogs, &online)
}

#[track_caller]
fn close(found: &[f64], expected: &[f64]) {
    let close = |(one, other): (&f64, &f64)| (one - other).abs() < 1e-6;
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(close),
        "{found:?}, not {expected:?}"
    );
}

#[test]
fn d8_a_heavy_thread_takes_one_cpu_and_the_others_share_the_rest() {
    close(&of(&[(1024, 0), (64, 0b01), (64, 0)], 2), &[1.0, 0.5, 0.5]);
    // Two that may not leave their CPUs: the heavy one takes from both alike.
    close(&of(&[(1024, 0), (64, 0b01), (64, 0b10)], 2), &[1.0, 0.5, 0.5]);
    close(
        &of(&[(1024, 0), (64, 1), (64, 2), (64, 4)], 3),
        &[1.0, 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0],
    );
    // All on one CPU, by weight.
    close(&of(&[(192, 1), (64, 1), (64, 0)], 2), &[0.75, 0.25, 1.0]);
    // Who may run on the crowded CPU as well leaves it to those who have no other.
    close(
        &of(&[(64, 1), (64, 1), (64, 1), (64, 3)], 2),
        &[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 1.0],
    );
    close(&of(&[(64, 0); 3], 2), &[2.0 / 3.0; 3]);
    close(&of(&[(64, 0b100), (64, 0)], 2), &[0.0, 1.0]);
    close(&of(&[], 2), &[]);
}

/// By the definition: of all sets of threads the one that is content at the lowest rate stays there, and so on.
fn by_all_sets(hogs: &[(u16, u32)], cpus: u32) -> Vec<f64> {
    let online = (1_u32 << cpus) - 1;
    let cpus_of = |thread: usize| {
        if hogs[thread].1 == 0 {
            online
        } else {
            hogs[thread].1 & online
        }
    };
    let mut shares: Vec<Option<f64>> = (0..hogs.len())
        .map(|thread| (cpus_of(thread) == 0).then_some(0.0))
        .collect();
    while shares.contains(&None) {
        let (mut lowest, mut stay) = (f64::INFINITY, 0);
        for set in 1_u32..1 << hogs.len() {
            let members = || (0..hogs.len()).filter(|thread| set >> thread & 1 != 0);
            let usable = members()
                .fold(0, |usable, thread| usable | cpus_of(thread))
                .count_ones();
            let wants = |rate: f64| -> f64 {
                members()
                    .map(|thread| shares[thread].unwrap_or((rate * f64::from(hogs[thread].0)).min(1.0)))
                    .sum()
            };
            if members().all(|thread| shares[thread].is_some()) || wants(1.0) <= f64::from(usable) {
                continue;
            }
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if wants(middle) <= f64::from(usable) {
                    low = middle
                } else {
                    high = middle
                }
            }
            if low < lowest {
                (lowest, stay) = (low, set);
            }
        }
        for (thread, share) in shares.iter_mut().enumerate() {
            // Without a set that wants too much everybody has a CPU.
            if share.is_none() && (stay == 0 || stay >> thread & 1 != 0) {
                *share = Some((lowest * f64::from(hogs[thread].0)).min(1.0));
            }
        }
    }
    shares.into_iter().map(|share| share.unwrap_or(0.0)).collect()
}

fn mixes() -> impl Strategy<Value = (u32, Vec<(u16, u32)>)> {
    let weight = prop_oneof![1..=1024_u16, (0..=10_u32).prop_map(|power| 1 << power)];
    let hog = (weight, prop_oneof![Just(0), 1..32_u32]);
    (1..5_u32, proptest::collection::vec(hog, 1..7))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn d8_ideal_shares_are_those_that_the_definition_asks_for((cpus, hogs) in mixes()) {
        let (found, expected) = (of(&hogs, cpus), by_all_sets(&hogs, cpus));
        for (one, other) in found.iter().zip(&expected) {
            prop_assert!((one - other).abs() < 1e-6, "{:?}, not {:?}", found, expected);
        }
    }

    /// Many threads are no harder than few: a thread's share is that of two halves of it, if neither fills a CPU.
    #[test]
    fn d8_two_halves_have_what_the_whole_has((cpus, hogs) in mixes()) {
        let even: Vec<(u16, u32)> = hogs.iter().map(|(weight, mask)| (weight.div_ceil(2), *mask)).collect();
        let whole: Vec<(u16, u32)> = even.iter().map(|(weight, mask)| (2 * weight, *mask)).collect();
        let halves: Vec<(u16, u32)> = even.iter().flat_map(|half| [*half, *half]).collect();
        let (whole, halves) = (of(&whole, cpus), of(&halves, cpus));
        if whole.iter().all(|share| *share < 1.0 - EPSILON) {
            for (share, pair) in whole.iter().zip(halves.chunks(2)) {
                prop_assert!((share - pair[0] - pair[1]).abs() < 1e-6);
            }
        }
    }
}
