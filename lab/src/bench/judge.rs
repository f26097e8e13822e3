//! What a figure is worth: beside its aim, and beside Linux in the same run.

use super::kind::System;
use super::row::{Aim, Row};
use super::rows::Rows;

/// A figure beside its aim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As aimed for.
    Met,
    /// Not so.
    Missed,
    /// The check of the work failed, or nothing was measured: there is no figure.
    Void,
    /// Nothing was aimed for.
    NoAim,
}

impl Verdict {
    /// As tables say it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::Void => "void",
            Verdict::NoAim => "",
        }
    }
}

/// Holds a row's figure against its aim.
#[must_use]
pub fn verdict(row: &Row) -> Verdict {
    let Some(figure) = row.figure() else {
        return Verdict::Void;
    };
    let met = match row.aim {
        None => return Verdict::NoAim,
        Some(Aim::AtMost(most)) => figure <= most,
        Some(Aim::AtLeast(least)) => figure >= least,
    };
    if met { Verdict::Met } else { Verdict::Missed }
}

/// A figure beside Linux' best one for the same work.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    /// Linux' row: of all variants, the one that does best.
    pub other: &'a Row,
    /// Our figure divided by theirs; nothing where theirs is zero.
    pub ratio: Option<f64>,
    /// Whether ours is worse.
    pub worse: bool,
    /// Whether the difference is no more than the samples differ among themselves.
    pub within_noise: bool,
}

/// Holds a row against a system's. `None` where that has none, or ours is void.
#[must_use]
pub fn beside<'a>(rows: &'a Rows, row: &Row, system: System) -> Option<Beside<'a>> {
    let ours = row.figure()?;
    let other = rows.best(row, system)?;
    let theirs = other.figure()?;
    let worse = if row.more_is_better() {
        ours < theirs
    } else {
        ours > theirs
    };
    Some(Beside {
        other,
        ratio: (theirs != 0.0).then(|| ours / theirs),
        worse,
        within_noise: (ours - theirs).abs() <= between(row, other),
    })
}

/// What a difference of two medians must exceed to be one: half of both spreads together.
pub(super) fn between(one: &Row, other: &Row) -> f64 {
    0.5 * (one.spread().unwrap_or(0.0) + other.spread().unwrap_or(0.0))
}

/// What a gate of a row says: its name in words, and whether it is passed; nothing when it could not be checked.
#[must_use]
pub fn gates(row: &Row) -> Vec<(String, Option<bool>)> {
    let gates = row.gate.iter().flatten();
    gates
        .map(|(name, passed)| (name.replace('_', " ").replace("linux", "Linux"), passed.as_bool()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn line(name: &str, system: &str, samples: &str, more: &str) -> String {
        let first: f64 = samples.split(',').next().unwrap().parse().unwrap();
        format!(
            r#"{{"row":"{name}","system":"{system}","what":"","unit":"u","median":{first},"samples":[{samples}],"machine":"","verified":true,"recipe":{{"commit":"c"}}{more}}}"#
        ) + "\n"
    }

    #[test]
    fn a4_aims_are_met_missed_or_void() {
        let text = line("N1", "sundial", "330", r#","aim":{"at_most":330}"#)
            + &line("N2", "sundial", "81", r#","aim":{"at_most":80}"#)
            + &line("B7a", "sundial", "1.96", r#","aim":{"at_least":1.95}"#)
            + &line("N5b", "sundial", "1", "")
            + &line("N6", "sundial", "1", r#","aim":{"at_most":80}"#).replace("true", "false");
        let rows = read(&text).unwrap();
        let verdicts: Vec<Verdict> = rows.all().iter().map(verdict).collect();
        assert_eq!(
            verdicts,
            [
                Verdict::Met,
                Verdict::Missed,
                Verdict::Met,
                Verdict::NoAim,
                Verdict::Void
            ]
        );
    }

    #[test]
    fn a5_sundial_stands_beside_the_best_that_linux_has() {
        let text = line("N3", "sundial", "1000", "")
            + &line("N3", "linux", "10000", r#","variant":"pipe""#)
            + &line("N3", "linux", "800", r#","variant":"futex""#)
            + &line("N15a", "sundial", "1.95,1.80,2.10", "")
            + &line("N15a", "linux", "1.98", "");
        let rows = read(&text).unwrap();
        let call = beside(&rows, &rows.all()[0], System::Linux).unwrap();
        assert_eq!(
            (call.other.variant.as_deref(), call.ratio),
            (Some("futex"), Some(1.25))
        );
        assert!(call.worse && !call.within_noise);
        let scale = beside(&rows, &rows.all()[3], System::Linux).unwrap();
        assert!(scale.worse && scale.within_noise);
        assert!(beside(&rows, &rows.all()[0], System::LinuxRt).is_none());
    }
}
