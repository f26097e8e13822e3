//! The rows of the table: what each is called and what is aimed for; and a measured row with its samples.

use serde_json::{Map, Value, json};

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Aim {
    /// No aim: the row explains another one.
    None,
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Row {
    /// What `--only` takes.
    pub(super) id: &'static str,
    /// A line about it.
    pub(super) what: &'static str,
    /// Of the figure.
    pub(super) unit: &'static str,
    /// Of the median.
    pub(super) aim: Aim,
}

const fn row(id: &'static str, what: &'static str, unit: &'static str, aim: Aim) -> Row {
    Row { id, what, unit, aim }
}

const INSTRUCTIONS: &str = "instructions";

/// All rows, in the order of the table. Ids with a letter are parts of one requirement.
pub(super) const ROWS: &[Row] = &[
    row(
        "N1",
        "null kernel entry: one NOP",
        INSTRUCTIONS,
        Aim::AtMost(330.0),
    ),
    row(
        "N2",
        "16 NOPs in one entry, each",
        INSTRUCTIONS,
        Aim::AtMost(80.0),
    ),
    row(
        "N3",
        "call and return, two processes, empty",
        INSTRUCTIONS,
        Aim::AtMost(700.0),
    ),
    row(
        "N5",
        "park/unpark ping-pong, round trip",
        INSTRUCTIONS,
        Aim::AtMost(1_500.0),
    ),
    row("N5b", "the same, an entry per operation", INSTRUCTIONS, Aim::None),
    row("N6", "two switches by yielding", INSTRUCTIONS, Aim::AtMost(800.0)),
    row(
        "N7a",
        "timer interrupts per second, idle",
        "interrupts",
        Aim::AtMost(0.0),
    ),
    row(
        "N7b",
        "timer interrupts per second, alone",
        "interrupts",
        Aim::AtMost(0.0),
    ),
    row(
        "N7c",
        "interrupt of a slice, two hogs",
        INSTRUCTIONS,
        Aim::AtMost(300.0),
    ),
    row(
        "N12a",
        "power-on to init, all of it",
        INSTRUCTIONS,
        Aim::AtMost(60e6),
    ),
    row("N12b", "of that, the kernel's own boot", INSTRUCTIONS, Aim::None),
    row(
        "N12c",
        "start of QEMU to init, wall, TCG",
        "ms",
        Aim::AtMost(500.0),
    ),
    row("N12d", "of that, the kernel's own boot", "ms", Aim::None),
    row(
        "N12e",
        "smallest memory that reaches the shell",
        "MiB",
        Aim::AtMost(24.0),
    ),
    row(
        "N13",
        "thread create and join",
        INSTRUCTIONS,
        Aim::AtMost(12_000.0),
    ),
    row(
        "N14",
        "process spawn to reaped",
        INSTRUCTIONS,
        Aim::AtMost(100_000.0),
    ),
    row("N14b", "a page of image in that", INSTRUCTIONS, Aim::None),
    row(
        "B7a",
        "two workers against one, work",
        "times",
        Aim::AtLeast(1.95),
    ),
    row("B7b", "two workers against one, total", "times", Aim::None),
    row("S10", "pick and enqueue, 10 runnable", INSTRUCTIONS, Aim::None),
    row("S100", "pick and enqueue, 100 runnable", INSTRUCTIONS, Aim::None),
    row(
        "S1000",
        "pick and enqueue, 1,000 runnable",
        INSTRUCTIONS,
        Aim::None,
    ),
    row(
        "S10000",
        "pick and enqueue, 10,000 runnable",
        INSTRUCTIONS,
        Aim::None,
    ),
    row(
        "S",
        "growth from 10 to 10,000 against log n",
        "ratio",
        Aim::AtMost(1.0),
    ),
];

/// The row with an id of the table.
///
/// # Panics
/// When there is none: the id is a mistake in this program.
pub(super) fn find(id: &str) -> &'static Row {
    ROWS.iter()
        .find(|row| row.id == id)
        .expect("the id is in the table")
}

/// A row with its figures.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) row: &'static Row,
    /// One figure per round or boot, in the row's unit, in the order they were taken.
    pub(super) samples: Vec<f64>,
    /// Stands in for the row's aim where that depends on what was measured.
    pub(super) aim: Aim,
    /// Whether the program's own checks of its work passed.
    pub(super) verified: bool,
    /// Rounds that were run before and not counted.
    pub(super) warm_up: u32,
    /// The machine it ran on, in a line.
    pub(super) machine: &'static str,
    /// Counters and parts of the figure.
    pub(super) details: Map<String, Value>,
}

impl Measured {
    pub(super) fn new(id: &str, samples: Vec<f64>, machine: &'static str) -> Measured {
        let row = find(id);
        let (aim, details) = (row.aim, Map::new());
        Measured {
            row,
            samples,
            aim,
            verified: true,
            warm_up: 0,
            machine,
            details,
        }
    }

    /// Adds a counter or a part of the figure.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Measured {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// The middle sample, or the mean of both.
    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            count => (sorted[(count - 1) / 2] + sorted[count / 2]) / 2.0,
        }
    }

    pub(super) fn min(&self) -> f64 {
        self.samples.iter().copied().fold(f64::NAN, f64::min)
    }

    pub(super) fn max(&self) -> f64 {
        self.samples.iter().copied().fold(f64::NAN, f64::max)
    }

    /// Whether the median is as aimed for; `None` without an aim. A figure whose check failed meets nothing.
    pub(super) fn met(&self) -> Option<bool> {
        let median = self.median();
        let met = match self.aim {
            Aim::None => return None,
            Aim::AtMost(most) => median <= most,
            Aim::AtLeast(least) => median >= least,
        };
        Some(met && self.verified)
    }

    /// The row as it is kept.
    pub(super) fn to_json(&self) -> Value {
        let aim = match self.aim {
            Aim::None => Value::Null,
            Aim::AtMost(most) => json!({ "at_most": most }),
            Aim::AtLeast(least) => json!({ "at_least": least }),
        };
        json!({
            "row": self.row.id, "what": self.row.what, "unit": self.row.unit,
            "median": self.median(), "min": self.min(), "max": self.max(), "aim": aim, "met": self.met(),
            "verified": self.verified, "rounds": self.samples.len(), "warm_up": self.warm_up,
            "samples": self.samples, "machine": self.machine, "details": self.details,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(samples: &[f64]) -> Measured {
        Measured::new("N1", samples.to_vec(), "")
    }

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_in_the_middle() {
        assert_eq!(measured(&[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(measured(&[4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert!(measured(&[]).median().is_nan());
        assert_eq!(
            (measured(&[3.0, 1.0]).min(), measured(&[3.0, 1.0]).max()),
            (1.0, 3.0)
        );
    }

    #[test]
    fn an_aim_is_met_by_the_median_and_only_if_the_check_passed() {
        assert_eq!(measured(&[330.0]).met(), Some(true));
        assert_eq!(measured(&[331.0]).met(), Some(false));
        assert_eq!(measured(&[]).met(), Some(false));
        let unproven = Measured {
            verified: false,
            ..measured(&[1.0])
        };
        assert_eq!(unproven.met(), Some(false));
        assert_eq!(Measured::new("B7a", vec![1.96], "").met(), Some(true));
        assert_eq!(Measured::new("N5b", vec![1.0], "").met(), None);
    }
}
