//! The gate of requirement A5: two workers against one must be at least as good as on Linux in the same run. It is judged on
//! pairs of neighbouring boots, and only on enough of them: what cannot be told is not accepted.

use super::measured::Measured;
use super::series::ROUNDS;
use super::system::System;
use lab::statistics::{median, quantile};
use serde_json::json;

/// Rows with a gate.
const GATED: [&str; 2] = ["N15a", "N15b"];

/// A gate's verdict, and the reason in a sentence.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    /// `None` when it cannot be told.
    pub(super) at_least_linux: Option<bool>,
    /// For the reader.
    pub(super) reason: String,
}

/// Judges the gated rows of a run and writes the verdicts into Sundial's: a sentence for each that is there.
pub(super) fn judge(rows: &mut [Measured]) -> Vec<(&'static str, Verdict)> {
    let mut verdicts = Vec::new();
    for id in GATED {
        let of = |system| {
            rows.iter()
                .position(|row| row.row.id == id && row.system == system)
        };
        let Some(ours) = of(System::Sundial) else { continue };
        let verdict = verdict(&rows[ours], of(System::Linux).map(|theirs| &rows[theirs]));
        let row = &mut rows[ours];
        row.at_least_linux = Some(verdict.at_least_linux);
        row.figures
            .details
            .insert("gate".to_owned(), json!(verdict.reason.clone()));
        verdicts.push((id, verdict));
    }
    verdicts
}

fn verdict(ours: &Measured, theirs: Option<&Measured>) -> Verdict {
    let untold = |reason: String| Verdict {
        at_least_linux: None,
        reason,
    };
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
    let told = format!(
        "{middle:.3} of Linux' speed-up in the middle pair, {least:.3} to {most:.3} in the middle half"
    );
    match middle {
        middle if middle >= 1.0 => Verdict {
            at_least_linux: Some(true),
            reason: told,
        },
        // Even the better quarter of the pairs begins below Linux.
        _ if most < 1.0 => Verdict {
            at_least_linux: Some(false),
            reason: told,
        },
        _ => untold(format!("{told}: within the noise")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::boot::Clock;
    use super::super::measured::Figures;
    use super::*;
    use xtask::qemu::Accelerator;

    fn row(system: System, samples: &[f64]) -> Measured {
        let figures = Figures::of(samples.to_vec());
        Measured::new("N15a", system, Clock::Wall(Accelerator::Tcg), figures)
    }

    fn judged(ours: &[f64], theirs: &[f64]) -> Option<bool> {
        let mut rows = [row(System::Sundial, ours), row(System::Linux, theirs)];
        let verdicts = judge(&mut rows);
        assert_eq!(rows[0].at_least_linux, Some(verdicts[0].1.at_least_linux));
        assert_eq!(rows[1].at_least_linux, None);
        verdicts[0].1.at_least_linux
    }

    #[test]
    fn a5_at_least_linux_is_accepted_and_clearly_less_is_not() {
        assert_eq!(judged(&[1.9; 10], &[1.9; 10]), Some(true));
        assert_eq!(judged(&[1.8; 10], &[1.9; 10]), Some(false));
    }

    #[test]
    fn a5_pairs_are_compared_and_not_all_with_all() {
        // A host with fast and slow minutes: in each of them Sundial is ahead, whatever the middles say.
        let ours = [1.5, 1.9, 1.5, 1.9, 1.5, 1.9, 1.5, 1.9, 1.5, 1.5];
        let theirs = [1.4, 1.8, 1.4, 1.8, 1.4, 1.8, 1.4, 1.8, 1.8, 1.8];
        assert!(median(&ours) < median(&theirs));
        assert_eq!(judged(&ours, &theirs), Some(true));
    }

    #[test]
    fn a5_what_cannot_be_told_is_not_accepted() {
        let noisy = [1.7, 2.1, 1.7, 2.1, 1.7, 2.1, 1.7, 1.7, 1.7, 2.1];
        assert_eq!(judged(&noisy, &[1.9; 10]), None);
        assert_eq!(judged(&[1.9; 3], &[1.8; 3]), None, "too few");
        assert_eq!(judged(&[1.9; 10], &[1.8; 9]), None, "a boot is missing");
        assert_eq!(
            judge(&mut [row(System::Sundial, &[1.9; 10])])[0].1.at_least_linux,
            None
        );
    }

    #[test]
    fn a5_a_void_row_decides_nothing() {
        let mut rows = [row(System::Sundial, &[1.9; 10]), row(System::Linux, &[1.8; 10])];
        rows[1].figures.refuted = true;
        assert_eq!(judge(&mut rows)[0].1.at_least_linux, None);
    }
}
