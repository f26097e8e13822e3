//! Shares of CPU time, in hundredths of a percent of what all hogs get together.
//!
//! On one CPU the ideal share is the weight over the sum of weights. On several a thread can use one CPU at
//! most, so the heaviest are filled up first and the rest divide what is left.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// All of it.
const WHOLE: u128 = 10_000;

/// What each weight should get on so many CPUs.
pub fn ideal(weights: &[u16], cpus: u32) -> Vec<u64> {
    let capacity = (cpus.max(1) as usize).min(weights.len());
    let mut by_weight: Vec<usize> = (0..weights.len()).collect();
    by_weight.sort_by_key(|index| (core::cmp::Reverse(weights[*index]), *index));
    let mut shares = alloc::vec![0; weights.len()];
    let mut cpus_left = capacity as u128;
    let mut weight_left: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    for index in by_weight {
        let weight = u128::from(weights[index]);
        // A whole CPU if its part of what is left would be one or more.
        let (cpus_times, over) = if weight * cpus_left >= weight_left {
            (1, 1)
        } else {
            (weight * cpus_left, weight_left)
        };
        shares[index] = (WHOLE * cpus_times / (over * capacity as u128)) as u64;
        if over == 1 {
            cpus_left -= 1;
            weight_left -= weight;
        }
    }
    shares
}

/// What each got of the sum.
pub fn real(used: &[u64]) -> Vec<u64> {
    let total: u128 = used.iter().map(|used| u128::from(*used)).sum::<u128>().max(1);
    used.iter()
        .map(|used| (u128::from(*used) * WHOLE / total) as u64)
        .collect()
}

/// Hundredths of a percent as text.
pub fn percent(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    let size = hundredths.unsigned_abs();
    format!("{sign}{}.{:02} %", size / 100, size % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d1_on_one_cpu_shares_are_weights() {
        assert_eq!(ideal(&[32, 64, 128, 256], 1), [666, 1333, 2666, 5333]);
        assert_eq!(ideal(&[7], 1), [10_000]);
    }

    #[test]
    fn d1_nobody_can_use_more_than_one_cpu() {
        assert_eq!(ideal(&[64, 64], 2), [5000, 5000]);
        assert_eq!(ideal(&[1024, 64, 64], 2), [5000, 2500, 2500]);
        assert_eq!(ideal(&[1024, 512, 64, 64], 3), [3333, 3333, 1666, 1666]);
        assert_eq!(ideal(&[10, 20], 8), [5000, 5000], "more CPUs than threads");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(real(&[1, 3]), [2500, 7500]);
        assert_eq!(
            (percent(2500).as_str(), percent(-7).as_str()),
            ("25.00 %", "-0.07 %")
        );
    }
}
