//! From power-on to the first program, and with how little memory.

use super::{beside, words};
use crate::bench::{Clock, Row, Rows, Topic};
use crate::report::page::Section;

pub(super) fn section(rows: &Rows) -> Option<Section> {
    let mut section = Section::new("Boot");
    let mut found = false;
    for clock in Clock::BOTH {
        let those = rows.of(Topic::Boot, clock);
        for unit in words::distinct(those.iter().map(|row| row.unit.as_str())) {
            let shown: Vec<&Row> = those.iter().copied().filter(|row| row.unit == unit).collect();
            let caption = match unit {
                "MiB" => "Memory that a boot needs, in MiB".to_owned(),
                unit => words::title("Boot", unit, clock),
            };
            if let Some(figure) = beside::figure(&caption, &format!("{caption}. Shorter is better."), &shown)
            {
                section = section.figure(&figure);
            }
            section = section.table(&beside::table(&caption, &shown, rows));
            found = true;
        }
    }
    found.then_some(section)
}
