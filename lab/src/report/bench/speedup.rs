//! How much several workers do against one: the work itself, and the total with starting and ending the workers.

use super::words;
use crate::bench::{Clock, Row, Rows, System, Topic, judge};
use crate::plot::Axis;
use crate::plot::panels::{Curve, Panel, Panels};
use crate::report::page::{Figure, Section, Table};

/// Speed-ups of one case on one system.
struct Case<'a> {
    /// What all systems call it: `S3 phases`.
    name: String,
    row: &'a Row,
    /// None for a case that is void.
    median: Option<f64>,
    /// One per pair of neighbours.
    pairs: Vec<f64>,
    /// Times of one worker and of several, in ms.
    times: Vec<(f64, f64)>,
    /// Whether aim and gate of the row are about these pairs.
    own: bool,
}

pub(super) fn section(rows: &Rows) -> Option<Section> {
    let mut section = Section::new("Several workers against one").prose(
        "A pair is the same work done by one worker and by several, one right after the other in one boot, so that a slow moment of the host \
         hits both; the speed-up is the ratio of their times. Work is from all workers being ready to the last one being done, total \
         from the first being created to the last being joined. The figure is the median over boots. Efficiency is speed-up divided by workers. A ratio above the number of \
         workers is the host's doing: the neighbours did not get the same cores, clock or cache. A speed-up compares a system with itself; \
         which system is faster, the times tell.",
    );
    let mut found = false;
    for clock in Clock::BOTH {
        let those = rows.of(Topic::SpeedUp, clock);
        for (name, cases) in [("work", work(&those)), ("total", total(&those))] {
            if cases.is_empty() {
                continue;
            }
            found = true;
            let title = format!("Speed-up of the {name}, {}", clock.name());
            if let Some(figure) = figure(&title, &cases) {
                section = section.figure(&figure);
            }
            section = section.table(&table(&title, &cases, rows));
        }
    }
    found.then_some(section)
}

/// Rows whose samples are about the work.
fn work<'a>(rows: &[&'a Row]) -> Vec<Case<'a>> {
    rows.iter()
        .filter(|row| !is_total(row))
        .map(|row| own(row))
        .collect()
}

/// Rows whose samples are about the total, and totals that stand in the details of others.
fn total<'a>(rows: &[&'a Row]) -> Vec<Case<'a>> {
    let case = |row: &&'a Row| {
        if is_total(row) {
            return Some(own(row));
        }
        let totals = row.list("total");
        let median = Some(middle(&totals)?).filter(|_| row.verified);
        let times = row.pairs("ms_total_one_and_two");
        Some(Case {
            median,
            pairs: pairs(row, &totals, &times),
            times,
            own: false,
            ..own(row)
        })
    };
    rows.iter().filter_map(case).collect()
}

/// N15 and B7 have a row for each; `b` is the total.
fn is_total(row: &Row) -> bool {
    row.row.ends_with('b') && !row.row.starts_with("S3-")
}

fn own(row: &Row) -> Case<'_> {
    let times = row.pairs("ms_one_and_two");
    let name = match row.row.strip_prefix("S3-") {
        Some(load) => load.to_owned(),
        None => row.row.trim_end_matches(['a', 'b']).to_owned(),
    };
    Case {
        name,
        row,
        median: row.figure(),
        pairs: pairs(row, &row.samples, &times),
        times,
        own: true,
    }
}

/// Speed-ups pair by pair. Where a sample stands for several pairs of a boot, they come from the times.
fn pairs(row: &Row, samples: &[f64], times: &[(f64, f64)]) -> Vec<f64> {
    let usable = times.iter().all(|(_, several)| *several > 0.0);
    match row.verified {
        false => Vec::new(),
        true if usable && times.len() > samples.len() => {
            times.iter().map(|(one, several)| one / several).collect()
        }
        true => samples.to_vec(),
    }
}

fn middle(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some(0.5 * (sorted[last / 2] + sorted[last.div_ceil(2)]))
}

fn table(caption: &str, cases: &[Case<'_>], rows: &Rows) -> Table {
    let heads = [
        "row",
        "system",
        "workers",
        "speed-up",
        "spread",
        "efficiency",
        "pairs",
        "one (ms)",
        "several (ms)",
        "aim",
        "verdict",
        "of Linux",
    ];
    let mut table = Table::new(caption, heads);
    for case in cases {
        let row = case.row;
        let workers = row.workers() as f64;
        let of_times = |of: fn(&(f64, f64)) -> f64| {
            let times: Vec<f64> = case.times.iter().map(of).collect();
            words::cell(middle(&times).filter(|_| case.median.is_some()))
        };
        let told = |text: String| if case.own { text } else { String::new() };
        let linux =
            || judge::beside(rows, row, System::Linux).filter(|_| row.system == System::Sundial && case.own);
        table.row([
            row.row.clone(),
            row.who(),
            format!("{workers}"),
            case.median
                .map_or_else(|| "void".to_owned(), |median| format!("{median:.2}")),
            told(words::spread(row)),
            case.median
                .map_or_else(String::new, |median| format!("{:.0} %", 100.0 * median / workers)),
            case.pairs.len().to_string(),
            of_times(|pair| pair.0),
            of_times(|pair| pair.1),
            told(words::aim(row)),
            told(judge::verdict(row).word().to_owned()),
            linux().map_or_else(String::new, |beside| words::ratio(beside.ratio)),
        ]);
    }
    table.without_empty_columns()
}

fn figure(title: &str, cases: &[Case<'_>]) -> Option<Figure> {
    cases.iter().find_map(|case| case.median)?;
    let panel = |name: &str| {
        let of_name = || {
            cases
                .iter()
                .filter(|case| case.name == name && case.median.is_some())
        };
        let who = words::distinct(of_name().map(|case| (case.row.system, case.row.variant.clone())));
        let curve = |(system, variant): (System, Option<String>)| {
            let (mut medians, mut dots) = (vec![(1.0, 1.0)], Vec::new());
            for case in of_name().filter(|case| case.row.system == system && case.row.variant == variant) {
                let workers = case.row.workers() as f64;
                medians.extend(case.median.map(|median| (workers, median)));
                dots.extend(case.pairs.iter().map(|pair| (workers, *pair)));
            }
            let series = system as usize;
            Curve {
                series,
                medians,
                dots,
            }
        };
        Panel {
            name: name.to_owned(),
            curves: who.into_iter().map(curve).collect(),
        }
    };
    let names = words::distinct(cases.iter().map(|case| case.name.as_str()));
    let panels = Panels {
        title: title.to_owned(),
        x_label: "workers".to_owned(),
        y: Axis::linear("times as fast as one worker"),
        names: legend(cases.iter().map(|case| case.row)),
        panels: names.into_iter().map(panel).collect(),
    };
    let caption = format!(
        "{title}. A dot is a pair, the line goes to the median of all boots; the dotted line is what could not be better. Higher is better."
    );
    Some(Figure::new(
        panels.svg(),
        caption,
        words::recipe(cases.iter().map(|case| case.row)),
    ))
}

/// Names and colours of the systems in rows.
pub(super) fn legend<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<(String, usize)> {
    let mut systems = words::distinct(rows.map(|row| row.system));
    systems.sort();
    systems
        .into_iter()
        .map(|system| (system.name().to_owned(), system as usize))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a5_the_middle_of_pairs_is_the_mean_of_two_if_they_are_even() {
        assert_eq!(middle(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(middle(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(middle(&[]), None);
    }
}
