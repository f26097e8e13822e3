//! What a change did: two results files, row by row and system by system, in this terminal. What a difference comes to is
//! decided in `lab::bench::change`, which the report uses too.

use super::screen::figure;
use lab::bench::change::{Change, Kind, changes, only_in};
use lab::bench::{Clock, Row, Rows};
use serde_json::{Value, json};

/// Prints one JSON object for each row that both runs have.
pub(super) fn print_json(old: &Rows, new: &Rows) {
    for change in Clock::BOTH.iter().flat_map(|clock| changes(old, new, *clock)) {
        println!("{}", to_json(&change));
    }
}

fn to_json(change: &Change<'_>) -> Value {
    let row = change.new;
    json!({
        "row": row.row, "who": row.who(), "unit": row.unit,
        "old": change.old.figure(), "new": row.figure(),
        "change_percent": change.percent(), "noise_percent": change.noise_percent(), "verdict": change.kind.word(),
    })
}

/// Prints a table for each kind of time, and what only one of the runs has.
pub(super) fn print(old: &Rows, new: &Rows) {
    println!("old: {}\nnew: {}", about(old), about(new));
    for clock in Clock::BOTH {
        let changes = changes(old, new, clock);
        if changes.is_empty() {
            continue;
        }
        println!(
            "\n{:15}{:25}{:>14}{:>14}{:>10}{:>10}  {:13} verdict",
            "row", "system", "old", "new", "change", "noise", "unit"
        );
        changes.iter().for_each(|change| println!("{}", line(change)));
        let count = |kind| changes.iter().filter(|change| change.kind == kind).count();
        println!(
            "{}: {} better, {} worse, {} within noise, {} same",
            clock.name(),
            count(Kind::Better),
            count(Kind::Worse),
            count(Kind::Noise),
            count(Kind::Same)
        );
    }
    for (which, rows) in [("old", only_in(old, new)), ("new", only_in(new, old))] {
        let names: Vec<String> = rows
            .iter()
            .map(|row| format!("{} ({})", row.row, row.who()))
            .collect();
        if !names.is_empty() {
            println!("\nonly in the {which} run: {}", names.join(", "));
        }
    }
}

fn line(change: &Change<'_>) -> String {
    let median = |row: &Row| row.figure().map_or_else(|| "-".to_owned(), figure);
    let percent = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} %"));
    let grown = change.percent().map(|value| format!("{value:+.1} %"));
    format!(
        "{:15}{:25}{:>14}{:>14}{:>10}{:>10}  {:13} {}",
        change.new.row,
        change.new.who(),
        median(change.old),
        median(change.new),
        grown.unwrap_or_else(|| "-".to_owned()),
        percent(change.noise_percent()),
        change.new.unit,
        change.kind.word()
    )
}

fn about(rows: &Rows) -> String {
    let recipe = rows
        .all()
        .first()
        .map(|row| row.recipe.clone())
        .unwrap_or_default();
    let quick = if recipe.quick { ", a quick run" } else { "" };
    format!("{} on {}{quick}", recipe.commit, recipe.host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::bench::read;

    fn run(samples: [f64; 3], verified: bool) -> Rows {
        let row = json!({
            "row": "N3", "what": "calls", "unit": "instructions", "system": "linux", "variant": "pipe",
            "median": samples[1], "samples": samples, "verified": verified, "machine": "TCG, -icount",
            "recipe": { "commit": "a", "host": "here" },
        });
        read(&format!("{row}\n")).unwrap()
    }

    fn told(old: &Rows, new: &Rows) -> String {
        line(&changes(old, new, Clock::Instructions)[0])
    }

    #[test]
    fn a_change_stands_with_its_noise_and_its_verdict() {
        let line = told(&run([99.0, 100.0, 101.0], true), &run([89.0, 90.0, 91.0], true));
        for part in ["N3", "Linux, pipe", " 100 ", " 90 ", "-10.0 %", "1.0 %", "better"] {
            assert!(line.contains(part), "{part} is missing in {line}");
        }
        let near = told(&run([90.0, 100.0, 110.0], true), &run([91.0, 101.0, 111.0], true));
        assert!(near.ends_with("within noise"), "{near}");
    }

    #[test]
    fn a4_a_void_row_shows_no_figure_and_is_not_compared() {
        let (old, new) = (run([99.0, 100.0, 101.0], true), run([89.0, 90.0, 91.0], false));
        let line = told(&old, &new);
        assert!(line.ends_with("void") && !line.contains(" 90 "), "{line}");
        let change = changes(&old, &new, Clock::Instructions)[0];
        assert_eq!(to_json(&change)["new"], Value::Null);
        assert_eq!(to_json(&change)["change_percent"], Value::Null);
    }
}
