//! A row with its figures: which system they are of, what they were taken on, and what they amount to. A row whose own
//! check failed is void: it has no median, so that nothing can be printed or compared.

use super::boot::{Booted, Clock};
use super::system::System;
use super::table::{self, Aim, Row};
use lab::statistics;
use serde_json::{Map, Value, json};

/// What a formula makes of one boot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// In the row's unit, in the order they were taken.
    pub(super) samples: Vec<f64>,
    /// Whether a check of the work failed.
    pub(super) refuted: bool,
    /// Rounds that were run before and not counted.
    pub(super) warm_up: u32,
    /// Counters and parts of the figure.
    pub(super) details: Map<String, Value>,
}

impl Figures {
    /// Samples that nothing is to be said about.
    pub(super) fn of(samples: Vec<f64>) -> Figures {
        Figures {
            samples,
            ..Figures::default()
        }
    }

    /// Adds a counter or a part of the figure.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Figures {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Adds those of a later boot: samples and lists behind the earlier ones, other details in their place.
    pub(super) fn extend(&mut self, later: Figures) {
        self.samples.extend(later.samples);
        self.refuted |= later.refuted;
        self.warm_up = later.warm_up;
        for (name, value) in later.details {
            match (self.details.get_mut(&name), value) {
                (Some(Value::Array(all)), Value::Array(more)) => all.extend(more),
                (_, value) => {
                    self.details.insert(name, value);
                }
            }
        }
    }
}

/// What computes a row's figures from a boot; the name is the program's row that it is mainly about.
pub(super) type Formula = fn(&Booted, &str) -> anyhow::Result<Figures>;

/// A row with its figures.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) row: &'static Row,
    pub(super) system: System,
    /// Of the figure: the row's, or what it had to be measured in.
    pub(super) unit: &'static str,
    /// Which of several ways to do it on that system.
    pub(super) variant: Option<&'static str>,
    /// Stands in for the row's aim where that depends on what was measured; other systems have none.
    pub(super) aim: Aim,
    pub(super) figures: Figures,
    /// How many boots the samples are from.
    pub(super) boots: u32,
    /// `icount`, `tcg-multi`, `kvm`; without a boot `callgrind` or `host`.
    pub(super) accelerator: &'static str,
    /// The guest's CPUs.
    pub(super) topology: &'static str,
    /// The machine it ran on, in a line.
    pub(super) machine: String,
    /// The system's own counters.
    pub(super) counters: Map<String, Value>,
    /// The condition of a gate and whether it holds, once it was judged; `None` is undecided.
    pub(super) gate: Option<(&'static str, Option<bool>)>,
}

impl Measured {
    /// A row that was measured in boots of a system.
    ///
    /// # Panics
    /// When the table has no such row: the id is a mistake in this program.
    pub(super) fn new(id: &str, system: System, clock: Clock, figures: Figures) -> Measured {
        let row = table::find(id).expect("the id is in the table");
        Measured {
            row,
            system,
            unit: row.unit,
            variant: None,
            aim: if system == System::Sundial {
                row.aim
            } else {
                Aim::None
            },
            figures,
            boots: 1,
            accelerator: clock.accelerator(),
            topology: clock.topology(),
            machine: clock.machine().to_owned(),
            counters: Map::new(),
            gate: None,
        }
    }

    /// A row that was measured on the host, without a boot: in wall time, or by what counts instructions there.
    pub(super) fn on_the_host(
        id: &str,
        accelerator: &'static str,
        machine: &str,
        figures: Figures,
    ) -> Measured {
        let row = Measured::new(id, System::Sundial, Clock::Instructions, figures);
        let timed = accelerator == "host" && row.unit == table::INSTRUCTIONS;
        Measured {
            unit: if timed { "ns" } else { row.unit },
            boots: 0,
            accelerator,
            topology: "the host's",
            machine: machine.to_owned(),
            ..row
        }
    }

    /// Whether the program's own check failed, or nothing was measured.
    pub(super) fn void(&self) -> bool {
        self.figures.refuted || self.figures.samples.is_empty()
    }

    /// The middle sample; `None` for a void row.
    pub(super) fn median(&self) -> Option<f64> {
        (!self.void()).then(|| statistics::median(&self.figures.samples))
    }

    /// The range of the middle half; `None` for a void row.
    pub(super) fn spread(&self) -> Option<f64> {
        (!self.void()).then(|| statistics::spread(&self.figures.samples))
    }

    /// Whether the median is as aimed for; `None` without an aim. A void row meets nothing.
    pub(super) fn met(&self) -> Option<bool> {
        let holds = |test: &dyn Fn(f64) -> bool| Some(self.median().is_some_and(test));
        match self.aim {
            Aim::None => None,
            Aim::AtMost(most) => holds(&|median| median <= most),
            Aim::AtLeast(least) => holds(&|median| median >= least),
        }
    }

    /// Which line of the table it stands in.
    pub(super) fn line(&self) -> (&'static str, Option<&'static str>) {
        (self.row.id, self.variant)
    }

    /// The row as it is kept.
    pub(super) fn to_json(&self) -> Value {
        let aim = match self.aim {
            Aim::None => Value::Null,
            Aim::AtMost(most) => json!({ "at_most": most }),
            Aim::AtLeast(least) => json!({ "at_least": least }),
        };
        let Figures {
            samples,
            warm_up,
            details,
            ..
        } = &self.figures;
        let bound = |part| self.median().map(|_| statistics::quantile(samples, part));
        let mut row = json!({
            "row": self.row.id, "what": self.row.what, "unit": self.unit,
            "system": self.system.name(), "variant": self.variant,
            "median": self.median(), "spread": self.spread(), "min": bound(0.0), "max": bound(1.0),
            "aim": aim, "met": self.met(), "verified": !self.void(),
            "boots": self.boots, "rounds": samples.len(), "warm_up": warm_up, "samples": samples,
            "accelerator": self.accelerator, "topology": self.topology, "pinning": "none",
            "machine": self.machine, "counters": self.counters, "details": details,
        });
        if let Some((condition, verdict)) = self.gate {
            row["gate"] = json!({ condition: verdict });
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(id: &str, samples: &[f64]) -> Measured {
        let figures = Figures::of(samples.to_vec());
        Measured::new(id, System::Sundial, Clock::Instructions, figures)
    }

    #[test]
    fn an_aim_is_met_by_the_median_and_is_sundials_alone() {
        assert_eq!(measured("N1", &[330.0]).met(), Some(true));
        assert_eq!(measured("N1", &[331.0]).met(), Some(false));
        assert_eq!(measured("B7a", &[1.96]).met(), Some(true));
        assert_eq!(measured("N5b", &[1.0]).met(), None);
        let linux = Measured::new("N1", System::Linux, Clock::Instructions, Figures::of(vec![1.0]));
        assert_eq!(linux.met(), None);
    }

    #[test]
    fn a4_a_failed_check_voids_a_row() {
        let mut row = measured("N1", &[1.0]);
        row.figures.refuted = true;
        assert_eq!((row.median(), row.spread(), row.met()), (None, None, Some(false)));
        let json = row.to_json();
        for key in ["median", "spread", "min", "max"] {
            assert_eq!(json[key], Value::Null, "{key}");
        }
        assert_eq!(json["verified"], false);
        assert!(measured("N1", &[]).void());
    }

    #[test]
    fn a4_a_row_says_what_it_was_taken_on() {
        let json = measured("N1", &[1.0, 2.0, 3.0]).to_json();
        for (key, value) in [
            ("system", json!("sundial")),
            ("variant", Value::Null),
            ("accelerator", json!("icount")),
            ("topology", json!("1 CPU")),
            ("pinning", json!("none")),
            ("spread", json!(1.0)),
            ("boots", json!(1)),
            ("rounds", json!(3)),
        ] {
            assert_eq!(json[key], value, "{key}");
        }
        assert!(json.get("gate").is_none());
    }

    #[test]
    fn a_row_of_the_host_says_when_it_is_time_and_not_instructions() {
        let unit =
            |accelerator, id| Measured::on_the_host(id, accelerator, "host", Figures::of(vec![1.0])).unit;
        assert_eq!(
            (unit("callgrind", "S10"), unit("host", "S10")),
            ("instructions", "ns")
        );
        assert_eq!(unit("host", "S"), "ratio");
    }

    #[test]
    fn later_boots_go_behind_earlier_ones() {
        let mut figures = Figures::of(vec![1.0]).with("pairs", vec![1]).with("hz", 5);
        let mut later = Figures::of(vec![2.0]).with("pairs", vec![2]).with("hz", 6);
        later.refuted = true;
        figures.extend(later);
        assert_eq!(figures.samples, [1.0, 2.0]);
        assert_eq!(Value::from(figures.details), json!({ "pairs": [1, 2], "hz": 6 }));
        assert!(figures.refuted);
    }
}
