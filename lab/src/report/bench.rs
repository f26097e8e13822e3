//! The page of a run of `./x bench`: what was run, what came out, and everything behind it. docs/reports.md tells how to read it.
//!
//! One file per section. Two rules hold in all of them: figures that count instructions and figures that are wall times stand in
//! tables and plots of their own; and a row whose check failed shows as void and has no figure anywhere.

mod beside;
mod boot;
mod change;
mod costs;
mod counters;
mod fairness;
mod growth;
mod raw;
mod run;
mod speedup;
mod summary;
mod wakeups;
mod words;

use super::page::{Page, Section};
use crate::bench::{Clock, Rows, Topic};

/// An older run, to be compared with.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Its rows.
    pub rows: &'a Rows,
}

/// A page with everything that a run's rows show, and with what changed since an older one.
#[must_use]
pub fn of_rows(rows: &Rows, old: Option<Compared<'_>>) -> Page {
    let mut sections = vec![run::section(rows), summary::section(rows)];
    sections.extend(old.map(|old| change::section(old, rows)));
    sections.extend(
        [
            costs::section(rows),
            speedup::section(rows),
            wakeups::section(rows),
            fairness::section(rows),
            boot::section(rows),
            growth::section(rows),
            counters::section(rows),
            other(rows),
            raw::section(rows),
        ]
        .into_iter()
        .flatten(),
    );
    let page = Page::new("Sundial measured").about(about(rows));
    sections.into_iter().fold(page, Page::section)
}

fn about(rows: &Rows) -> String {
    let systems = words::distinct(rows.all().iter().map(|row| row.system.name()));
    let count = rows.all().len();
    let systems = systems.join(", ");
    match count {
        1 => format!("One row: {systems}."),
        _ => format!("{count} rows: {systems}."),
    }
}

/// Rows that no section knows, so that none is lost.
fn other(rows: &Rows) -> Option<Section> {
    let mut section = None;
    for clock in Clock::BOTH {
        let those = rows.of(Topic::Other, clock);
        if !those.is_empty() {
            let caption = format!("Rows without a section of their own, {}", clock.name());
            let table = beside::table(&caption, &those, rows);
            let begun = section.unwrap_or_else(|| Section::new("Other rows"));
            section = Some(begun.table(&table));
        }
    }
    section
}
