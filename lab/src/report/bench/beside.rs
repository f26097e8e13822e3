//! Rows beside each other: the table with median, spread, aim, verdict and ratio to Linux, and the bars.

use super::words;
use crate::bench::{Row, Rows, System, judge};
use crate::plot::Axis;
use crate::plot::beside::{Bar, Beside, Group};
use crate::report::page::{Figure, Table};

/// A table of rows that all have the same kind of time.
pub(super) fn table(caption: &str, shown: &[&Row], rows: &Rows) -> Table {
    let units = words::distinct(shown.iter().map(|row| row.unit.as_str()));
    let systems: Vec<System> = System::ALL[1..]
        .iter()
        .copied()
        .filter(|system| shown.iter().any(|row| row.system == *system))
        .collect();
    let mut heads = vec!["row".to_owned(), "what".to_owned(), "system".to_owned()];
    heads.push("median".to_owned());
    if units.len() != 1 {
        heads.push("unit".to_owned());
    }
    heads.extend(["spread", "aim", "verdict"].map(str::to_owned));
    let caption = match units.as_slice() {
        [unit] if !caption.contains(unit.trim_end_matches('s')) => format!("{caption}, in {unit}"),
        _ => caption.to_owned(),
    };
    heads.extend(systems.iter().map(|system| format!("of {}", system.name())));
    let mut table = Table::new(caption, heads);
    let mut said = None;
    for row in shown {
        // What a row is about is said once for all its systems.
        let again = said.replace((&row.row, &row.what)) == Some((&row.row, &row.what));
        let what = if again { String::new() } else { row.what.clone() };
        let mut cells = vec![row.row.clone(), what, row.who(), words::median(row)];
        if units.len() != 1 {
            cells.push(row.unit.clone());
        }
        cells.extend([
            words::spread(row),
            words::aim(row),
            judge::verdict(row).word().to_owned(),
        ]);
        for system in &systems {
            let told = (row.system == System::Sundial)
                .then(|| judge::beside(rows, row, *system))
                .flatten();
            cells.push(told.map_or_else(String::new, |beside| words::ratio(beside.ratio)));
        }
        table.row(cells);
    }
    table.without_empty_columns()
}

/// What the last columns of [`table`] mean; to be said once above it.
pub(super) const ABOUT_TABLE: &str = "Spread is the distance between the quartiles of the samples. The last columns give Sundial's median divided by the best \
     median that the other system has for the same work, of all its ways to do it; n/a where that is zero.";

/// Bars of rows with one unit, grouped by what was measured. `None` when no row has a figure, or all of them are zero.
pub(super) fn figure(title: &str, caption: &str, shown: &[&Row]) -> Option<Figure> {
    shown
        .iter()
        .find_map(|row| row.figure().filter(|figure| *figure != 0.0))?;
    let unit = &shown.first()?.unit;
    let figures = || {
        shown
            .iter()
            .filter_map(|row| row.figure())
            .chain(shown.iter().filter_map(|row| words::aimed(row)))
    };
    let (least, most) = figures().fold((f64::INFINITY, 0.0_f64), |(least, most), value| {
        (value.min(least), value.max(most))
    });
    let logarithmic = least > 0.0 && most > 20.0 * least;
    let x = if logarithmic {
        Axis::logarithmic(format!("{unit} (logarithmic)"))
    } else {
        Axis::linear(unit)
    };
    let systems: Vec<System> = System::ALL
        .into_iter()
        .filter(|system| shown.iter().any(|row| row.system == *system))
        .collect();
    let bar = |row: &&Row| Bar {
        name: short(row),
        series: row.system as usize,
        value: row.figure(),
        text: words::median(row),
        aim: words::aimed(row),
    };
    let groups = words::distinct(shown.iter().map(|row| row.row.as_str()))
        .into_iter()
        .map(|name| {
            let of_name: Vec<&Row> = shown.iter().copied().filter(|row| row.row == name).collect();
            Group {
                name: format!("{name}  {}", of_name[0].what),
                bars: of_name.iter().map(bar).collect(),
            }
        });
    let beside = Beside {
        title: title.to_owned(),
        x,
        names: systems
            .iter()
            .map(|system| (system.name().to_owned(), *system as usize))
            .collect(),
        groups: groups.collect(),
    };
    Some(Figure::new(
        beside.svg(),
        caption,
        words::recipe(shown.iter().copied()),
    ))
}

/// Whose a bar is, in the room that there is before it.
fn short(row: &Row) -> String {
    let system = match row.system {
        System::LinuxShipped => "shipped",
        system => system.name(),
    };
    match &row.variant {
        Some(variant) => format!("{system}, {variant}"),
        None => system.to_owned(),
    }
}
