//! What changed since an older run, with the noise beside it.

use super::{Compared, words};
use crate::bench::change::{self, Change, Kind};
use crate::bench::{Clock, Row, Rows};
use crate::report::page::{Section, Table};

pub(super) fn section(old: Compared<'_>, rows: &Rows) -> Section {
    let commits =
        |rows: &Rows| words::distinct(rows.all().iter().map(|row| row.recipe.commit.clone())).join(", ");
    let mut section = Section::new("What changed").prose(&format!(
        "Beside {} (commit {}), commit {}. Noise is half of both spreads together, and at least a thousandth; a difference that is no larger is called \
         noise. Where instructions are counted there is next to none within a build, but two builds differ in layout: a change of a per \
         cent or two may come from that alone.",
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
        let kinds = [
            Kind::Better,
            Kind::Worse,
            Kind::Noise,
            Kind::Same,
            Kind::Void,
            Kind::OtherMachine,
        ];
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
        let those = |who: &String| {
            let of_them = rows.iter().filter(|row| row.who() == *who);
            let names: Vec<&str> = of_them.map(|row| row.row.as_str()).collect();
            format!("{who}: {}", names.join(" "))
        };
        let who = words::distinct(rows.iter().map(|row| row.who()));
        who.iter().map(those).collect::<Vec<_>>().join("; ")
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
        let percent = match change.percent() {
            None => String::new(),
            Some(0.0) => "0 %".to_owned(),
            Some(percent) if percent.abs() < 0.05 => format!("{percent:+.4} %"),
            Some(percent) => format!("{percent:+.1} %"),
        };
        let noise = change.noise_percent();
        let noise = noise.map_or_else(String::new, |noise| format!("{noise:.1} %"));
        table.row([
            change.new.row.clone(),
            change.new.who(),
            words::median(change.old),
            words::median(change.new),
            change.new.unit.clone(),
            percent,
            noise,
            change.kind.word().to_owned(),
        ]);
    }
    table.without_empty_columns()
}
