//! cargo-mutants, the field's tool: it lists what could be wrong in a crate, place by place, and tries it. One version of it, so that
//! two runs try the same; it is installed beside the copy of the tree that it works in, and nowhere else.

use super::super::scratch::Scratch;
use super::known::Verdict;
use crate::{cargo, progress};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The tool.
const PROGRAM: &str = "cargo-mutants";
/// The version whose mutants are meant.
const VERSION: &str = "27.1.0";

/// Less time than this is given to no test, however fast it is without a mutant: the host may be busy.
const LEAST_PATIENCE: Duration = Duration::from_secs(30);
/// How many times as long as without a mutant a test may take.
const PATIENCE: u32 = 5;

/// What kind of mistake a mutant is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) enum Genre {
    /// A body that only answers.
    FnValue,
    BinaryOperator,
    /// An operator before its operand that is gone.
    UnaryOperator,
    /// An arm that is gone.
    MatchArm,
    /// An arm that always matches, or never.
    MatchArmGuard,
    /// A field that is as in the structure behind `..`.
    StructField,
    /// One that we have not heard of.
    #[default]
    #[serde(other)]
    Other,
}

/// A place in a text; lines and columns (letters, not bytes) count from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl From<proc_macro2::LineColumn> for Place {
    fn from(place: proc_macro2::LineColumn) -> Place {
        Place {
            line: place.line,
            column: place.column + 1,
        }
    }
}

/// A mutant that the tool knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its name: file, line, column and what it does.
    pub(super) name: String,
    /// The file, from the root.
    pub(super) file: String,
    /// What it does.
    pub(super) mutant: String,
    /// The text of the line in which it begins.
    pub(super) line: String,
    /// Its kind.
    pub(super) genre: Genre,
    /// Where the text begins that it replaces.
    pub(super) start: Place,
    /// Where that text is over.
    pub(super) end: Place,
    /// What stands there instead.
    pub(super) replacement: String,
    /// What the function in which it is answers, with the arrow; empty when it answers nothing.
    pub(super) returns: String,
}

/// The tool, at work in a copy of the tree.
pub(super) struct Tool<'a> {
    scratch: &'a Scratch,
    program: PathBuf,
}

/// A mutant as the tool's lists have it.
#[derive(Deserialize)]
struct Entry {
    name: String,
    file: String,
    span: Span,
    genre: Genre,
    replacement: String,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    return_type: String,
}

#[derive(Deserialize)]
struct Span {
    start: Place,
    end: Place,
}

impl Tool<'_> {
    /// The tool in its version: as the user has it, or of our own, which is installed when it is not there.
    pub(super) fn find_or_install(scratch: &Scratch) -> Result<Tool<'_>> {
        let folder = scratch.file("tool");
        let own = folder.join("bin").join(PROGRAM);
        for program in [own.clone(), PROGRAM.into()] {
            if answers(&program) {
                return Ok(Tool { scratch, program });
            }
        }
        progress::say(format!(
            "cargo-mutants {VERSION} is not here: installing it into {}",
            folder.display()
        ));
        let mut command = cargo::command(&["install", PROGRAM, "--locked", "--version", VERSION, "--root"]);
        command
            .arg(&folder)
            .env("CARGO_TARGET_DIR", scratch.file("tool-build"));
        progress::step("installing cargo-mutants", &mut command)?;
        ensure!(answers(&own), "cargo-mutants was installed but does not start");
        Ok(Tool {
            scratch,
            program: own,
        })
    }

    /// The copy of the tree.
    pub(super) fn scratch(&self) -> &Scratch {
        self.scratch
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("mutants")
            .args(arguments)
            .arg("--dir")
            .arg(self.scratch.tree())
            .current_dir(self.scratch.tree())
            .env("CARGO_TARGET_DIR", self.scratch.target())
            .env("CARGO_INCREMENTAL", "1")
            .env("RUST_BACKTRACE", "0");
        command
    }

    /// All mutants of a package, in the order of their places.
    pub(super) fn list(&self, package: &str) -> Result<Vec<Listed>> {
        let mut command = self.command(&["--list", "--json", "--package", package]);
        let output = command.output().context("cannot start cargo-mutants")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "cargo-mutants lists nothing:\n{complaint}"
        );
        let entries: Vec<Entry> = serde_json::from_slice(&output.stdout)?;
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        let mut all = Vec::new();
        for entry in entries {
            if !texts.contains_key(&entry.file) {
                let text = fs::read_to_string(self.scratch.tree().join(&entry.file))?;
                texts.insert(entry.file.clone(), text);
            }
            let line = texts[&entry.file]
                .lines()
                .nth(entry.span.start.line.saturating_sub(1));
            let mutant = entry.name.splitn(4, ':').nth(3).unwrap_or_default();
            all.push(Listed {
                mutant: mutant.trim().to_owned(),
                line: line.unwrap_or_default().trim().to_owned(),
                name: entry.name,
                file: entry.file,
                genre: entry.genre,
                start: entry.span.start,
                end: entry.span.end,
                replacement: entry.replacement,
                returns: entry
                    .function
                    .map(|function| function.return_type)
                    .unwrap_or_default(),
            });
        }
        Ok(all)
    }

    /// How long a package's tests may take with a mutant; they are run without one, and must pass.
    pub(super) fn patience(&self, package: &str) -> Result<Duration> {
        let tests = |more: &[&str]| {
            let mut command = cargo::command(&["test", "--package", package]);
            command
                .args(more)
                .current_dir(self.scratch.tree())
                .env("CARGO_TARGET_DIR", self.scratch.target())
                .env("CARGO_INCREMENTAL", "1");
            progress::step(&format!("{package} without mutants"), &mut command)
        };
        tests(&["--no-run"])?;
        let began = Instant::now();
        tests(&[])?;
        Ok((began.elapsed() * PATIENCE).max(LEAST_PATIENCE))
    }

    /// Tries some mutants of the package `of` with the tests of `package`: a verdict on each.
    pub(super) fn try_all(
        &self,
        of: &str,
        mutants: &[Listed],
        package: &str,
        patience: Duration,
    ) -> Result<Vec<Verdict>> {
        let output = self.scratch.file("all");
        let _ = fs::remove_dir_all(output.join("mutants.out"));
        let mut command = self.command(&["--in-place", "--baseline=skip", "--no-shuffle", "--colors=never"]);
        command
            .args(["--package", of, "--test-package", package, "--output"])
            .arg(&output);
        command.arg("--timeout").arg(patience.as_secs().to_string());
        for mutant in mutants {
            command.args(["--file", &mutant.file, "--re", &exactly(&mutant.name)]);
        }
        // Its exit code tells of survivors and time-outs; what it wrote down tells which.
        let said = command
            .stdin(Stdio::null())
            .output()
            .context("cannot start cargo-mutants")?;
        let file = output.join("mutants.out/outcomes.json");
        let text = fs::read(&file).with_context(|| {
            format!(
                "cargo-mutants broke off: {}",
                String::from_utf8_lossy(&said.stderr)
            )
        })?;
        let verdicts = verdicts(&text, package)?;
        mutants
            .iter()
            .map(|mutant| {
                let verdict = verdicts.get(&mutant.name).cloned();
                verdict.with_context(|| format!("cargo-mutants did not try {}", mutant.name))
            })
            .collect()
    }
}

/// Whether a program is the tool in its version.
fn answers(program: &Path) -> bool {
    let output = Command::new(program).args(["mutants", "--version"]).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(VERSION))
}

/// An expression that fits this text alone.
fn exactly(text: &str) -> String {
    let mut expression = "^".to_owned();
    for letter in text.chars() {
        // Only these: other letters mean something else behind a stroke, as `>` does.
        if r"\.+*?()|[]{}^$".contains(letter) {
            expression.push('\\');
        }
        expression.push(letter);
    }
    expression + "$"
}

/// The verdicts in the tool's `outcomes.json`, by the mutants' names.
fn verdicts(text: &[u8], package: &str) -> Result<BTreeMap<String, Verdict>> {
    #[derive(Deserialize)]
    struct Outcomes {
        outcomes: Vec<Tried>,
    }
    #[derive(Deserialize)]
    struct Tried {
        scenario: Scenario,
        summary: String,
    }
    #[derive(Deserialize)]
    enum Scenario {
        Baseline,
        Mutant(Named),
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let outcomes: Outcomes = serde_json::from_slice(text)?;
    let mut found = BTreeMap::new();
    for tried in outcomes.outcomes {
        let Scenario::Mutant(mutant) = tried.scenario else {
            continue;
        };
        let verdict = match tried.summary.as_str() {
            "CaughtMutant" => Verdict::Caught(package.to_owned()),
            "Timeout" => Verdict::OutOfTime(package.to_owned()),
            "Unviable" => Verdict::NotBuilt,
            "MissedMutant" => Verdict::Survived,
            other => anyhow::bail!("cargo-mutants says {other} of {}", mutant.name),
        };
        found.insert(mutant.name, verdict);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_asked_for_as_it_is() {
        assert_eq!(
            exactly("src/a.rs:3:1: replace a -> b<c> with (*d)"),
            r"^src/a\.rs:3:1: replace a -> b<c> with \(\*d\)$"
        );
    }

    #[test]
    fn the_tools_words_become_verdicts() {
        let one = |name: &str, summary: &str| {
            format!(
                r#"{{"scenario": {{"Mutant": {{"name": "{name}", "file": "a.rs", "span": {{"start": {{"line": 1, "column": 1}}}}}}}}, "summary": "{summary}"}}"#
            )
        };
        let all = [
            r#"{"scenario": "Baseline", "summary": "Success"}"#.to_owned(),
            one("a", "CaughtMutant"),
            one("b", "MissedMutant"),
            one("c", "Timeout"),
            one("d", "Unviable"),
        ];
        let text = format!(r#"{{"outcomes": [{}]}}"#, all.join(", "));
        let found = verdicts(text.as_bytes(), "caps").unwrap();
        let expected = [
            ("a", Verdict::Caught("caps".to_owned())),
            ("b", Verdict::Survived),
            ("c", Verdict::OutOfTime("caps".to_owned())),
            ("d", Verdict::NotBuilt),
        ];
        assert!(expected.iter().all(|(name, verdict)| found[*name] == *verdict) && found.len() == 4);
        assert!(verdicts(text.replace("Timeout", "Failure").as_bytes(), "caps").is_err());
    }
}
