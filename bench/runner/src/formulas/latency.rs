//! N11: how late a thread of the highest class begins that is woken at a given moment. Each wake-up is one sample; the rows
//! are their mean and their worst, and keep how often each latency came.

use super::super::boot::Booted;
use super::super::measured::Figures;
use super::{checked, number};
use anyhow::{Result, ensure};
use std::collections::BTreeMap;

/// The mean of all wake-ups.
pub(in super::super) fn mean(booted: &Booted, name: &str) -> Result<Figures> {
    figures(booted, name, |latencies| {
        latencies.iter().copied().map(number).sum::<f64>() / number(latencies.len() as u64)
    })
}

/// The worst wake-up.
pub(in super::super) fn worst(booted: &Booted, name: &str) -> Result<Figures> {
    figures(booted, name, |latencies| {
        number(latencies.iter().copied().max().unwrap_or(0))
    })
}

fn figures(booted: &Booted, name: &str, of: impl Fn(&[u64]) -> f64) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    let latencies: Vec<u64> = row.samples.iter().map(|(_, ticks)| *ticks).collect();
    ensure!(!latencies.is_empty(), "the program printed no wake-up of {name}");
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for latency in &latencies {
        *counts.entry(*latency).or_default() += 1;
    }
    let counts: Vec<Vec<u64>> = counts
        .into_iter()
        .map(|(ticks, count)| vec![ticks, count])
        .collect();
    let figures = Figures::of(vec![of(&latencies)])
        .with("wake_ups", latencies.len())
        .with("latencies", counts);
    Ok(checked(figures, row))
}

#[cfg(test)]
mod tests {
    use super::super::booted;
    use super::*;
    use serde_json::json;

    #[test]
    fn n11_mean_and_worst_come_with_how_often_each_latency_came() {
        let booted =
            booted("@sample w 1 900\n@sample w 1 1000\n@sample w 1 900\n@sample w 1 1200\n@fact w wrong 0");
        let (mean, worst) = (mean(&booted, "w").unwrap(), worst(&booted, "w").unwrap());
        assert_eq!((mean.samples, worst.samples), (vec![1000.0], vec![1200.0]));
        assert_eq!(mean.details["latencies"], json!([[900, 2], [1000, 1], [1200, 1]]));
        assert_eq!(mean.details["wake_ups"], 4);
    }

    #[test]
    fn n11_without_wake_ups_there_is_no_figure() {
        assert!(worst(&booted("@fact w wrong 0"), "w").is_err());
    }
}
