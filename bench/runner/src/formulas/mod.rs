//! From what a boot printed to the figures of a row: costs, ticks and boots here, calls with CPU time in [`calls`], budgets in
//! [`throttle`], wake-ups in [`latency`], workers in [`speed_up`], shares in [`fairness`]. All are functions of the text alone.

pub(super) mod calls;
pub(super) mod fairness;
pub(super) mod latency;
pub(super) mod speed_up;
pub(super) mod throttle;

use super::boot::Booted;
use super::measured::Figures;
use super::readings::Readings;
use anyhow::{Result, ensure};

/// Operations: their ticks, each.
pub(super) fn per_operation(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    let samples = row.per_operation();
    ensure!(!samples.is_empty(), "the program printed no round of {name}");
    Ok(Figures {
        refuted: !row.verified(),
        warm_up: 1,
        ..Figures::of(samples)
    })
}

/// Yields: each of this thread must have been answered by one of the other, or there were not two switches.
pub(super) fn yields(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    let (own, switches) = (row.fact("own-yields")?, row.fact("switches")?);
    let mut figures = per_operation(booted, name)?.with("switches", switches);
    // The count is the check. One yield in a hundred may come back at once: the one of two threads that works a few
    // instructions longer in each turn gets ahead, and is left out once in a while.
    figures.refuted = row.refuted() || 100 * switches < 99 * 2 * own;
    Ok(figures)
}

/// Timer interrupts in a second of the row's window, less those that the program asked for. A tick is a nanosecond.
pub(super) fn interrupts(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    let (all, asked_for) = (row.fact("interrupts")?, row.fact("asked-for").unwrap_or(0));
    let rate = number(all.saturating_sub(asked_for)) * 1e9 / number(row.fact("window")?);
    let figures = Figures::of(vec![rate])
        .with("interrupts", all)
        .with("asked_for", asked_for);
    Ok(checked(figures, row))
}

/// What two hogs got less than one alone, per interrupt that ended a slice; where the system does not count slices,
/// per timer interrupt.
pub(super) fn interrupt_cost(booted: &Booted, name: &str) -> Result<Figures> {
    let row = booted.printed.row(name)?;
    let fact = |name| row.fact(name).map(number);
    let (alone, own, other) = (fact("pieces-alone")?, fact("pieces-own")?, fact("pieces-other")?);
    let interrupts = fact("slices").or_else(|_| fact("interrupts"))?;
    let lost = alone - own - other;
    let mut figures = Figures::of(vec![lost * fact("window")? / alone / interrupts]);
    for name in ["slices", "switches", "interrupts", "pieces-own", "pieces-other"] {
        if let Ok(value) = row.fact(name) {
            figures = figures.with(name, value);
        }
    }
    // Without interrupts there is nothing to divide by, two cannot do more than one, and hogs of equal weight get equal
    // shares.
    let plausible = interrupts > 0.0 && lost > 0.0 && (own - other).abs() <= 0.05 * (own + other);
    figures.refuted = !plausible;
    Ok(checked(figures, row))
}

/// Power-on to the program's first instruction.
pub(super) fn power_on(booted: &Booted, name: &str) -> Result<Figures> {
    let ticks = booted.printed.row(name)?.fact("ticks")?;
    Ok(Figures::of(vec![number(ticks)]))
}

/// The kernel's own part of it, by its own clock.
pub(super) fn kernel_boot(booted: &Booted, name: &str) -> Result<Figures> {
    let nanoseconds = booted.printed.row(name)?.fact("boot-ns")?;
    Ok(Figures::of(vec![number(nanoseconds)]))
}

/// The same in milliseconds.
pub(super) fn kernel_boot_ms(booted: &Booted, name: &str) -> Result<Figures> {
    let nanoseconds = booted.printed.row(name)?.fact("boot-ns")?;
    Ok(Figures::of(vec![number(nanoseconds) / 1e6]))
}

/// From the start of QEMU to the program's first line, in milliseconds.
pub(super) fn first_line(booted: &Booted, _: &str) -> Result<Figures> {
    Ok(Figures::of(vec![booted.first_line.as_secs_f64() * 1e3]))
}

/// What a page of image adds to a process.
pub(super) fn image_page(booted: &Booted, name: &str) -> Result<Figures> {
    let (small, padded) = (booted.printed.row(name)?, booted.printed.row("process-padded")?);
    let pages = number(padded.fact("pages")?);
    let pairs = padded.per_operation().into_iter().zip(small.per_operation());
    let samples = pairs.map(|(more, less)| (more - less) / pages).collect();
    let figures = Figures {
        warm_up: 1,
        ..Figures::of(samples)
    };
    Ok(checked(figures, padded))
}

/// Refutes figures when the program found something wrong.
fn checked(mut figures: Figures, row: &Readings) -> Figures {
    figures.refuted |= row.refuted();
    figures
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

/// A boot that printed these lines.
#[cfg(test)]
fn booted(text: &str) -> Booted {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    Booted {
        printed: super::readings::Printed::from_lines(&lines).unwrap(),
        first_line: std::time::Duration::from_millis(250),
    }
}

#[cfg(test)]
mod tests;
