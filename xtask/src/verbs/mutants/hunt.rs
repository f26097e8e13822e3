//! What should notice a mutant, and running it: some tests of one package, which includes the models, a campaign of random
//! scenarios on the simulated machine, or tests that boot the kernel with the mutant in it.

use super::scratch::Scratch;
use crate::build::Built;
use crate::cargo;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A hunt that takes longer has not found anything.
const LIMIT: Duration = Duration::from_secs(120);
/// The same for tests that boot; a kernel that hangs keeps its test waiting for three minutes.
const BOOT_LIMIT: Duration = Duration::from_secs(300);
/// A build that takes longer hangs; the first one builds everything.
const BUILD_LIMIT: Duration = Duration::from_secs(3_600);

/// A hunt, as a mutant's file names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum Hunt {
    /// Tests of a package, built and run as `cargo test` does.
    Test {
        /// The package.
        test: String,
        /// A file in its `tests/`, without the ending; none for the tests beside the code.
        target: Option<String>,
        /// A part of the names of the tests.
        filter: String,
    },
    /// `sundial sim campaign` with seeds from 0.
    Campaign {
        /// How many.
        campaign: u64,
    },
    /// Tests that boot a kernel, checks on, which was built from the copy.
    Boot {
        /// A file in `tests/tests`, without the ending.
        boot: String,
        /// A part of the names of the tests.
        filter: String,
    },
}

/// The package of the tests that boot.
const BOOT_TESTS: &str = "sundial-tests";

impl fmt::Display for Hunt {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hunt::Test { test, target, filter } => {
                let place = target
                    .as_ref()
                    .map_or("--lib".to_owned(), |target| format!("--test {target}"));
                write!(to, "cargo test -p {test} {place} {filter}")
            }
            Hunt::Campaign { campaign } => write!(to, "./x sim campaign --seeds {campaign}"),
            Hunt::Boot { filter, .. } => write!(to, "./x test boot --filter {filter}"),
        }
    }
}

/// How a hunt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It found something.
    Caught {
        /// The tests that failed, or the rules that were broken and how many seeds saw it.
        by: Vec<String>,
    },
    /// It found nothing.
    Survived,
    /// It ran into [`LIMIT`].
    OutOfTime,
    /// What it was to try does not compile.
    NotBuilt {
        /// The compiler's words.
        errors: String,
    },
}

/// A hunt that is over.
#[derive(Clone, Debug)]
pub(super) struct Hunted {
    /// How it ended.
    pub(super) ending: Ending,
    /// What building took.
    pub(super) built: Duration,
    /// What the hunt itself took.
    pub(super) took: Duration,
}

/// Performs hunts in a copy of the tree.
pub(super) struct Hunter {
    scratch: Scratch,
}

/// What a command left behind: its status, unless it ran out of time, and what it said.
struct Ended {
    status: Option<ExitStatus>,
    output: String,
    errors: String,
}

impl Hunter {
    pub(super) fn new(scratch: Scratch) -> Hunter {
        Hunter { scratch }
    }

    pub(super) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Builds what is in the copy now, and hunts.
    pub(super) fn hunt(&self, hunt: &Hunt) -> Result<Hunted> {
        let began = Instant::now();
        let build = self.observe(&mut self.build(hunt), BUILD_LIMIT)?;
        let built = began.elapsed();
        let over = |ending, took| Ok(Hunted { ending, built, took });
        if !build.status.is_some_and(|status| status.success()) {
            return over(Ending::NotBuilt { errors: build.errors }, Duration::ZERO);
        }
        let (mut command, limit) = match hunt {
            Hunt::Boot { .. } => match self.boot_command(hunt, &build.errors)? {
                Ok(command) => (command, BOOT_LIMIT),
                Err(errors) => return over(Ending::NotBuilt { errors }, Duration::ZERO),
            },
            _ => (self.command(hunt, &build.errors)?, LIMIT),
        };
        let began = Instant::now();
        let ended = self.observe(&mut command, limit)?;
        let ending = match (hunt, ended.status) {
            (_, None) => Ending::OutOfTime,
            (Hunt::Test { .. } | Hunt::Boot { .. }, Some(status)) => {
                judge_tests(&ended.output, &ended.errors, status.success())?
            }
            (Hunt::Campaign { .. }, Some(_)) => judge_campaign(&ended.output)
                .with_context(|| format!("the campaign broke off:\n{}", ended.errors))?,
        };
        over(ending, began.elapsed())
    }

    fn build(&self, hunt: &Hunt) -> Command {
        let mut command = cargo::command(&[]);
        match hunt {
            Hunt::Test { test, target, .. } => {
                command.args(["test", "--no-run", "--package", test]);
                match target {
                    Some(target) => command.args(["--test", target]),
                    None => command.arg("--lib"),
                };
            }
            Hunt::Campaign { .. } => {
                command.args(["build", "--package", "sundial"]);
            }
            Hunt::Boot { boot, .. } => {
                command.args(["test", "--no-run", "--package", BOOT_TESTS, "--test", boot]);
            }
        }
        command
            .current_dir(self.scratch.tree())
            .env("CARGO_TARGET_DIR", self.scratch.target())
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_TERM_COLOR", "never");
        command
    }

    /// What runs what was built; `words` are cargo's.
    fn command(&self, hunt: &Hunt, words: &str) -> Result<Command> {
        let mut command = match hunt {
            Hunt::Test { filter, .. } | Hunt::Boot { filter, .. } => {
                let program =
                    executable(words).with_context(|| format!("cargo names no program:\n{words}"))?;
                let mut command = Command::new(self.scratch.tree().join(program));
                command.arg(filter);
                command
            }
            Hunt::Campaign { campaign } => {
                let mut command = Command::new(self.scratch.target().join("debug").join("sundial"));
                let seeds = campaign.to_string();
                command.args(["sim", "campaign", "--shrink", "0", "--json", "--seeds", &seeds]);
                command
            }
        };
        command
            .current_dir(self.scratch.tree())
            .env("RUST_BACKTRACE", "0");
        Ok(command)
    }

    /// What runs tests that boot, after the kernel and the programs were built from the copy by the copy's own builder; else the
    /// compiler's words.
    fn boot_command(&self, hunt: &Hunt, words: &str) -> Result<Result<Command, String>> {
        let mut build = cargo::command(&["run", "--quiet", "--package", "xtask", "--"]);
        build.args(["build", "--profile", "checked", "--json"]);
        build
            .current_dir(self.scratch.tree())
            .env("CARGO_TARGET_DIR", self.scratch.target());
        let built = self.observe(&mut build, BUILD_LIMIT)?;
        if !built.status.is_some_and(|status| status.success()) {
            return Ok(Err(built.errors));
        }
        let built: Built = serde_json::from_str(built.output.lines().last().unwrap_or_default())
            .with_context(|| format!("./x build --json said:\n{}", built.output))?;
        let mut command = self.command(hunt, words)?;
        command
            .args(["--test-threads", "2"])
            .env("SUNDIAL_KERNEL", built.kernel)
            .env("SUNDIAL_PROGRAMS", built.programs);
        Ok(Ok(command))
    }

    /// Runs a command to its end, or ends it.
    fn observe(&self, command: &mut Command, limit: Duration) -> Result<Ended> {
        let (output, errors) = (self.scratch.file("output"), self.scratch.file("errors"));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(File::create(&output)?)
            .stderr(File::create(&errors)?)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if began.elapsed() > limit {
                child.kill()?;
                child.wait()?;
                break None;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let read = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Ended {
            status,
            output: read(&output)?,
            errors: read(&errors)?,
        })
    }
}

/// The program of `cargo test --no-run`: `  Executable tests/a.rs (target/debug/deps/a-12)`.
fn executable(words: &str) -> Option<PathBuf> {
    let line = words
        .lines()
        .rfind(|line| line.trim_start().starts_with("Executable"))?;
    let (_, rest) = line.rsplit_once('(')?;
    Some(PathBuf::from(rest.strip_suffix(')')?))
}

fn judge_tests(output: &str, errors: &str, success: bool) -> Result<Ending> {
    let tests = |ending: &str| -> Vec<String> {
        let names = output
            .lines()
            .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(ending));
        names.map(|name| name.trim_end().to_owned()).collect()
    };
    let failed = tests("... FAILED");
    if success {
        anyhow::ensure!(!tests("... ok").is_empty(), "no test has a name like that");
        return Ok(Ending::Survived);
    }
    if failed.is_empty() {
        // It panicked while it panicked, so that only its thread, which has its name, tells which it was.
        let thread = errors
            .lines()
            .find_map(|line| line.strip_prefix("thread '")?.split('\'').next());
        let by = vec![
            thread
                .unwrap_or("an unknown test, which ended its program")
                .to_owned(),
        ];
        return Ok(Ending::Caught { by });
    }
    Ok(Ending::Caught { by: failed })
}

fn judge_campaign(output: &str) -> Result<Ending> {
    #[derive(Deserialize)]
    struct Report {
        failures: Vec<Failure>,
    }
    #[derive(Deserialize)]
    struct Failure {
        rule: String,
    }
    let report: Report = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    if report.failures.is_empty() {
        return Ok(Ending::Survived);
    }
    let mut rules: Vec<&str> = report
        .failures
        .iter()
        .map(|failure| failure.rule.as_str())
        .collect();
    rules.sort_unstable();
    let mut by: Vec<(usize, &str)> = rules
        .chunk_by(|a, b| a == b)
        .map(|same| (same.len(), same[0]))
        .collect();
    by.sort_by_key(|(count, _)| core::cmp::Reverse(*count));
    let by = by.iter().map(|(count, rule)| format!("{rule} ({count} seeds)"));
    Ok(Ending::Caught { by: by.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_is_what_caught_the_mutant() {
        let output = "running 2 tests\ntest a::b1_x ... ok\ntest a::b1_y ... FAILED\n";
        let by = vec!["a::b1_y".to_owned()];
        assert_eq!(
            judge_tests(output, "", false).unwrap(),
            Ending::Caught { by: by.clone() }
        );
        let errors = "\nthread 'a::b1_y' (12) panicked at a.rs:1\nthread 'z' panicked";
        assert_eq!(
            judge_tests("running 1 test\n", errors, false).unwrap(),
            Ending::Caught { by }
        );
        assert_eq!(
            judge_tests("test a ... ok\n", "", true).unwrap(),
            Ending::Survived
        );
        assert!(
            judge_tests("running 0 tests\n", "", true).is_err(),
            "a filter that finds nothing"
        );
    }

    #[test]
    fn broken_rules_are_counted_most_frequent_first() {
        let output = r#"{"failures": [{"rule": "a"}, {"rule": "b"}, {"rule": "b"}]}"#;
        let by = vec!["b (2 seeds)".to_owned(), "a (1 seeds)".to_owned()];
        assert_eq!(judge_campaign(output).unwrap(), Ending::Caught { by });
        assert_eq!(judge_campaign(r#"{"failures": []}"#).unwrap(), Ending::Survived);
        assert!(judge_campaign("").is_err());
    }

    #[test]
    fn cargo_names_the_program_it_built() {
        let words = "    Finished dev\n  Executable unittests src/lib.rs (/t/debug/deps/sched-1f)\n";
        assert_eq!(executable(words), Some(PathBuf::from("/t/debug/deps/sched-1f")));
        assert_eq!(executable("    Finished dev\n"), None);
    }
}
