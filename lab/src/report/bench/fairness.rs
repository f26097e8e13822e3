//! Shares of CPU time against what they should be (D6).

use super::speedup::legend;
use super::{beside, words};
use crate::bench::{Clock, Row, Rows, Topic};
use crate::plot::Axis;
use crate::plot::deviations::{Deviations, Line};
use crate::report::page::{Figure, Section, Table};

/// Shares in a row of the table; the rest is counted.
const MOST_SHARES: usize = 12;

pub(super) fn section(rows: &Rows) -> Option<Section> {
    let mut section = Section::new("Fairness").prose(
        "Who was runnable together for the whole window, and what part of the CPU time each of them got, by the kernel's accounting as \
         read from outside; the ideal is by weight. The figure of a case is the largest deviation of a share from its ideal. In the \
         plot, a share of 51 % instead of 50 % is at +2 %.",
    );
    let mut found = false;
    for clock in Clock::BOTH {
        let those = rows.of(Topic::Fairness, clock);
        if those.is_empty() {
            continue;
        }
        found = true;
        let title = format!("Shares against the ideal, {}", clock.name());
        if let Some(figure) = figure(&title, &those) {
            section = section.figure(&figure);
        }
        section = section
            .table(&beside::table(&title, &those, rows))
            .table(&shares(&format!("Shares case by case, {}", clock.name()), &those));
    }
    found.then_some(section)
}

/// Shares and ideals in per cent; none for a void case.
fn pairs(row: &Row) -> Vec<(f64, f64)> {
    let (shares, ideals) = (row.list("shares"), row.list("ideals"));
    let complete = row.verified && shares.len() == ideals.len() && ideals.iter().all(|ideal| *ideal > 0.0);
    if !complete {
        return Vec::new();
    }
    // Parts of one may be written as such; those of several boots stand behind each other.
    let unit = if ideals.iter().sum::<f64>() < 50.0 {
        100.0
    } else {
        1.0
    };
    shares
        .into_iter()
        .zip(ideals)
        .map(|(share, ideal)| (share * unit, ideal * unit))
        .collect()
}

fn case(row: &Row) -> &str {
    row.row.strip_prefix("D6-").unwrap_or(&row.row)
}

fn figure(title: &str, rows: &[&Row]) -> Option<Figure> {
    let line = |row: &&Row| {
        let values = pairs(row).into_iter().map(|(share, ideal)| {
            let name = format!("{share:.2} % instead of {ideal:.2} %");
            (name, 100.0 * (share / ideal - 1.0))
        });
        Line {
            name: format!("{}, {}", case(row), row.who()),
            series: row.system as usize,
            values: values.collect(),
        }
    };
    let lines: Vec<Line> = rows.iter().map(line).collect();
    lines.iter().find(|line| !line.values.is_empty())?;
    let deviations = Deviations {
        title: title.to_owned(),
        x: Axis::linear("deviation of a share from its ideal (%)"),
        names: legend(rows.iter().copied()),
        lines,
        aim: rows.iter().find_map(|row| words::aimed(row)),
    };
    let caption = format!("{title}. A dot is a thread or process; the upright lines are the aim.");
    Some(Figure::new(
        deviations.svg(),
        caption,
        words::recipe(rows.iter().copied()),
    ))
}

fn shares(caption: &str, rows: &[&Row]) -> Table {
    let mut table = Table::new(caption, ["case", "system", "members", "shares (%)", "ideals (%)"]);
    let list = |values: Vec<f64>| {
        let more = values.len().saturating_sub(MOST_SHARES);
        let shown: Vec<String> = values
            .iter()
            .take(MOST_SHARES)
            .map(|value| format!("{value:.2}"))
            .collect();
        match more {
            0 => shown.join(" "),
            more => format!("{} and {more} more", shown.join(" ")),
        }
    };
    for row in rows {
        let (shares, ideals): (Vec<f64>, Vec<f64>) = pairs(row).into_iter().unzip();
        let boots = row.boots.unwrap_or(1).max(1) as usize;
        let members = shares.len() / boots;
        table.row([
            case(row).to_owned(),
            row.who(),
            if row.verified {
                members.to_string()
            } else {
                "void".to_owned()
            },
            list(shares),
            list(ideals),
        ]);
    }
    table.without_empty_columns()
}
