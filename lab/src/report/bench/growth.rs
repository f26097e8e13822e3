//! What a turn of the scheduler core costs as more threads are runnable (rows S10 and on).

use super::{beside, words};
use crate::bench::{Clock, Row, Rows, Topic};
use crate::plot::{Axis, Lines, Series};
use crate::report::page::{Figure, Section};

pub(super) fn section(rows: &Rows) -> Option<Section> {
    let mut section = Section::new("The scheduler core as its queue grows").prose(
        "One turn is to pick a thread, begin and end its run, and queue it again. The core runs on the host, not in a guest. \
         The dashed line is the first point's cost, growing as the logarithm of the number of threads does.",
    );
    let mut found = false;
    for clock in Clock::BOTH {
        let those = rows.of(Topic::Growth, clock);
        if those.is_empty() {
            continue;
        }
        found = true;
        if let Some(figure) = figure(&those) {
            section = section.figure(&figure);
        }
        let caption = format!("Cost of a turn by runnable threads, {}", clock.name());
        section = section.table(&beside::table(&caption, &those, rows));
    }
    found.then_some(section)
}

fn figure(rows: &[&Row]) -> Option<Figure> {
    let sized = rows.iter().filter_map(|row| {
        let size: f64 = row.row.strip_prefix('S')?.parse().ok()?;
        Some((size, row.figure()?))
    });
    let mut points: Vec<(f64, f64)> = sized.collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    let [(first, cost), _, ..] = points[..] else {
        return None;
    };
    let unit = &rows.first()?.unit;
    let logarithm = points
        .iter()
        .map(|(size, _)| (*size, cost * size.ln() / first.ln()));
    let series = vec![
        Series {
            name: "measured".to_owned(),
            points: points.clone(),
        },
        Series {
            name: "as log n would grow".to_owned(),
            points: logarithm.collect(),
        },
    ];
    let lines = Lines {
        title: "Cost of a turn by runnable threads".to_owned(),
        x: Axis::logarithmic("runnable threads"),
        y: Axis::linear(format!("{unit} per turn")),
        series,
        steps: false,
    };
    let caption = "A turn of the scheduler core. Below the dashed line is growth slower than log n.";
    Some(Figure::new(
        lines.svg(),
        caption,
        words::recipe(rows.iter().copied()),
    ))
}
