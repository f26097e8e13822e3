//! What is printed: the table of what caught what, as Markdown that also reads well in a terminal, or JSON.

use super::hunt::{Hunt, Hunted};
use super::judge::Ending;
use super::mutant::Mutant;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{ErrorKind, Write};
use std::time::Duration;

/// What came of a mutant, as it is printed and kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Row {
    row: Option<u32>,
    name: String,
    mistake: String,
    file: String,
    hunt: String,
    caught: bool,
    verdict: String,
    by: Vec<String>,
    seconds: f64,
    build_seconds: f64,
    /// A number for the mutant's text.
    number: u64,
}

impl Row {
    pub(super) fn of(mutant: &Mutant, hunted: &[Hunted]) -> Row {
        let verdicts: Vec<String> = mutant
            .hunts()
            .zip(hunted)
            .map(|(hunt, hunted)| verdict(hunt, &hunted.ending))
            .collect();
        let by = hunted.iter().flat_map(|hunted| match &hunted.ending {
            Ending::Caught { by } => by.as_slice(),
            _ => &[],
        });
        let seconds = |took: fn(&Hunted) -> Duration| hunted.iter().map(took).sum::<Duration>().as_secs_f64();
        Row {
            row: mutant.row,
            name: mutant.name.clone(),
            mistake: mutant.mistake.clone(),
            file: mutant.file.clone(),
            hunt: hunts(mutant),
            caught: hunted
                .iter()
                .all(|hunted| matches!(hunted.ending, Ending::Caught { .. })),
            verdict: verdicts.join("; "),
            by: by.cloned().collect(),
            seconds: seconds(|hunted| hunted.took),
            build_seconds: seconds(|hunted| hunted.built),
            number: mutant.number(),
        }
    }

    /// The mutant's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is about this mutant as it is now.
    pub(super) fn is_of(&self, mutant: &Mutant) -> bool {
        self.name == mutant.name && self.number == mutant.number()
    }

    /// Whether every hunt has caught it.
    pub(super) fn is_caught(&self) -> bool {
        self.caught
    }

    /// What happened, as a line of progress.
    pub(super) fn sentence(&self) -> String {
        let Row {
            name,
            verdict,
            seconds,
            ..
        } = self;
        if self.caught {
            format!("{name}: caught after {seconds:.2} s by {verdict}")
        } else {
            format!("{name}: {verdict}")
        }
    }
}

/// What a hunt caught it by, or that it did not.
fn verdict(hunt: &Hunt, ending: &Ending) -> String {
    match ending {
        Ending::Caught { by } => {
            let more = by.len().saturating_sub(1);
            let first = by.first().map(String::as_str).unwrap_or_default();
            // The path of a test within its crate tells nothing that its name does not.
            let first = first.rsplit("::").next().unwrap_or(first);
            if more == 0 {
                first.to_owned()
            } else {
                format!("{first} and {more} more")
            }
        }
        Ending::Survived => format!("SURVIVED {hunt}"),
        Ending::OutOfTime => format!("OUT OF TIME: {hunt}"),
        Ending::NotBuilt { .. } => "DOES NOT COMPILE".to_owned(),
    }
}

fn row(row: Option<u32>) -> String {
    row.map_or("-".to_owned(), |row| row.to_string())
}

/// The mutants, without having tried them.
pub(super) fn list(mutants: &[Mutant], as_json: bool) -> Result<()> {
    let line = |mutant: &Mutant| {
        let (
            row,
            Mutant {
                name, mistake, file, ..
            },
        ) = (row(mutant.row), mutant);
        format!(
            "{row:>3}  {name}: {mistake}\n       in {file}, hunted by {}\n",
            hunts(mutant)
        )
    };
    let lines = mutants.iter().map(|mutant| {
        if as_json {
            format!("{}\n", described(mutant))
        } else {
            line(mutant)
        }
    });
    write(&lines.collect::<String>())
}

fn hunts(mutant: &Mutant) -> String {
    let hunts: Vec<String> = mutant.hunts().map(Hunt::to_string).collect();
    hunts.join("; ")
}

fn described(mutant: &Mutant) -> serde_json::Value {
    json!({
        "row": mutant.row, "name": mutant.name, "mistake": mutant.mistake, "file": mutant.file,
        "hunt": hunts(mutant),
    })
}

/// The table, or one JSON object for each row.
pub(super) fn print(rows: &[Row], as_json: bool) -> Result<()> {
    if as_json {
        let lines: Result<String, _> = rows
            .iter()
            .map(|row| serde_json::to_string(row).map(|line| line + "\n"))
            .collect();
        return write(&lines?);
    }
    let titles = ["row", "mutant", "where", "caught by", "after"].map(str::to_owned);
    let lines = rows.iter().map(|line| {
        [
            row(line.row),
            line.name.clone(),
            format!("`{}`", line.file),
            line.verdict.clone(),
            format!("{:.2} s", line.seconds),
        ]
    });
    let table = table(&titles, &lines.collect::<Vec<_>>());
    let caught = rows.iter().filter(|row| row.is_caught()).count();
    let seconds: f64 = rows.iter().map(|row| row.seconds + row.build_seconds).sum();
    let all = rows.len();
    write(&format!(
        "{table}\n{caught} of {all} mutants caught; {seconds:.0} s with building\n"
    ))
}

/// Writes to standard output; whoever reads it may have seen enough.
pub(super) fn write(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Columns as wide as their widest cell.
pub(super) fn table<const N: usize>(titles: &[String; N], lines: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or(0).max(titles[column].len())
    };
    let widths: [usize; N] = core::array::from_fn(width);
    let line = |cells: &[String; N]| {
        let cells = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule: [String; N] = core::array::from_fn(|column| "-".repeat(widths[column]));
    let mut text = line(titles) + &line(&rule);
    text.extend(lines.iter().map(line));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let titles = ["row", "by"].map(str::to_owned);
        let text = table(&titles, &[["10".to_owned(), "a test".to_owned()]]);
        assert_eq!(text, "| row | by     |\n| --- | ------ |\n| 10  | a test |\n");
    }
}
