//! What operations cost, beside Linux.

use super::{beside, words};
use crate::bench::{Clock, Row, Rows, Topic};
use crate::report::page::Section;

pub(super) fn section(rows: &Rows) -> Option<Section> {
    let mut section = Section::new("What operations cost").prose(beside::ABOUT_TABLE);
    let mut found = false;
    for clock in Clock::BOTH {
        let those = rows.of(Topic::Costs, clock);
        for unit in words::distinct(those.iter().map(|row| row.unit.as_str())) {
            let shown: Vec<&Row> = those.iter().copied().filter(|row| row.unit == unit).collect();
            let caption = words::title("Costs", unit, clock);
            let note = "Shorter is better; the upright line across a bar is the aim.";
            if let Some(figure) = beside::figure(&caption, &format!("{caption}. {note}"), &shown) {
                section = section.figure(&figure);
            }
            section = section.table(&beside::table(&caption, &shown, rows));
            found = true;
        }
    }
    found.then_some(section)
}
