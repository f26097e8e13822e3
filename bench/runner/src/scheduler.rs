//! What picking and queueing a thread costs in the scheduler core as the queue grows: bench/scheduler on the host. With
//! valgrind here, instructions are counted (by its callgrind tool, as the difference of a run with turns and one
//! without); else it is wall time, and the row says so.

use super::measured::{Figures, Measured};
use super::{Bench, Findings};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};
use xtask::cargo;
use xtask::progress;
use xtask::workspace;

/// Rows and their numbers of runnable threads.
const SIZES: [(&str, u32); 4] = [("S10", 10), ("S100", 100), ("S1000", 1_000), ("S10000", 10_000)];

/// Turns that are counted.
const TURNS: u32 = 20_000;

/// Measures all sizes and their growth, and hands back those that are wanted.
pub(super) fn measure(bench: &Bench) -> Findings {
    let mut findings = Findings::default();
    if !["S", "S10", "S100", "S1000", "S10000"]
        .iter()
        .any(|id| bench.wants(id))
    {
        return findings;
    }
    match all() {
        Ok(rows) => findings
            .rows
            .extend(rows.into_iter().filter(|row| bench.wants(row.row.id))),
        Err(error) => findings.fail(format!("the scheduler core: {error:#}")),
    }
    findings
}

fn all() -> Result<Vec<Measured>> {
    let program = build()?;
    let counts = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok();
    if !counts {
        progress::say(
            "no valgrind here: the scheduler's rows are nanoseconds of wall time, not instructions",
        );
    }
    let (accelerator, machine) = if counts {
        ("callgrind", "host, release, callgrind")
    } else {
        ("host", "host, release, wall time in ns")
    };
    let mut measured = Vec::new();
    for (id, runnable) in SIZES {
        let figure = if counts {
            (instructions(&program, runnable, TURNS)? - instructions(&program, runnable, 0)?)
                / f64::from(TURNS)
        } else {
            nanoseconds(&program, runnable)?
        };
        let figures = Figures::of(vec![figure]).with("turns", TURNS);
        measured.push(Measured::on_the_host(id, accelerator, machine, figures));
    }
    let of_size = |index: usize| measured[index].median().context("no figure");
    let (smallest, largest) = (of_size(0)?, of_size(SIZES.len() - 1)?);
    let of_log = (f64::from(SIZES[SIZES.len() - 1].1).ln()) / f64::from(SIZES[0].1).ln();
    let growth = Figures::of(vec![largest / smallest / of_log])
        .with("cost_grows", largest / smallest)
        .with("log_n_grows", of_log);
    measured.push(Measured::on_the_host("S", accelerator, machine, growth));
    Ok(measured)
}

fn build() -> Result<std::path::PathBuf> {
    let mut command = cargo::command(&["build", "--release", "--package", "scheduler-cost"]);
    progress::step("building the scheduler's bench", &mut command)?;
    Ok(workspace::target().join("release/scheduler-cost"))
}

/// Instructions of a whole run.
fn instructions(program: &Path, runnable: u32, turns: u32) -> Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([runnable.to_string(), turns.to_string()])
        .output()
        .context("cannot start valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "valgrind: {text}");
    collected(&text).with_context(|| format!("valgrind counted nothing:\n{text}"))
}

/// The count in callgrind's closing words.
fn collected(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}

/// Wall time per turn: the best of five runs.
fn nanoseconds(program: &Path, runnable: u32) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let output = Command::new(program)
            .args([runnable.to_string(), TURNS.to_string()])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let first = text.split_whitespace().next().and_then(|word| word.parse().ok());
        best = best.min(first.with_context(|| format!("scheduler-cost printed {text:?}"))?);
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_callgrinds_closing_words() {
        let text = "==1== Events    : Ir\n==1== Collected : 6877037\n==1==";
        assert_eq!(collected(text), Some(6_877_037.0));
        assert_eq!(collected("==1== nothing"), None);
    }
}
