//! Boots the bench program and reads what it prints. The form of its lines is described in user/bench/src/plan.rs.

use super::Bench;
use crate::qemu::{Ending, Guest, Machine};
use crate::{build, workspace};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::time::Duration;

/// A boot that takes longer than this hangs, however loaded the host is.
pub(super) const PATIENCE: Duration = Duration::from_secs(900);

/// What one row printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Readings {
    /// Operations and ticks of each round.
    pub(super) samples: Vec<(u64, u64)>,
    facts: BTreeMap<String, Vec<u64>>,
}

impl Readings {
    /// Ticks per operation of each round.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    pub(super) fn per_operation(&self) -> Vec<f64> {
        let each = self.samples.iter();
        each.map(|(operations, ticks)| *ticks as f64 / *operations as f64)
            .collect()
    }

    /// A counter or check that was printed once.
    pub(super) fn fact(&self, name: &str) -> Result<u64> {
        self.facts(name)
            .last()
            .copied()
            .with_context(|| format!("the program did not print `{name}`"))
    }

    /// Every value of a counter, in order.
    pub(super) fn facts(&self, name: &str) -> &[u64] {
        self.facts.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether the program's own check of its work passed: it prints how much of it was wrong.
    pub(super) fn verified(&self) -> bool {
        let wrong = self.facts("wrong");
        !wrong.is_empty() && wrong.iter().all(|count| *count == 0)
    }
}

/// A finished boot.
#[derive(Debug)]
pub(super) struct Booted {
    readings: BTreeMap<String, Readings>,
    /// From the start of QEMU to the program's first line.
    pub(super) first_line: Duration,
}

impl Booted {
    /// What a row printed.
    pub(super) fn row(&self, name: &str) -> Result<&Readings> {
        self.readings
            .get(name)
            .with_context(|| format!("the program printed nothing about {name}"))
    }
}

impl Bench {
    /// A manifest that has the bench program measure these rows.
    pub(super) fn manifest_for(&self, name: &str, rows: &[&str], rounds: u32) -> Result<PathBuf> {
        let window: u64 = if self.quick { 200_000_000 } else { 1_000_000_000 };
        let folder = workspace::run_folder().join("bench");
        std::fs::create_dir_all(&folder)?;
        let description = folder.join(name).with_extension("toml");
        std::fs::write(&description, text(rows, rounds, window))?;
        build::manifest::build(&description, std::slice::from_ref(&self.programs))
    }
}

/// The manifest as text: the program as first process, with everything any row needs.
fn text(rows: &[&str], rounds: u32, window: u64) -> String {
    let binaries = ["bench", "bench-nothing", "bench-padded"];
    let sources = [
        "console",
        "boot_package",
        "timer",
        "monitor",
        "process_spawner",
        "virtual_memory",
        "thread_spawner",
        "thread_control",
        "park_space",
    ];
    let binaries: String = binaries.map(|name| format!("{name} = \"{name}\"\n")).concat();
    let caps: String = sources
        .map(|source| format!("    {{ source = \"{source}\" }},\n"))
        .concat();
    format!(
        "[binaries]\n{binaries}\n[init]\nbinary = \"bench\"\ncaps = [\n{caps}]\n\n\
         [config]\nrows = {rows:?}\nrounds = {rounds}\nwindow = {window}\n"
    )
}

/// Boots a machine whose first process is the bench program, to its end.
pub(super) fn boot(machine: &Machine) -> Result<Booted> {
    let mut guest = Guest::start(machine)?;
    let console = guest.take_console().context("the console is not on a pipe")?;
    let reader = std::thread::spawn(move || {
        let began = std::time::Instant::now();
        let mut first_line = None;
        let mut lines = Vec::new();
        for line in BufReader::new(console).lines().map_while(Result::ok) {
            if line.starts_with('@') {
                first_line.get_or_insert_with(|| began.elapsed());
            }
            lines.push(line);
        }
        (first_line.unwrap_or_default(), lines)
    });
    let ending = guest.wait(Some(PATIENCE))?;
    let Ok((first_line, lines)) = reader.join() else {
        bail!("the console could not be read")
    };
    let errors: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("@error "))
        .collect();
    if ending != (Ending::Exited { code: 0 }) || !errors.is_empty() {
        let tail: Vec<&str> = lines.iter().rev().take(20).rev().map(String::as_str).collect();
        bail!("{ending}; the console's last lines:\n{}", tail.join("\n"));
    }
    Ok(Booted {
        readings: read(&lines)?,
        first_line,
    })
}

fn read(lines: &[String]) -> Result<BTreeMap<String, Readings>> {
    let mut found: BTreeMap<String, Readings> = BTreeMap::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["@sample", row, operations, ticks] => {
                let (operations, ticks) = (operations.parse()?, ticks.parse()?);
                ensure!(operations > 0, "a round without operations: {line}");
                found
                    .entry(row.to_owned())
                    .or_default()
                    .samples
                    .push((operations, ticks));
            }
            ["@fact", row, name, value] => {
                let facts = &mut found.entry(row.to_owned()).or_default().facts;
                facts.entry(name.to_owned()).or_default().push(value.parse()?);
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_readings_and_everything_else_is_passed_over() {
        let lines = [
            "Sundial 0.1.0",
            "@begin",
            "@sample call 10 700",
            "@sample call 10 720",
            "@fact call wrong 0",
        ];
        let found = read(&lines.map(str::to_owned)).unwrap();
        let call = &found["call"];
        assert_eq!(call.per_operation(), [70.0, 72.0]);
        assert_eq!((call.fact("wrong").unwrap(), call.verified()), (0, true));
        assert!(call.fact("other").is_err());
    }

    #[test]
    fn a_row_that_checked_nothing_is_not_verified() {
        assert!(!Readings::default().verified());
    }

    #[test]
    fn the_manifest_asks_for_what_was_asked_for() {
        let text = text(&["call", "park"], 3, 7);
        for part in [
            "rows = [\"call\", \"park\"]",
            "rounds = 3",
            "window = 7",
            "bench-padded = \"bench-padded\"",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
}
