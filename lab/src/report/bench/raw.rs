//! Every row with its samples, as it is in the file.

use super::words;
use crate::bench::{Clock, Row, Rows};
use crate::report::page::{Section, Table};

/// Different samples that are listed; the rest is counted.
const MOST_SAMPLES: usize = 16;

pub(super) fn section(rows: &Rows) -> Option<Section> {
    let mut section = Section::new("Raw rows")
        .prose("Samples in the order in which they were taken; what comes several times in a row is written once, with its number.");
    for clock in Clock::BOTH {
        let those: Vec<&Row> = rows.all().iter().filter(|row| row.clock() == clock).collect();
        if !those.is_empty() {
            section = section.table(&table(clock, &those));
        }
    }
    Some(section)
}

fn table(clock: Clock, rows: &[&Row]) -> Table {
    let heads = [
        "row",
        "system",
        "unit",
        "accelerator",
        "boots",
        "warm-up",
        "samples",
        "least",
        "median",
        "most",
        "spread",
        "checked",
        "commit",
        "each",
    ];
    let mut table = Table::new(format!("All rows, {}", clock.name()), heads);
    for row in rows {
        let void = row.figure().is_none();
        let extreme = |of: fn(f64, f64) -> f64| {
            let samples = row.samples.iter().copied().filter(|_| !void);
            samples.reduce(of).map_or_else(String::new, words::exact)
        };
        table.row([
            row.row.clone(),
            row.who(),
            row.unit.clone(),
            row.accelerator.clone().unwrap_or_default(),
            row.boots.map_or_else(String::new, |boots| boots.to_string()),
            row.warm_up.to_string(),
            row.samples.len().to_string(),
            extreme(f64::min),
            row.figure().map_or_else(|| "void".to_owned(), words::exact),
            extreme(f64::max),
            words::spread(row),
            if row.verified { "yes" } else { "failed" }.to_owned(),
            row.recipe.commit.clone(),
            if void {
                String::new()
            } else {
                samples(&row.samples)
            },
        ]);
    }
    table.without_empty_columns()
}

/// Samples in a line.
fn samples(samples: &[f64]) -> String {
    let mut runs: Vec<(f64, usize)> = Vec::new();
    for sample in samples {
        match runs.last_mut() {
            Some((value, count)) if value == sample => *count += 1,
            _ => runs.push((*sample, 1)),
        }
    }
    let more: usize = runs.iter().skip(MOST_SAMPLES).map(|(_, count)| count).sum();
    let run = |(value, count): &(f64, usize)| match count {
        1 => words::exact(*value),
        count => format!("{} x{count}", words::exact(*value)),
    };
    let mut list: Vec<String> = runs.iter().take(MOST_SAMPLES).map(run).collect();
    if more > 0 {
        list.push(format!("{more} more"));
    }
    list.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a4_equal_samples_are_written_once() {
        assert_eq!(samples(&[296.2, 296.2, 300.0, 296.2]), "296.2 x2; 300; 296.2");
        let many: Vec<f64> = (0..20).map(f64::from).collect();
        assert!(samples(&many).ends_with("15; 4 more"));
        assert_eq!(samples(&[]), "");
    }
}
