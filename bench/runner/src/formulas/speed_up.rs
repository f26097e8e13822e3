//! N15, B7 and S3: how often the time of two workers goes into the time of one. A pair of cases ran one after the other in
//! the same boot, so a slow moment of the host hits both. The work and the total, with making and joining the workers,
//! are separate figures; efficiency is the speed-up divided by the workers.

use super::super::boot::Booted;
use super::super::measured::Figures;
use super::super::readings::Readings;
use super::number;
use anyhow::{Result, ensure};
use lab::statistics::median;
use serde_json::json;

const WORKERS: u32 = 2;

/// The work's speed-up of every pair.
pub(in super::super) fn work_of_pairs(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    described(row, ratios(row, "work")?, "work")
}

/// The total's speed-up of every pair.
pub(in super::super) fn total_of_pairs(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    described(row, ratios(row, "total")?, "total")
}

/// One figure for the boot, so that boots of different systems can be paired: the middle of its pairs' work.
pub(in super::super) fn work_of_boot(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    described(row, vec![median(&ratios(row, "work")?)], "work")
}

/// The same for the total.
pub(in super::super) fn total_of_boot(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    described(row, vec![median(&ratios(row, "total")?)], "total")
}

/// A load: its work is the figure, one for the boot; the total is a detail, pair by pair.
pub(in super::super) fn load(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    let figures = work_of_boot(booted, name)?.with("total", ratios(row, "total")?);
    Ok(figures.with("ms_total_one_and_two", milliseconds(row, "total")?))
}

/// How often two go into one, for each pair.
fn ratios(row: &Readings, what: &str) -> Result<Vec<f64>> {
    let (one, two) = (row.facts(&format!("{what}-1")), row.facts(&format!("{what}-2")));
    let complete = !one.is_empty() && one.len() == two.len() && !two.contains(&0);
    ensure!(
        complete,
        "the program printed no complete pairs of `{what}-1` and `{what}-2`"
    );
    let pairs = one.iter().zip(two);
    Ok(pairs.map(|(one, two)| number(*one) / number(*two)).collect())
}

/// The times behind the ratios.
fn milliseconds(row: &Readings, what: &str) -> Result<Vec<Vec<f64>>> {
    let ticks_per_ms = number(row.fact("tick-hz")?) / 1e3;
    let (one, two) = (row.facts(&format!("{what}-1")), row.facts(&format!("{what}-2")));
    let in_ms = |ticks: u64| (number(ticks) / ticks_per_ms * 100.0).round() / 100.0;
    let pairs = one.iter().zip(two);
    Ok(pairs.map(|(one, two)| vec![in_ms(*one), in_ms(*two)]).collect())
}

fn described(row: &Readings, samples: Vec<f64>, what: &str) -> Result<Figures> {
    let efficiency: Vec<f64> = samples
        .iter()
        .map(|speed_up| speed_up / f64::from(WORKERS))
        .collect();
    Ok(Figures {
        refuted: !row.verified(),
        warm_up: 1,
        ..Figures::of(samples)
    }
    .with("workers", WORKERS)
    .with("efficiency", json!(efficiency))
    .with("ms_one_and_two", json!(milliseconds(row, what)?)))
}

#[cfg(test)]
mod tests {
    use super::super::booted;
    use super::*;

    const CONSOLE: &str = "@fact s tick-hz 1000000\n@fact s wrong 0\n\
        @fact s work-1 4000\n@fact s work-2 2000\n@fact s total-1 5000\n@fact s total-2 4000\n\
        @fact s work-1 3000\n@fact s work-2 2000\n@fact s total-1 5000\n@fact s total-2 2500\n\
        @fact s work-1 3600\n@fact s work-2 2000\n@fact s total-1 4500\n@fact s total-2 3000";

    #[test]
    fn b7_work_and_total_are_apart_and_each_pair_counts() {
        let booted = booted(CONSOLE);
        let (work, total) = (
            work_of_pairs(&booted, "s").unwrap(),
            total_of_pairs(&booted, "s").unwrap(),
        );
        assert_eq!(work.samples, [2.0, 1.5, 1.8]);
        assert_eq!(total.samples, [1.25, 2.0, 1.5]);
        assert_eq!(work.details["efficiency"], json!([1.0, 0.75, 0.9]));
        assert_eq!(
            work.details["ms_one_and_two"],
            json!([[4.0, 2.0], [3.0, 2.0], [3.6, 2.0]])
        );
        assert!(!work.refuted);
    }

    #[test]
    fn n15_a_boot_has_one_figure() {
        let booted = booted(CONSOLE);
        assert_eq!(work_of_boot(&booted, "s").unwrap().samples, [1.8]);
        assert_eq!(total_of_boot(&booted, "s").unwrap().samples, [1.5]);
        let load = load(&booted, "s").unwrap();
        assert_eq!(
            (load.samples, &load.details["total"]),
            (vec![1.8], &json!([1.25, 2.0, 1.5]))
        );
    }

    #[test]
    fn b7_a_wrong_checksum_refutes_the_boot() {
        let wrong = booted(&format!("{CONSOLE}\n@fact s wrong 1"));
        assert!(work_of_pairs(&wrong, "s").unwrap().refuted);
    }

    #[test]
    fn b7_half_a_pair_is_no_pair() {
        let half = booted("@fact s tick-hz 1000\n@fact s work-1 3\n@fact s wrong 0");
        assert!(work_of_pairs(&half, "s").is_err());
    }
}
