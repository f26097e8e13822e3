//! The table that a person reads and the lines that a script and bench/results/ get.

use super::recipe::Recipe;
use super::rows::{Aim, Measured};
use crate::workspace;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::PathBuf;

/// Prints the table.
pub(super) fn print_table(measured: &[Measured], recipe: &Recipe) {
    println!(
        "Sundial {} on QEMU {} ({}), load {}",
        recipe.commit, recipe.qemu, recipe.host, recipe.load
    );
    println!("{}", recipe.toolchain);
    println!("instructions: -icount shift=0, -cpu Nehalem, one CPU, the program's own loop included\n");
    println!(
        "{:7}{:41}{:>12}{:>12}{:>12}  {:13}{:>13}",
        "row", "what", "median", "min", "max", "unit", "aim"
    );
    for row in measured {
        println!("{}", line(row));
    }
    let count = |verdict| measured.iter().filter(|row| row.met() == Some(verdict)).count();
    println!("\naims: {} met, {} missed", count(true), count(false));
}

fn line(row: &Measured) -> String {
    let (sign, aim) = match row.aim {
        Aim::None => ("", String::new()),
        Aim::AtMost(most) => ("<= ", figure(most)),
        Aim::AtLeast(least) => (">= ", figure(least)),
    };
    let verdict = match row.met() {
        _ if !row.verified => "CHECK FAILED",
        None => "",
        Some(true) => "met",
        Some(false) => "missed",
    };
    let line = format!(
        "{:7}{:41}{:>12}{:>12}{:>12}  {:13}{:>13}  {verdict}",
        row.row.id,
        row.row.what,
        figure(row.median()),
        figure(row.min()),
        figure(row.max()),
        row.row.unit,
        format!("{sign}{aim}"),
    );
    line.trim_end().to_owned()
}

/// A number as people read it: thousands apart, small ones with their fraction.
fn figure(value: f64) -> String {
    if value.is_nan() {
        return "?".to_owned();
    }
    if value.abs() < 10.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if value <= -0.5 {
        format!("-{grouped}")
    } else {
        grouped
    }
}

/// A row with everything it belongs to.
fn json(row: &Measured, recipe: &Recipe) -> Value {
    let mut whole = row.to_json();
    whole["recipe"] = recipe.to_json();
    whole
}

/// Prints one JSON object per row.
pub(super) fn print_json(measured: &[Measured], recipe: &Recipe) {
    for row in measured {
        println!("{}", json(row, recipe));
    }
}

/// Writes the rows to a file of this run's own, or to the one that is checked in: its path.
pub(super) fn keep(measured: &[Measured], recipe: &Recipe, reference: bool) -> Result<PathBuf> {
    let folder = workspace::root().join("bench/results");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let name = if reference {
        "reference".to_owned()
    } else {
        format!("{}-{}", recipe.began, recipe.commit.trim_end_matches('+'))
    };
    let path = folder.join(name).with_extension("jsonl");
    let lines: String = measured
        .iter()
        .map(|row| json(row, recipe).to_string() + "\n")
        .collect();
    std::fs::write(&path, lines).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_and_small_ones_keep_their_fraction() {
        assert_eq!(figure(1_234_567.4), "1,234,567");
        assert_eq!(
            (figure(330.0), figure(0.0), figure(1.954)),
            ("330".into(), "0".into(), "1.95".into())
        );
        assert_eq!(
            (figure(-1_500.0), figure(f64::NAN)),
            ("-1,500".into(), "?".into())
        );
    }

    #[test]
    fn a_missed_aim_says_so_and_a_failed_check_before_anything_else() {
        let row = Measured::new("N1", vec![400.0], "");
        assert!(line(&row).ends_with("<= 330  missed"));
        let unproven = Measured {
            verified: false,
            ..row
        };
        assert!(line(&unproven).ends_with("CHECK FAILED"));
        assert!(line(&Measured::new("N5b", vec![1.0], "")).ends_with("instructions"));
    }
}
