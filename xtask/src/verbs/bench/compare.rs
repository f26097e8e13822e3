//! What a change did: two results files, row by row and system by system. A difference counts only when it is larger than the
//! noise, which is the larger of both spreads, and at least a thousandth. Figures of different machines are not compared.

use super::screen::figure;
use super::statistics;
use super::table;
use serde_json::{Value, json};
use std::fmt;

/// A row in two files.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Compared {
    id: String,
    system: String,
    variant: Option<String>,
    unit: String,
    old: Option<f64>,
    new: Option<f64>,
    /// In percent of the old figure.
    change: Option<f64>,
    /// In percent of the old figure.
    noise: Option<f64>,
    verdict: Verdict,
}

/// What the difference says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Better,
    Worse,
    WithinNoise,
    Same,
    OnlyOld,
    OnlyNew,
    Void,
    OtherMachine,
}

impl fmt::Display for Verdict {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.pad(match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::WithinNoise => "within noise",
            Verdict::Same => "same",
            Verdict::OnlyOld => "only in the old run",
            Verdict::OnlyNew => "only in the new run",
            Verdict::Void => "void",
            Verdict::OtherMachine => "not comparable: another machine",
        })
    }
}

/// Compares each row of either file, in the order of the newer one.
pub(super) fn compare(old: &[Value], new: &[Value]) -> Vec<Compared> {
    let key = |row: &Value| {
        let system = row["system"].as_str().unwrap_or("sundial").to_owned();
        (row["row"].clone(), system, row["variant"].clone())
    };
    let find = |rows: &[Value], wanted: &Value| rows.iter().find(|row| key(row) == key(wanted)).cloned();
    let mut compared: Vec<Compared> = new
        .iter()
        .map(|row| pair(find(old, row).as_ref(), Some(row)))
        .collect();
    let gone = old.iter().filter(|row| find(new, row).is_none());
    compared.extend(gone.map(|row| pair(Some(row), None)));
    compared
}

fn pair(old: Option<&Value>, new: Option<&Value>) -> Compared {
    let text = |name: &str| {
        let value = new.or(old).and_then(|row| row[name].as_str());
        value.map(str::to_owned)
    };
    let (old_figure, new_figure) = (old.and_then(Figure::of), new.and_then(Figure::of));
    let verdict = match (old, new) {
        (Some(_), None) => Verdict::OnlyOld,
        (None, _) => Verdict::OnlyNew,
        (Some(old), Some(new)) if !same_machine(old, new) => Verdict::OtherMachine,
        _ => match (&old_figure, &new_figure) {
            (Some(old), Some(new)) => verdict(old, new, more_is_better(&text("row"), &text("unit"))),
            _ => Verdict::Void,
        },
    };
    let of_old = |part: f64, old: &Figure| (old.median != 0.0).then(|| part / old.median.abs() * 100.0);
    let both = old_figure.as_ref().zip(new_figure.as_ref());
    let both = both.filter(|_| verdict != Verdict::OtherMachine);
    Compared {
        id: text("row").unwrap_or_default(),
        system: text("system").unwrap_or_else(|| "sundial".to_owned()),
        variant: text("variant"),
        unit: text("unit").unwrap_or_default(),
        change: both.and_then(|(old, new)| of_old(new.median - old.median, old)),
        noise: both.and_then(|(old, new)| of_old(noise(old, new), old)),
        old: old_figure.map(|figure| figure.median),
        new: new_figure.map(|figure| figure.median),
        verdict,
    }
}

struct Figure {
    median: f64,
    spread: f64,
}

impl Figure {
    /// From the samples, so that files from before spreads were kept can be read; nothing for a void row.
    fn of(row: &Value) -> Option<Figure> {
        let samples: Vec<f64> = row["samples"]
            .as_array()?
            .iter()
            .filter_map(Value::as_f64)
            .collect();
        (row["verified"] == true && !samples.is_empty()).then(|| Figure {
            median: statistics::median(&samples),
            spread: statistics::spread(&samples),
        })
    }
}

/// Part of a figure below which a difference is of no interest.
const LEAST: f64 = 1e-3;

/// What a difference must exceed to be one, in the row's unit.
fn noise(old: &Figure, new: &Figure) -> f64 {
    old.spread.max(new.spread).max(LEAST * old.median.abs())
}

fn verdict(old: &Figure, new: &Figure, more_is_better: bool) -> Verdict {
    let difference = new.median - old.median;
    if difference == 0.0 {
        Verdict::Same
    } else if difference.abs() <= noise(old, new) {
        Verdict::WithinNoise
    } else if (difference > 0.0) == more_is_better {
        Verdict::Better
    } else {
        Verdict::Worse
    }
}

fn more_is_better(id: &Option<String>, unit: &Option<String>) -> bool {
    let known = id.as_deref().and_then(table::find);
    known.map_or_else(|| unit.as_deref() == Some("times"), |row| row.more_is_better())
}

/// Counted instructions are the same on any host; wall times are not.
fn same_machine(old: &Value, new: &Value) -> bool {
    let counted = |row: &Value| {
        row["machine"]
            .as_str()
            .is_some_and(|machine| machine.contains("icount"))
    };
    old["machine"] == new["machine"]
        && (counted(old) || old["recipe"]["host"] == new["recipe"]["host"])
        && old["unit"] == new["unit"]
}

impl Compared {
    /// As a script gets it.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "row": self.id, "system": self.system, "variant": self.variant, "unit": self.unit,
            "old": self.old, "new": self.new, "change_percent": self.change, "noise_percent": self.noise,
            "verdict": self.verdict.to_string(),
        })
    }

    fn line(&self) -> String {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), figure);
        let percent = |value: Option<f64>, sign: &str| match value {
            Some(value) if sign == "+" => format!("{value:+.1} %"),
            Some(value) => format!("{value:.1} %"),
            None => "-".to_owned(),
        };
        let variant = self
            .variant
            .as_ref()
            .map_or_else(String::new, |variant| format!(" {variant}"));
        format!(
            "{:22}{:15}{:>14}{:>14}{:>10}{:>9}  {:13} {}",
            format!("{}{variant}", self.id),
            self.system,
            number(self.old),
            number(self.new),
            percent(self.change, "+"),
            percent(self.noise, ""),
            self.unit,
            self.verdict
        )
    }
}

/// Prints the table.
pub(super) fn print(compared: &[Compared], old: &[Value], new: &[Value]) {
    let from = |rows: &[Value]| {
        let recipe = rows.first().map(|row| row["recipe"].clone()).unwrap_or_default();
        let quick = if recipe["quick"] == true { ", quick" } else { "" };
        format!(
            "{} on {}{quick}",
            recipe["commit"].as_str().unwrap_or("unknown"),
            recipe["host"].as_str().unwrap_or("an unknown host")
        )
    };
    println!("old: {}\nnew: {}\n", from(old), from(new));
    println!(
        "{:22}{:15}{:>14}{:>14}{:>10}{:>9}  {:13} verdict",
        "row", "system", "old", "new", "change", "noise", "unit"
    );
    for row in compared {
        println!("{}", row.line().trim_end());
    }
    let count = |verdict| compared.iter().filter(|row| row.verdict == verdict).count();
    println!(
        "\n{} better, {} worse, {} within noise, {} same",
        count(Verdict::Better),
        count(Verdict::Worse),
        count(Verdict::WithinNoise),
        count(Verdict::Same)
    );
}

#[cfg(test)]
mod tests;
