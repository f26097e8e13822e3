//! Tables, numbers and arguments as people read and write them. Shared by every program that talks to people.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;
use core::ops::RangeInclusive;

pub mod times;

/// Where a column's text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows under headings, each column as wide as its widest cell.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table. A heading that starts with `>` makes a column of numbers.
    pub fn new(headings: &[&'static str]) -> Table {
        let columns = headings
            .iter()
            .map(|heading| match heading.strip_prefix('>') {
                Some(heading) => (heading, Align::Right),
                None => (*heading, Align::Left),
            })
            .collect();
        Table {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as lines, each at most `width` columns.
    pub fn lines(&self, width: usize) -> Vec<String> {
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| {
                let cells = self
                    .rows
                    .iter()
                    .filter_map(|row| row.get(column))
                    .map(|cell| cell.chars().count());
                cells
                    .chain([self.columns[column].0.chars().count()])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let headings: Vec<String> = self
            .columns
            .iter()
            .map(|(heading, _)| heading.to_string())
            .collect();
        core::iter::once(&headings)
            .chain(&self.rows)
            .map(|row| self.line(row, &widths, width))
            .collect()
    }

    fn line(&self, row: &[String], widths: &[usize], width: usize) -> String {
        let mut line = String::new();
        for (column, (cell_width, (_, align))) in widths.iter().zip(&self.columns).enumerate() {
            let cell = row.get(column).map_or("", String::as_str);
            if column > 0 {
                line.push_str("  ");
            }
            let _ = match align {
                Align::Left => write!(line, "{cell:<cell_width$}"),
                Align::Right => write!(line, "{cell:>cell_width$}"),
            };
        }
        line.truncate(line.char_indices().nth(width).map_or(line.len(), |(at, _)| at));
        line.trim_end().to_string()
    }
}

/// A duration with three digits or so: `950 ns`, `12.3 us`, `4.56 ms`, `7.89 s`, `3 m 05 s`.
pub fn duration(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} us", three_digits(ns, 1_000)),
        1_000_000..1_000_000_000 => format!("{} ms", three_digits(ns, 1_000_000)),
        1_000_000_000..120_000_000_000 => format!("{} s", three_digits(ns, 1_000_000_000)),
        _ => format!("{} m {:02} s", ns / 60_000_000_000, ns / 1_000_000_000 % 60),
    }
}

/// `value / unit` with three significant digits, cut and not rounded: a clock shows no time that has not passed.
fn three_digits(value: u64, unit: u64) -> String {
    let whole = value / unit;
    match whole {
        0..10 => format!("{whole}.{:02}", value % unit * 100 / unit),
        10..100 => format!("{whole}.{}", value % unit * 10 / unit),
        _ => format!("{whole}"),
    }
}

/// A number with its thousands set apart: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share in tenths of a percent: `12.5 %`.
pub fn percent(part: u64, whole: u64) -> String {
    let permille = permille(part, whole);
    format!("{}.{} %", permille / 10, permille % 10)
}

/// `part` of `whole` in thousandths, rounded; 0 of nothing.
pub fn permille(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        0
    } else {
        ((u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole)) as u64
    }
}

/// Memory in pages of 4 KiB as KiB or MiB.
pub fn pages(pages: u64) -> String {
    if pages < 2560 {
        format!("{} KiB", pages * 4)
    } else {
        format!("{} MiB", pages / 256)
    }
}

/// A number that a user typed, if it lies in `range`; else a sentence that names `what` and the range.
pub fn number_in(text: &str, what: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("`{text}` is no {what} from {} to {}", range.start(), range.end()))
}

/// What a program that takes arguments does first: `Err` holds the exit code, and the user has been told.
/// `--help` shows `usage` and ends well; arguments that `parse` refuses end with code 2.
pub fn settings<T>(
    arguments: &[String],
    usage: &str,
    parse: impl FnOnce(&[&str]) -> Result<T, String>,
) -> Result<T, i64> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if arguments
        .iter()
        .any(|argument| matches!(*argument, "--help" | "-h"))
    {
        crate::println!("{usage}");
        return Err(0);
    }
    parse(&arguments).map_err(|problem| {
        crate::println!("{problem}\n{usage}");
        2
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let mut table = Table::new(&["NAME", ">COUNT"]);
        table.row(["shell".to_string(), "7".to_string()]);
        table.row(["a-long-name".to_string(), "1,234".to_string()]);
        assert_eq!(
            table.lines(80),
            ["NAME         COUNT", "shell            7", "a-long-name  1,234"]
        );
        assert_eq!(table.lines(6), ["NAME", "shell", "a-long"]);
    }

    #[test]
    fn durations_keep_three_digits_and_never_run_ahead() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_239, "1.23 us"),
            (12_399, "12.3 us"),
            (999_999, "999 us"),
            (1_999_999_999, "1.99 s"),
            (185_000_000_000, "3 m 05 s"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            (grouped(0), grouped(999), grouped(1_234_567)),
            ("0".into(), "999".into(), "1,234,567".into())
        );
        assert_eq!((percent(1, 3), percent(1, 0)), ("33.3 %".into(), "0.0 %".into()));
        assert_eq!((pages(3), pages(25600)), ("12 KiB".into(), "100 MiB".into()));
    }

    #[test]
    fn arguments_out_of_range_are_refused_with_the_range() {
        assert_eq!(number_in("7", "count", 1..=9), Ok(7));
        assert_eq!(
            number_in("x", "count", 1..=9).unwrap_err(),
            "`x` is no count from 1 to 9"
        );
        assert_eq!(
            number_in("10", "count", 1..=9).unwrap_err(),
            "`10` is no count from 1 to 9"
        );
        assert_eq!(settings(&["--help".into()], "usage", |_| Ok(())), Err(0));
        assert_eq!(settings::<()>(&[], "usage", |_| Err("no".into())), Err(2));
    }
}
