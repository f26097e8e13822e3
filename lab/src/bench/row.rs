//! A row: one thing measured on one system, with its samples and all that they belong to (requirement A4).

use super::kind::{Clock, System, Topic};
use crate::statistics;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;

/// A line of a results file. Keys that are not listed here are left alone.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Which figure it is: `N3`, `S3-phases`.
    pub row: String,
    /// A line about it.
    pub what: String,
    /// Of the figure and of the samples.
    pub unit: String,
    /// Who was measured.
    #[serde(default)]
    pub system: System,
    /// Which of several ways to do it: `pipe`, `futex`.
    #[serde(default)]
    pub variant: Option<String>,
    /// How the machine was emulated: `icount`, `tcg-multi`, `kvm`.
    #[serde(default)]
    pub accelerator: Option<String>,
    /// The machine, in a line.
    pub machine: String,
    /// Its CPUs.
    #[serde(default)]
    pub topology: Option<String>,
    /// What booted: a commit, or the package of another system's kernel.
    #[serde(default)]
    pub kernel: Option<String>,
    /// The figure; nothing when there is no sample.
    pub median: Option<f64>,
    /// The interquartile range of the samples.
    #[serde(default)]
    pub spread: Option<f64>,
    /// One figure per round, boot or pair.
    #[serde(default)]
    pub samples: Vec<f64>,
    /// What is aimed for.
    #[serde(default)]
    pub aim: Option<Aim>,
    /// Whether the program's checks of its own work passed. Without that a figure means nothing.
    pub verified: bool,
    /// Rounds that were run before and not counted.
    #[serde(default)]
    pub warm_up: u32,
    /// Boots that the samples come from.
    #[serde(default)]
    pub boots: Option<u64>,
    /// What the system counted meanwhile.
    #[serde(default)]
    pub counters: Map<String, Value>,
    /// Parts of the figure.
    #[serde(default)]
    pub details: Map<String, Value>,
    /// Conditions that are checked against other rows of the run; nothing where they could not be.
    #[serde(default)]
    pub gate: Option<Map<String, Value>>,
    /// Where and from what it comes.
    pub recipe: Recipe,
}

/// What a median should be.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

/// Where and from what a row comes. Rows of one run share it but for the load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Recipe {
    /// Commit, with a `+` when files differed from it.
    pub commit: String,
    /// The command that measured it.
    #[serde(default)]
    pub command: Option<String>,
    /// The compiler of kernel and programs.
    #[serde(default)]
    pub toolchain: String,
    /// The host's processor.
    #[serde(default)]
    pub host: String,
    /// QEMU's version.
    #[serde(default)]
    pub qemu: String,
    /// Load of the host when the run began.
    #[serde(default)]
    pub load: String,
    /// `real-time` or `ordinary`.
    #[serde(default)]
    pub priority: String,
    /// Which host CPUs the run was bound to.
    #[serde(default)]
    pub pinning: String,
    /// Seconds since 1970 when the run began.
    #[serde(default)]
    pub began: u64,
    /// Whether it was a quick one.
    #[serde(default)]
    pub quick: bool,
}

impl Row {
    /// The section it belongs to, by its name.
    #[must_use]
    pub fn topic(&self) -> Topic {
        let digits = |text: &str| text.chars().all(|letter| letter.is_ascii_digit());
        let number = |letter| {
            let rest = self.row.strip_prefix(letter)?;
            let end = rest
                .find(|letter: char| !letter.is_ascii_digit())
                .unwrap_or(rest.len());
            rest[..end].parse::<u32>().ok()
        };
        match self.row.as_str() {
            name if name.starts_with("S3-") => Topic::SpeedUp,
            name if name.starts_with("D6-") => Topic::Fairness,
            name if name.strip_prefix('S').is_some_and(digits) => Topic::Growth,
            "E9" => Topic::Costs,
            _ => match (number('N'), number('B')) {
                (Some(11), _) => Topic::WakeUps,
                (Some(12), _) => Topic::Boot,
                (Some(15), _) | (_, Some(7)) => Topic::SpeedUp,
                (Some(_), _) => Topic::Costs,
                _ => Topic::Other,
            },
        }
    }

    /// What its time is. The machine's line says it where there is no accelerator: in older files, and for programs on the host.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let counted = match self.accelerator.as_deref() {
            Some("icount") => true,
            Some("tcg-multi" | "kvm") => false,
            _ => self.machine.contains("icount") || self.machine.contains("callgrind"),
        };
        if counted { Clock::Instructions } else { Clock::Wall }
    }

    /// The median, unless the row is void or has none.
    #[must_use]
    pub fn figure(&self) -> Option<f64> {
        self.median.filter(|median| self.verified && median.is_finite())
    }

    /// System and variant.
    #[must_use]
    pub fn who(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}, {variant}", self.system.name()),
            None => self.system.name().to_owned(),
        }
    }

    /// How many workers, CPUs or the like it was measured with, where that was more than one case.
    #[must_use]
    pub fn workers(&self) -> u64 {
        self.details.get("workers").and_then(Value::as_u64).unwrap_or(2)
    }

    /// The distance between the quartiles; from the samples if the file does not say.
    #[must_use]
    pub fn spread(&self) -> Option<f64> {
        let seen = || Some(statistics::spread(&self.samples)).filter(|spread| spread.is_finite());
        self.spread.or_else(seen)
    }

    /// The numbers of a list among the details.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<f64> {
        let list = self.details.get(name).and_then(Value::as_array);
        list.map_or_else(Vec::new, |list| list.iter().filter_map(Value::as_f64).collect())
    }

    /// Pairs of numbers in a list among the details.
    #[must_use]
    pub fn pairs(&self, name: &str) -> Vec<(f64, f64)> {
        let list = self.details.get(name).and_then(Value::as_array);
        let pair = |pair: &Value| Some((pair.get(0)?.as_f64()?, pair.get(1)?.as_f64()?));
        list.map_or_else(Vec::new, |list| list.iter().filter_map(pair).collect())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.row, self.who())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row {
        let mut whole: Value = serde_json::from_str(
            r#"{"row":"N1","what":"","unit":"instructions","machine":"","median":1.0,"verified":true,"recipe":{"commit":"c"}}"#,
        )
        .unwrap();
        let given: Map<String, Value> = serde_json::from_str(text).unwrap();
        whole.as_object_mut().unwrap().extend(given);
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn a4_a_row_knows_its_section() {
        let topic = |name: &str| row(&format!(r#"{{"row":"{name}"}}"#)).topic();
        let costs = ["N1", "N4a", "N5b", "N7c", "N10a", "N13", "N14b", "E9"];
        assert!(costs.into_iter().all(|name| topic(name) == Topic::Costs));
        let others = [
            "N11a",
            "N11r-a",
            "N12e",
            "N15b",
            "B7a",
            "S3-phases",
            "D6-hogs",
            "S",
            "S1000",
            "Q9",
            "B1",
        ];
        assert_eq!(
            others.map(topic),
            [
                Topic::WakeUps,
                Topic::WakeUps,
                Topic::Boot,
                Topic::SpeedUp,
                Topic::SpeedUp,
                Topic::SpeedUp,
                Topic::Fairness,
                Topic::Growth,
                Topic::Growth,
                Topic::Other,
                Topic::Other,
            ]
        );
    }

    #[test]
    fn a4_instructions_and_wall_times_are_told_apart() {
        let clock = |text: &str| row(text).clock();
        assert_eq!(clock(r#"{"accelerator":"icount"}"#), Clock::Instructions);
        assert_eq!(
            clock(r#"{"accelerator":"tcg-multi","machine":"no icount"}"#),
            Clock::Wall
        );
        assert_eq!(
            clock(r#"{"machine":"TCG, -icount shift=0"}"#),
            Clock::Instructions
        );
        assert_eq!(
            clock(r#"{"accelerator":"host","machine":"host, release, callgrind"}"#),
            Clock::Instructions
        );
        assert_eq!(
            clock(r#"{"machine":"host, release, wall time in ns"}"#),
            Clock::Wall
        );
    }

    #[test]
    fn a4_a_void_row_has_no_figure() {
        assert_eq!(row(r#"{"verified":false}"#).figure(), None);
        assert_eq!(row(r#"{"median":null}"#).figure(), None);
        assert_eq!(row("{}").figure(), Some(1.0));
    }

    #[test]
    fn a4_the_spread_is_the_distance_of_the_quartiles() {
        assert_eq!(row(r#"{"samples":[4,1,3,2,5]}"#).spread(), Some(2.0));
        assert_eq!(row(r#"{"samples":[1,2],"spread":9}"#).spread(), Some(9.0));
        assert_eq!(row("{}").spread(), None);
    }
}
