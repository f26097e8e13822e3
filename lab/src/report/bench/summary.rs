//! What came out: aims, gates, and where Linux is better.

use super::words;
use crate::bench::judge::{self, Verdict};
use crate::bench::{Clock, Row, Rows, System};
use crate::report::page::{Section, Table};
use serde_json::Value;

pub(super) fn section(rows: &Rows) -> Section {
    let names = |wanted: Verdict| {
        let those = rows
            .all()
            .iter()
            .filter(|row| row.aim.is_some() && judge::verdict(row) == wanted);
        those.map(name).collect::<Vec<_>>()
    };
    let line = |word: &str, names: &[String]| match names.len() {
        0 => format!("{word}: none."),
        count => format!("{word}: {count} ({}).", names.join(", ")),
    };
    let mut section = Section::new("Summary").list(vec![
        line("Aims met", &names(Verdict::Met)),
        line("Aims missed", &names(Verdict::Missed)),
        line("Aims without a figure", &names(Verdict::Void)),
    ]);
    for clock in Clock::BOTH {
        let missed = missed(rows, clock);
        if !missed.is_empty() {
            section = section.table(&missed);
        }
    }
    section = gates(section, rows);
    let mut slower = false;
    for clock in Clock::BOTH {
        for system in &System::ALL[1..] {
            let table = worse(rows, clock, *system);
            if !table.is_empty() {
                section = section.table(&table);
                slower = true;
            }
        }
    }
    let compared = rows.all().iter().any(|row| row.system != System::Sundial);
    match (compared, slower) {
        (true, false) => section.prose("No row is worse than its Linux row."),
        (false, _) => {
            section.prose("Nothing was measured beside Linux, so no row can be said to be better or worse.")
        }
        _ => section,
    }
}

fn name(row: &Row) -> String {
    match &row.variant {
        Some(variant) => format!("{} {variant}", row.row),
        None => row.row.clone(),
    }
}

fn missed(rows: &Rows, clock: Clock) -> Table {
    let mut table = Table::new(
        format!("Missed aims, {}", clock.name()),
        ["row", "what", "median", "aim", "unit", "median / aim"],
    );
    let those = rows.all().iter().filter(|row| row.clock() == clock);
    for row in those.filter(|row| judge::verdict(row) == Verdict::Missed) {
        let ratio = row.figure().zip(words::aimed(row)).filter(|(_, aim)| *aim != 0.0);
        table.row([
            name(row),
            row.what.clone(),
            words::median(row),
            words::aim(row),
            row.unit.clone(),
            words::ratio(ratio.map(|(figure, aim)| figure / aim)),
        ]);
    }
    table
}

fn gates(section: Section, rows: &Rows) -> Section {
    let mut table = Table::new("Gates", ["row", "what", "condition", "result", "reason"]);
    for row in rows.all() {
        for (condition, passed) in judge::gates(row) {
            let result = match passed {
                _ if row.figure().is_none() => "void",
                Some(true) => "passed",
                Some(false) => "failed",
                None => "not checked",
            };
            let reason = row
                .details
                .get("gate")
                .and_then(Value::as_str)
                .unwrap_or_default();
            table.row([
                name(row),
                row.what.clone(),
                condition,
                result.to_owned(),
                reason.to_owned(),
            ]);
        }
    }
    if table.is_empty() {
        return section.prose("No row of this run has a gate.");
    }
    section.table(&table.without_empty_columns())
}

/// Whether a difference is more than the samples differ among themselves; that takes more than one.
fn beyond(row: &Row, beside: &judge::Beside<'_>) -> &'static str {
    match (
        row.samples.len().min(beside.other.samples.len()),
        beside.within_noise,
    ) {
        (0..2, _) => "one sample",
        (_, true) => "no",
        (_, false) => "yes",
    }
}

/// Rows in which Linux does better, worst first.
fn worse(rows: &Rows, clock: Clock, system: System) -> Table {
    let mut table = Table::new(
        format!("Sundial does worse than {}, {}", system.name(), clock.name()),
        [
            "row",
            "what",
            "Sundial",
            "the other",
            "unit",
            "ratio",
            "by way of",
            "beyond the spread",
        ],
    );
    let ours = rows
        .all()
        .iter()
        .filter(|row| row.system == System::Sundial && row.clock() == clock);
    let mut found: Vec<_> = ours
        .filter_map(|row| {
            Some((
                row,
                judge::beside(rows, row, system).filter(|beside| beside.worse)?,
            ))
        })
        .collect();
    let distance = |beside: &judge::Beside<'_>| beside.ratio.map_or(f64::INFINITY, |ratio| ratio.ln().abs());
    found.sort_by(|(_, one), (_, other)| distance(other).total_cmp(&distance(one)));
    for (row, beside) in found {
        table.row([
            name(row),
            row.what.clone(),
            words::median(row),
            words::median(beside.other),
            row.unit.clone(),
            words::ratio(beside.ratio),
            beside.other.variant.clone().unwrap_or_default(),
            beyond(row, &beside).to_owned(),
        ]);
    }
    table.without_empty_columns()
}
