//! What each system counted while its rows were measured: switches, interrupts, what it says of itself.

use super::words;
use crate::bench::{Clock, Row, Rows, System};
use crate::report::page::{Section, Table};
use serde_json::Value;

pub(super) fn section(rows: &Rows) -> Option<Section> {
    let mut section = Section::new("Counters").prose(
        "Differences over all rounds of a row, warm-up included, as each system counts for itself. Counters of different systems do not \
         mean the same, so each has a table of its own.",
    );
    let mut found = false;
    for clock in Clock::BOTH {
        for system in System::ALL {
            let counted =
                |row: &&Row| row.clock() == clock && row.system == system && !row.counters.is_empty();
            let those: Vec<&Row> = rows.all().iter().filter(counted).collect();
            if !those.is_empty() {
                section = section.table(&table(system, clock, &those));
                found = true;
            }
        }
    }
    found.then_some(section)
}

fn table(system: System, clock: Clock, rows: &[&Row]) -> Table {
    let names = words::distinct(
        rows.iter()
            .flat_map(|row| row.counters.keys().map(String::as_str)),
    );
    let heads = ["row", "variant"].into_iter().chain(names.iter().copied());
    let mut table = Table::new(format!("Counters of {}, {}", system.name(), clock.name()), heads);
    for row in rows {
        let counter = |name: &&str| row.counters.get(*name).and_then(Value::as_f64);
        let counters = names.iter().map(|name| match counter(name) {
            _ if !row.verified => "void".to_owned(),
            value => words::cell(value),
        });
        let variant = row.variant.clone().unwrap_or_default();
        table.row([row.row.clone(), variant].into_iter().chain(counters));
    }
    table.without_empty_columns()
}
