//! D6: how far the share of processor time that somebody got is from the one that its weight promises. The times are those
//! of the kernel's accounting, read from outside; the work that each counted itself stands beside them.

use super::super::boot::Booted;
use super::super::measured::Figures;
use super::{checked, number};
use anyhow::{Result, ensure};
use serde_json::json;

/// The largest deviation of a share from its ideal, in percent of the ideal.
pub(in super::super) fn unfairness(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    let (weights, times) = (row.numbered("weight"), row.numbered("runtime"));
    ensure!(
        !weights.is_empty() && weights.len() == times.len(),
        "{name}: {} weights and {} run times",
        weights.len(),
        times.len()
    );
    let (ideals, shares) = (parts(&weights), parts(&times));
    let off = |(share, ideal): (&f64, &f64)| (share / ideal - 1.0).abs() * 100.0;
    let worst = shares.iter().zip(&ideals).map(off).fold(0.0, f64::max);
    let figures = Figures::of(vec![worst])
        .with("ideals", json!(ideals))
        .with("shares", json!(shares))
        .with("runtimes_ns", json!(times))
        .with("counts", json!(row.numbered("count")))
        .with("window_ns", row.fact("window")?);
    let mut figures = checked(figures, row);
    // Nobody ran, so nobody was treated fairly either.
    figures.refuted |= times.iter().all(|time| *time == 0) || weights.contains(&0);
    Ok(figures)
}

/// What part of the sum each is.
fn parts(values: &[u64]) -> Vec<f64> {
    let sum = number(values.iter().sum::<u64>().max(1));
    values.iter().map(|value| number(*value) / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::super::booted;
    use super::*;

    fn shares(weights: [u32; 2], times: [u32; 2]) -> Figures {
        let text = format!(
            "@fact f weight-0 {}\n@fact f weight-1 {}\n@fact f runtime-0 {}\n@fact f runtime-1 {}\n\
             @fact f count-0 7\n@fact f count-1 8\n@fact f window 1000\n@fact f wrong 0",
            weights[0], weights[1], times[0], times[1]
        );
        unfairness(&booted(&text), "f").unwrap()
    }

    #[test]
    fn d6_the_worst_share_counts_in_percent_of_its_ideal() {
        let fair = shares([1, 3], [250, 750]);
        assert_eq!((fair.samples, fair.refuted), (vec![0.0], false));
        let unfair = shares([1, 1], [510, 490]);
        assert!((unfair.samples[0] - 2.0).abs() < 1e-9, "{:?}", unfair.samples);
        let by_weight = shares([1, 3], [300, 700]);
        assert!(
            (by_weight.samples[0] - 20.0).abs() < 1e-9,
            "{:?}",
            by_weight.samples
        );
        assert_eq!(by_weight.details["counts"], json!([7, 8]));
    }

    #[test]
    fn d6_when_nobody_ran_there_is_no_fairness() {
        assert!(shares([1, 1], [0, 0]).refuted);
    }

    #[test]
    fn d6_a_member_without_its_run_time_is_an_error() {
        let text = "@fact f weight-0 1\n@fact f weight-1 1\n@fact f runtime-0 5\n@fact f window 9";
        assert!(unfairness(&booted(text), "f").is_err());
    }
}
