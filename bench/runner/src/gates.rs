//! What a run must not show: [`judge`] looks at the rows that have a gate, and what does not pass is a failure of the run.
//!
//! * Two workers against one must be at least as good as on Linux in the same run (A5). It is judged on pairs of neighbouring boots, and
//!   only on enough of them: what cannot be told is not accepted.
//! * A budget that is all the time there is asks for no timer interrupt (E9).
//! * Calls, turns and yields of threads without budgets cost no more than in the run that is checked in, but for what the code's
//!   place in the image does to them.

use super::measured::Measured;
use super::series::ROUNDS;
use super::system::System;
use lab::bench::{Row, Rows};
use lab::statistics::{median, quantile};
use serde_json::json;

/// A gate's verdict, and the reason in a sentence.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    /// What must be.
    pub(super) condition: &'static str,
    /// Whether it is; `None` when it cannot be told.
    pub(super) passed: Option<bool>,
    /// For the reader.
    pub(super) reason: String,
}

const AT_LEAST_LINUX: &str = "at_least_linux";
const NO_INTERRUPT: &str = "no_interrupt";
const AS_BEFORE: &str = "no_dearer_than_before";

/// How much dearer is the same: instructions come and go with what the compiler puts in line.
const SAME: f64 = 1.02;

/// Judges the gated rows of a run, some beside those that are checked in, and writes the verdicts into Sundial's: a sentence for each
/// that is there.
pub(super) fn judge(rows: &mut [Measured], reference: Option<&Rows>) -> Vec<(&'static str, Verdict)> {
    let mut verdicts = Vec::new();
    for index in 0..rows.len() {
        let row = &rows[index];
        if row.system != System::Sundial {
            continue;
        }
        let verdict = match row.row.id {
            "N15a" | "N15b" => {
                let theirs = |other: &&Measured| other.row.id == row.row.id && other.system == System::Linux;
                beside_linux(row, rows.iter().find(theirs))
            }
            "E9" => without_interrupt(row),
            "N3" | "N5" | "N6" => beside_before(row, reference),
            _ => continue,
        };
        let row = &mut rows[index];
        row.gate = Some((verdict.condition, verdict.passed));
        row.figures
            .details
            .insert("gate".to_owned(), json!(verdict.reason.clone()));
        verdicts.push((row.row.id, verdict));
    }
    verdicts
}

fn beside_linux(ours: &Measured, theirs: Option<&Measured>) -> Verdict {
    let told = |passed, reason| Verdict {
        condition: AT_LEAST_LINUX,
        passed,
        reason,
    };
    let untold = |reason| told(None, reason);
    let Some(theirs) = theirs else {
        return untold("there is no row of Linux in this run".to_owned());
    };
    if ours.void() || theirs.void() {
        return untold("a check failed".to_owned());
    }
    let (ours, theirs) = (&ours.figures.samples, &theirs.figures.samples);
    if ours.len() != theirs.len() {
        return untold("boots are missing, so neighbours cannot be paired".to_owned());
    }
    if ours.len() < ROUNDS as usize {
        return untold(format!("{} pairs of boots; it takes {ROUNDS}", ours.len()));
    }
    let ratios: Vec<f64> = ours
        .iter()
        .zip(theirs)
        .map(|(ours, theirs)| ours / theirs)
        .collect();
    let (least, middle, most) = (quantile(&ratios, 0.25), median(&ratios), quantile(&ratios, 0.75));
    let reason = format!(
        "{middle:.3} of Linux' speed-up in the middle pair, {least:.3} to {most:.3} in the middle half"
    );
    match middle {
        middle if middle >= 1.0 => told(Some(true), reason),
        // Even the better quarter of the pairs begins below Linux.
        _ if most < 1.0 => told(Some(false), reason),
        _ => untold(format!("{reason}: within the noise")),
    }
}

fn without_interrupt(row: &Measured) -> Verdict {
    let rate = row.median();
    Verdict {
        condition: NO_INTERRUPT,
        passed: rate.map(|rate| rate == 0.0),
        reason: rate.map_or_else(
            || "a check failed".to_owned(),
            |rate| format!("{rate} timer interrupts in 10^9 instructions"),
        ),
    }
}

fn beside_before(row: &Measured, reference: Option<&Rows>) -> Verdict {
    let told = |passed, reason: String| Verdict {
        condition: AS_BEFORE,
        passed,
        reason,
    };
    let Some(now) = row.median() else {
        return told(None, "a check failed".to_owned());
    };
    let is_it = |before: &&Row| {
        before.row == row.row.id
            && before.system == lab::bench::System::Sundial
            && before.machine == row.machine
            && before.unit == row.unit
    };
    let all = reference.map_or(&[][..], Rows::all);
    match all.iter().find(is_it).and_then(Row::figure) {
        None => told(None, "no such row is checked in".to_owned()),
        Some(before) => told(
            Some(now <= SAME * before),
            format!("{:.3} of what is checked in", now / before),
        ),
    }
}

#[cfg(test)]
mod tests;
