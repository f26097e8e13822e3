//! What changed since an older run, with the noise beside it.

use super::{Compared, words};
use crate::bench::change::{self, Change, Kind};
use crate::bench::{Clock, Row, Rows};
use crate::report::page::{Section, Table};

pub(super) fn section(old: Compared<'_>, rows: &Rows) -> Section {
    let commits =
        |rows: &Rows| words::distinct(rows.all().iter().map(|row| row.recipe.commit.clone())).join(", ");
    let mut section = Section::new("What changed").prose(&format!(
        "Beside {} (commit {}), commit {}. Noise is the larger distance between quartiles of the two runs, in the row's unit; a difference \
         that is no larger, or less than a thousandth, is called noise. Where instructions are counted, the noise of one build is next to nothing, but two builds differ \
         in layout: a change of a per cent or two may come from that alone.",
        old.name,
        commits(old.rows),
        commits(rows)
    ));
    for clock in Clock::BOTH {
        let changes = change::changes(old.rows, rows, clock);
        if changes.is_empty() {
            continue;
        }
        let counted = |kind: Kind| changes.iter().filter(|change| change.kind == kind).count();
        let kinds = [Kind::Better, Kind::Worse, Kind::Noise, Kind::Same, Kind::Void];
        let counts: Vec<String> = kinds
            .into_iter()
            .filter(|kind| counted(*kind) > 0)
            .map(|kind| format!("{} {}", counted(kind), kind.word()))
            .collect();
        section = section.table(&table(
            &format!("Changes, {}: {}", clock.name(), counts.join(", ")),
            &changes,
        ));
    }
    let list = |rows: Vec<&Row>| {
        rows.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (gone, new) = (change::only_in(old.rows, rows), change::only_in(rows, old.rows));
    let mut told = Vec::new();
    if !gone.is_empty() {
        told.push(format!("Only in the older run. {}.", list(gone)));
    }
    if !new.is_empty() {
        told.push(format!("Only in this run. {}.", list(new)));
    }
    section.list(told)
}

fn table(caption: &str, changes: &[Change<'_>]) -> Table {
    let heads = [
        "row", "system", "before", "after", "unit", "change", "noise", "verdict",
    ];
    let mut table = Table::new(caption, heads);
    for change in changes {
        let percent = change
            .percent()
            .map_or_else(String::new, |percent| format!("{percent:+.1} %"));
        table.row([
            change.new.row.clone(),
            change.new.who(),
            words::median(change.old),
            words::median(change.new),
            change.new.unit.clone(),
            percent,
            words::figure(change.noise),
            change.kind.word().to_owned(),
        ]);
    }
    table
}
