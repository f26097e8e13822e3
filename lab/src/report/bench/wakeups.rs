//! How late a periodic thread is woken that is of the highest class or has reserved time (N11), with nothing else to do and beside two hogs.

use super::{beside, words};
use crate::bench::{Clock, Row, Rows, Topic};
use crate::plot::{Axis, Histogram, Histograms};
use crate::report::page::{Figure, Section, Table};

pub(super) fn section(rows: &Rows) -> Option<Section> {
    let mut section = Section::new("Wake-up latency").prose(
        "A thread of the highest class, or with reserved time, sleeps to absolute deadlines, a millisecond apart; its latency is from the \
         deadline to its first instruction. Both axes of the histograms are logarithmic: what matters is at the right, and rare.",
    );
    let mut found = false;
    for clock in Clock::BOTH {
        let those = rows.of(Topic::WakeUps, clock);
        if those.is_empty() {
            continue;
        }
        found = true;
        let cases = [
            ("idle", ["N11a", "N11b"]),
            ("beside two hogs", ["N11c", "N11d"]),
            ("reserved, idle", ["N11r-a", "N11r-b"]),
            ("reserved, beside two hogs", ["N11r-c", "N11r-d"]),
        ];
        for (case, names) in cases {
            let seen = latencies(&those, names);
            if let Some((first, ..)) = seen.first() {
                let title = format!("Wake-up latency, {case}, {}", clock.name());
                let unit = &first.unit;
                section = section
                    .figure(&figure(&title, unit, &seen))
                    .table(&percentiles(&title, unit, &seen));
            }
        }
        let caption = format!("Wake-up latency, {}", clock.name());
        section = section
            .prose(beside::ABOUT_TABLE)
            .table(&beside::table(&caption, &those, rows));
    }
    found.then_some(section)
}

/// A system's latencies with how often each was seen, ascending.
type Seen<'a> = (&'a Row, Vec<(u64, u64)>);

/// One for each system: mean and worst come from the same wake-ups, so the first row that has them serves.
fn latencies<'a>(rows: &[&'a Row], names: [&str; 2]) -> Vec<Seen<'a>> {
    let mut seen: Vec<Seen<'a>> = Vec::new();
    for row in rows
        .iter()
        .filter(|row| names.contains(&row.row.as_str()) && row.verified)
    {
        let mut counts: Vec<(u64, u64)> = row
            .pairs("latencies")
            .into_iter()
            .filter(|(_, count)| *count >= 1.0)
            .map(|(latency, count)| (latency.max(0.0) as u64, count as u64))
            .collect();
        counts.sort_unstable();
        if !counts.is_empty() && !seen.iter().any(|(other, _)| other.who() == row.who()) {
            seen.push((row, counts));
        }
    }
    seen
}

/// The latency that so many per cent do not exceed.
fn percentile(counts: &[(u64, u64)], percent: f64) -> u64 {
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    // A hair below, as 99.9 per cent of a thousand is not quite 999 in binary.
    let mut left = (percent * all as f64 / 100.0 - 1e-6).ceil().max(1.0) as u64;
    for (latency, count) in counts {
        if left <= *count {
            return *latency;
        }
        left -= count;
    }
    counts.last().map_or(0, |(latency, _)| *latency)
}

fn mean(counts: &[(u64, u64)]) -> f64 {
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    let sum: f64 = counts
        .iter()
        .map(|(latency, count)| *latency as f64 * *count as f64)
        .sum();
    sum / all.max(1) as f64
}

fn figure(title: &str, unit: &str, seen: &[Seen<'_>]) -> Figure {
    let histogram = |(row, counts): &Seen<'_>| Histogram {
        name: row.who(),
        series: row.system as usize,
        counts: counts.clone(),
        marks: vec![
            (mean(counts), "mean".to_owned()),
            (percentile(counts, 99.0) as f64, "99 %".to_owned()),
            (percentile(counts, 100.0) as f64, "max".to_owned()),
        ],
    };
    let histograms = Histograms {
        title: title.to_owned(),
        x: Axis::logarithmic(format!("latency ({unit})")),
        counted: "wake-ups".to_owned(),
        histograms: seen.iter().map(histogram).collect(),
    };
    let caption = format!("{title}. Further left is better.");
    Figure::new(
        histograms.svg(),
        caption,
        words::recipe(seen.iter().map(|(row, _)| *row)),
    )
}

fn percentiles(title: &str, unit: &str, seen: &[Seen<'_>]) -> Table {
    let heads = [
        "system", "wake-ups", "least", "mean", "50 %", "99 %", "99.9 %", "max",
    ];
    let mut table = Table::new(format!("{title}: all wake-ups ({unit})"), heads);
    for (row, counts) in seen {
        let all: u64 = counts.iter().map(|(_, count)| count).sum();
        let at = |percent| words::figure(percentile(counts, percent) as f64);
        table.row([
            row.who(),
            words::figure(all as f64),
            at(0.0),
            words::figure(mean(counts)),
            at(50.0),
            at(99.0),
            at(99.9),
            at(100.0),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g5_percentiles_are_latencies_that_were_seen() {
        let counts = [(700, 990), (900, 9), (4_000, 1)];
        let at = |percent| percentile(&counts, percent);
        assert_eq!(
            [0.0, 50.0, 99.0, 99.9, 100.0].map(at),
            [700, 700, 700, 900, 4_000]
        );
        assert!((mean(&counts) - 705.1).abs() < 1e-9);
    }
}
