//! Rows that the bench program measures in instructions, all in one boot.

use super::Bench;
use super::guest::{self, Booted, Readings};
use super::rows::{Aim, Measured};
use anyhow::Result;

/// What the figures of this file were taken on.
pub(super) const MACHINE: &str = "TCG, -icount shift=0,sleep=off, -cpu Nehalem, -smp 1, 256 MiB";

/// Rows that are ticks per operation and nothing else: the table's id and the program's name.
const PLAIN: [(&str, &str); 8] = [
    ("N1", "null-entry"),
    ("N2", "nop-batch"),
    ("N3", "call"),
    ("N5", "park"),
    ("N5b", "park-apart"),
    ("N6", "yield"),
    ("N13", "thread"),
    ("N14", "process"),
];

/// Rows that need more than a division, with the program's names that they need.
const OTHERS: [(&str, &[&str]); 6] = [
    ("N7a", &["tick-idle"]),
    ("N7b", &["tick-alone"]),
    ("N7c", &["tick-shared"]),
    ("N12a", &["boot"]),
    ("N12b", &["boot"]),
    ("N14b", &["process", "process-padded"]),
];

/// Measures those that are wanted.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Measured>> {
    let plain = PLAIN.iter().map(|(id, name)| (*id, std::slice::from_ref(name)));
    let mut names: Vec<&str> = Vec::new();
    for (id, needed) in plain.chain(OTHERS) {
        if bench.wants_any(&[id]) {
            names.extend(needed);
        }
    }
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let rounds = if bench.quick { 3 } else { 11 };
    let manifest = bench.manifest_for("costs", &names, rounds)?;
    let booted = guest::boot(&bench.counting_machine(manifest))?;

    let mut measured = Vec::new();
    for (id, name) in PLAIN {
        if names.contains(&name) && bench.wants_any(&[id]) {
            measured.push(per_operation(id, booted.row(name)?));
        }
    }
    if let Some(yielding) = measured.iter_mut().find(|row| row.row.id == "N6") {
        let row = booted.row("yield")?;
        let (own, switches) = (row.fact("own-yields")?, row.fact("switches")?);
        // Each yield of this thread must have been answered by one of the other: two switches.
        yielding.verified = switches >= 2 * own;
        yielding.details.insert("switches".into(), switches.into());
    }
    for (id, _) in OTHERS.iter().filter(|(id, _)| bench.wants_any(&[id])) {
        measured.push(other(id, &booted)?);
    }
    share_the_image_copy(bench, &mut measured);
    Ok(measured)
}

fn per_operation(id: &str, readings: &Readings) -> Measured {
    let row = Measured::new(id, readings.per_operation(), MACHINE);
    Measured {
        verified: readings.verified(),
        warm_up: 1,
        ..row
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn other(id: &str, booted: &Booted) -> Result<Measured> {
    let one = |figure: f64| Measured::new(id, vec![figure], MACHINE);
    Ok(match id {
        "N7a" => {
            let row = booted.row("tick-idle")?;
            let (all, asked_for) = (row.fact("interrupts")?, row.fact("asked-for")?);
            one(per_second(row, all.saturating_sub(asked_for))?)
                .with("interrupts", all)
                .with("asked_for", asked_for)
        }
        "N7b" => {
            let row = booted.row("tick-alone")?;
            one(per_second(row, row.fact("interrupts")?)?)
        }
        "N7c" => slice_interrupt(booted)?,
        "N12a" => one(booted.row("boot")?.fact("ticks")? as f64),
        "N12b" => one(booted.row("boot")?.fact("boot-ns")? as f64),
        "N14b" => {
            let (small, padded) = (booted.row("process")?, booted.row("process-padded")?);
            let pages = padded.fact("pages")? as f64;
            let pairs = padded.per_operation().into_iter().zip(small.per_operation());
            let row = Measured::new(
                id,
                pairs.map(|(more, less)| (more - less) / pages).collect(),
                MACHINE,
            );
            Measured { warm_up: 1, ..row }
        }
        _ => anyhow::bail!("{id} has no formula"),
    })
}

/// A count within the row's window, as a rate: a tick is a nanosecond.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn per_second(row: &Readings, count: u64) -> Result<f64> {
    Ok(count as f64 * 1e9 / row.fact("window")? as f64)
}

/// What the two hogs got less than one alone, per interrupt that ended a slice.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn slice_interrupt(booted: &Booted) -> Result<Measured> {
    let row = booted.row("tick-shared")?;
    let fact = |name| row.fact(name).map(|value| value as f64);
    let window = fact("window")?;
    let lost = fact("pieces-alone")? - fact("pieces-own")? - fact("pieces-other")?;
    let figure = lost * window / fact("pieces-alone")? / fact("slices")?;
    let mut measured = Measured::new("N7c", vec![figure], MACHINE);
    for name in ["slices", "switches", "interrupts", "pieces-own", "pieces-other"] {
        measured = measured.with(name, row.fact(name)?);
    }
    // Without slices there is nothing to divide by, two cannot do more than one, and hogs of equal weight get equal
    // shares.
    let (own, other) = (fact("pieces-own")?, fact("pieces-other")?);
    measured.verified = row.fact("slices")? > 0 && lost > 0.0 && (own - other).abs() <= 0.05 * (own + other);
    Ok(measured)
}

/// N14 is aimed at without the copy of the image: the aim of this run is the aim and the copy.
#[expect(clippy::cast_precision_loss, reason = "an image has few pages")]
fn share_the_image_copy(bench: &Bench, measured: &mut [Measured]) {
    let page = measured
        .iter()
        .find(|row| row.row.id == "N14b")
        .map(Measured::median);
    let bytes = std::fs::metadata(bench.programs.join("bench-nothing")).map_or(0, |data| data.len());
    let Some(row) = measured.iter_mut().find(|row| row.row.id == "N14") else {
        return;
    };
    if let (Some(page), Aim::AtMost(most)) = (page, row.aim) {
        let pages = bytes.div_ceil(4096);
        row.aim = Aim::AtMost(most + (page * pages as f64).round());
        row.details.insert("image_pages".into(), pages.into());
    }
}
