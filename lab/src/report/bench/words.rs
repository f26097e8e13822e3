//! Numbers and recipes in words, the same in every section.

use crate::bench::{Aim, Clock, Row};

/// A number as people read it: thousands apart, and as many decimals as make three digits.
pub(super) fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.01 => 2,
        _ => 4,
    };
    grouped(value, decimals)
}

/// A number to a thousandth, for those who want to know.
pub(super) fn exact(value: f64) -> String {
    let text = grouped(value, 3);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn grouped(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    let digits = format!("{:.decimals$}", value.abs());
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped.push_str(rest);
    let zero = grouped.chars().all(|digit| matches!(digit, '0' | '.'));
    if value < 0.0 && !zero {
        format!("-{grouped}")
    } else {
        grouped
    }
}

/// A number that may be absent, as a table's cell.
pub(super) fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, figure)
}

/// A row's figure, or that it is void.
pub(super) fn median(row: &Row) -> String {
    row.figure().map_or_else(|| "void".to_owned(), figure)
}

/// The spread of a row that has a figure and more than one sample.
pub(super) fn spread(row: &Row) -> String {
    let told = row.figure().is_some() && row.samples.len() > 1;
    cell(row.spread().filter(|_| told))
}

/// What is aimed for.
pub(super) fn aim(row: &Row) -> String {
    match row.aim {
        None => String::new(),
        Some(Aim::AtMost(most)) => format!("≤ {}", figure(most)),
        Some(Aim::AtLeast(least)) => format!("≥ {}", figure(least)),
    }
}

/// The bare number that is aimed for.
pub(super) fn aimed(row: &Row) -> Option<f64> {
    row.aim.map(|(Aim::AtMost(value) | Aim::AtLeast(value))| value)
}

/// How often something is something else, in the words of a table.
pub(super) fn ratio(ratio: Option<f64>) -> String {
    match ratio {
        None => "n/a".to_owned(),
        Some(ratio) if ratio >= 100.0 || ratio == 0.0 => figure(ratio),
        Some(ratio) if ratio >= 0.01 => format!("{ratio:.2}"),
        Some(ratio) => format!("{ratio:.4}"),
    }
}

/// What a table or plot in one unit is called.
pub(super) fn title(what: &str, unit: &str, clock: Clock) -> String {
    match clock {
        Clock::Instructions => format!("{what} in {unit}"),
        Clock::Wall => format!("{what} in {unit}, {}", clock.name()),
    }
}

/// The values that differ, in their order.
pub(super) fn distinct<Value: PartialEq>(values: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let mut found = Vec::new();
    for value in values {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

/// How figures of these rows came to be: the command, the rows, the commit.
pub(super) fn recipe<'a>(rows: impl IntoIterator<Item = &'a Row> + Clone) -> String {
    let commands = distinct(
        rows.clone()
            .into_iter()
            .map(|row| row.recipe.command.as_deref().unwrap_or("./x bench")),
    );
    let names = distinct(rows.clone().into_iter().map(|row| row.row.as_str()));
    let commits = distinct(rows.into_iter().map(|row| row.recipe.commit.as_str()));
    let word = if names.len() == 1 { "row" } else { "rows" };
    format!(
        "{}; {word} {}; commit {}",
        commands.join(", "),
        names.join(" "),
        commits.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l3_numbers_have_three_digits_or_all_before_the_point() {
        let shown = [
            1_234_567.4,
            330.0,
            67.762,
            1.954,
            0.0,
            -1_500.0,
            0.0012,
            f64::NAN,
            12.0,
        ]
        .map(figure);
        assert_eq!(
            shown,
            [
                "1,234,567",
                "330",
                "67.8",
                "1.95",
                "0",
                "-1,500",
                "0.0012",
                "n/a",
                "12"
            ]
        );
        assert_eq!(
            [Some(0.284), Some(250.4), None].map(ratio),
            ["0.28", "250", "n/a"]
        );
    }
}
