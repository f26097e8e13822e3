//! What is printed: the table of what caught what, as Markdown that also reads well in a terminal, or JSON.

use super::hunt::{Ending, Hunt, Hunted};
use super::mutant::Mutant;
use anyhow::Result;
use serde_json::json;
use std::io::{ErrorKind, Write};

/// A mutant that was hunted, by each of its hunts.
pub(super) struct Row {
    mutant: Mutant,
    hunted: Vec<Hunted>,
}

impl Row {
    pub(super) fn of(mutant: &Mutant, hunted: Vec<Hunted>) -> Row {
        Row {
            mutant: mutant.clone(),
            hunted,
        }
    }

    /// Whether every hunt has caught it.
    pub(super) fn is_caught(&self) -> bool {
        let is_caught = |hunted: &Hunted| matches!(hunted.ending, Ending::Caught { .. });
        self.hunted.iter().all(is_caught)
    }

    /// What happened, as a line of progress.
    pub(super) fn sentence(&self) -> String {
        let (name, seconds) = (&self.mutant.name, self.seconds());
        let errors = self.hunted.iter().find_map(|hunted| match &hunted.ending {
            Ending::NotBuilt { errors } => Some(errors),
            _ => None,
        });
        match errors {
            Some(errors) => format!("{name} does not compile:\n{errors}"),
            None if self.is_caught() => format!("{name}: caught after {seconds:.2} s by {}", self.verdict()),
            None => format!("{name}: {}", self.verdict()),
        }
    }

    /// What the hunts took, once everything was built.
    fn seconds(&self) -> f64 {
        self.hunted.iter().map(|hunted| hunted.took.as_secs_f64()).sum()
    }

    /// What building took.
    fn built(&self) -> f64 {
        self.hunted.iter().map(|hunted| hunted.built.as_secs_f64()).sum()
    }

    /// What each hunt caught it by, or that it did not.
    fn verdict(&self) -> String {
        let verdicts = self.mutant.hunts().zip(&self.hunted);
        let verdicts: Vec<String> = verdicts
            .map(|(hunt, hunted)| verdict(hunt, &hunted.ending))
            .collect();
        verdicts.join("; ")
    }
}

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

fn row(mutant: &Mutant) -> String {
    mutant.row.map_or("-".to_owned(), |row| row.to_string())
}

/// The mutants, without having tried them.
pub(super) fn list(mutants: &[Mutant], as_json: bool) -> Result<()> {
    let line = |mutant: &Mutant| {
        let (
            row,
            Mutant {
                name, mistake, file, ..
            },
        ) = (row(mutant), mutant);
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
        let mut text = String::new();
        for row in rows {
            let by: Vec<&String> = row
                .hunted
                .iter()
                .flat_map(|hunted| match &hunted.ending {
                    Ending::Caught { by } => by.as_slice(),
                    _ => &[],
                })
                .collect();
            let mut line = described(&row.mutant);
            line["caught"] = row.is_caught().into();
            line["verdict"] = row.verdict().into();
            line["by"] = json!(by);
            line["seconds"] = row.seconds().into();
            line["build_seconds"] = row.built().into();
            text += &format!("{line}\n");
        }
        return write(&text);
    }
    let file = |row: &Row| format!("`{}`", row.mutant.file);
    let titles = ["row", "mutant", "where", "caught by", "after"].map(str::to_owned);
    let lines = rows.iter().map(|line| {
        let after = format!("{:.2} s", line.seconds());
        [
            row(&line.mutant),
            line.mutant.name.clone(),
            file(line),
            line.verdict(),
            after,
        ]
    });
    let table = table(&titles, &lines.collect::<Vec<_>>());
    let caught = rows.iter().filter(|row| row.is_caught()).count();
    let seconds: f64 = rows.iter().map(|row| row.seconds() + row.built()).sum();
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
