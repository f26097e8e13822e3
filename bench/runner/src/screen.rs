//! The tables that a person reads: Sundial's figures with their aims, and Linux' beside them. Counted instructions, wall
//! time and what was measured on the host stand in tables of their own.

use super::measured::Measured;
use super::recipe::Recipe;
use super::system::System;
use super::table::{Aim, ROWS};
use lab::statistics;

/// Prints all tables.
pub(super) fn print(measured: &[Measured], recipe: &Recipe) {
    println!(
        "Sundial {} on QEMU {} ({}), load {}{}",
        recipe.commit,
        recipe.qemu,
        recipe.host,
        recipe.load,
        if recipe.quick { "; a quick run" } else { "" }
    );
    println!("{}", recipe.toolchain);
    for (system, package) in &recipe.linux {
        println!("{system}: {package}");
    }
    for accelerator in ["icount", "callgrind", "tcg-multi", "kvm", "host"] {
        let rows: Vec<&Measured> = measured
            .iter()
            .filter(|row| row.accelerator == accelerator)
            .collect();
        if rows.is_empty() {
            continue;
        }
        println!("\n{}", title(accelerator));
        for line in table(&rows) {
            println!("{line}");
        }
    }
    let count = |verdict| measured.iter().filter(|row| row.met() == Some(verdict)).count();
    println!("\naims: {} met, {} missed", count(true), count(false));
}

fn title(accelerator: &str) -> String {
    match accelerator {
        "icount" => {
            "Counted: -icount shift=0, -cpu Nehalem, one CPU, the program's own loop included".to_owned()
        }
        "callgrind" => "Counted on the host, by callgrind".to_owned(),
        "host" => "Wall time on the host: nanoseconds".to_owned(),
        wall => {
            format!("Wall time: {wall}, two CPUs, boots in turns; the median, ~ the range of its middle half")
        }
    }
}

/// The lines of one table, its heading first. Systems without a figure in it get no column.
fn table(rows: &[&Measured]) -> Vec<String> {
    let systems: Vec<System> = System::ALL
        .into_iter()
        .filter(|system| rows.iter().any(|row| row.system == *system))
        .collect();
    let mut heading = format!("{:14}{:41}", "row", "what");
    for system in &systems {
        heading += &format!("{system:>16}");
    }
    heading += &format!("  {:13}{:>13}", "unit", "aim");
    let mut lines = vec![heading.trim_end().to_owned()];
    for row in ROWS {
        let mut variants: Vec<Option<&str>> = rows
            .iter()
            .filter(|measured| measured.row.id == row.id)
            .map(|measured| measured.variant)
            .collect();
        variants.sort_unstable();
        variants.dedup();
        for variant in variants {
            let of_line: Vec<&Measured> = rows
                .iter()
                .copied()
                .filter(|measured| measured.line() == (row.id, variant))
                .collect();
            lines.push(line(&of_line, &systems));
        }
    }
    lines
}

/// One way to do a row, on every system. There is at least one.
fn line(rows: &[&Measured], systems: &[System]) -> String {
    let first = rows[0];
    let what = match first.variant {
        None => first.row.what.to_owned(),
        Some(variant) => format!("  by {variant}"),
    };
    let mut line = format!("{:14}{what:41}", first.row.id);
    for system in systems {
        let cell = rows.iter().find(|row| row.system == *system);
        line += &format!("{:>16}", cell.map_or_else(String::new, |row| figures(row)));
    }
    let ours = rows.iter().find(|row| row.system == System::Sundial);
    let (aim, verdict) = ours.map_or((String::new(), ""), |row| (aim(row.aim), verdict(row)));
    line += &format!("  {:13}{aim:>13}  {verdict}", first.unit);
    line.trim_end().to_owned()
}

/// The median, and the spread where it is one that shows.
fn figures(row: &Measured) -> String {
    let (Some(median), Some(spread)) = (row.median(), row.spread()) else {
        return "VOID".to_owned();
    };
    if spread > median.abs() / 200.0 {
        format!("{} ~{}", figure(median), figure(spread))
    } else {
        figure(median)
    }
}

fn aim(aim: Aim) -> String {
    match aim {
        Aim::None => String::new(),
        Aim::AtMost(most) => format!("<= {}", figure(most)),
        Aim::AtLeast(least) => format!(">= {}", figure(least)),
    }
}

fn verdict(row: &Measured) -> &'static str {
    match row.met() {
        _ if row.void() => "CHECK FAILED",
        None => "",
        Some(true) => "met",
        Some(false) => "missed",
    }
}

/// A number as people read it: thousands apart, small ones with their fraction.
pub(super) fn figure(value: f64) -> String {
    if value.is_nan() {
        return "?".to_owned();
    }
    if value.abs() < 10.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if value <= -0.5 {
        format!("-{grouped}")
    } else {
        grouped
    }
}

/// The rows whose own check failed, each in a sentence with what was seen.
pub(super) fn voids(measured: &[Measured]) -> Vec<String> {
    let void = measured.iter().filter(|row| row.void());
    void.map(|row| {
        let variant = row.variant.map_or_else(String::new, |variant| format!(" ({variant})"));
        let seen = figure(statistics::median(&row.figures.samples));
        format!(
            "{}{variant} on {} is void: its own check failed (samples around {seen} are kept, and count for nothing)",
            row.row.id, row.system
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::boot::Clock;
    use super::super::measured::Figures;
    use super::*;

    fn row(id: &str, system: System, samples: &[f64]) -> Measured {
        Measured::new(id, system, Clock::Instructions, Figures::of(samples.to_vec()))
    }

    #[test]
    fn figures_are_grouped_and_small_ones_keep_their_fraction() {
        assert_eq!(figure(1_234_567.4), "1,234,567");
        assert_eq!(
            (figure(330.0), figure(0.0), figure(1.954)),
            ("330".into(), "0".into(), "1.95".into())
        );
        assert_eq!(
            (figure(-1_500.0), figure(f64::NAN)),
            ("-1,500".into(), "?".into())
        );
    }

    #[test]
    fn linux_stands_beside_sundial_and_each_way_has_its_line() {
        let ours = row("N3", System::Sundial, &[800.0]);
        let mut theirs = row("N3", System::Linux, &[10_865.0]);
        theirs.variant = Some("pipe");
        let lines = table(&[&theirs, &ours]);
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains("sundial           linux"), "{}", lines[0]);
        assert!(
            lines[1].contains(" 800 ") && lines[1].ends_with("<= 700  missed"),
            "{}",
            lines[1]
        );
        assert!(
            lines[2].contains("by pipe") && lines[2].contains("10,865"),
            "{}",
            lines[2]
        );
    }

    #[test]
    fn a_void_row_shows_no_figure() {
        let mut void = row("N1", System::Sundial, &[331.0]);
        void.figures.refuted = true;
        let lines = table(&[&void]);
        assert!(
            lines[1].contains("VOID") && lines[1].ends_with("CHECK FAILED"),
            "{}",
            lines[1]
        );
        assert!(!lines[1].contains("331"));
        assert_eq!(voids(&[void]).len(), 1);
    }

    #[test]
    fn a_spread_that_shows_stands_with_its_median() {
        assert_eq!(
            figures(&row("N1", System::Sundial, &[100.0, 104.0, 108.0])),
            "104 ~4"
        );
        assert_eq!(
            figures(&row("N1", System::Sundial, &[1000.0, 1001.0, 1002.0])),
            "1,001"
        );
    }
}
