//! The programs with tests in which a crate's mutants are switched on, and asking them. The fastest of a package is asked first, and of
//! its tests those that noticed other mutants of the same file; a program stops at the first test that fails.

use super::super::super::scratch::Scratch;
use super::{command, messages};
use crate::progress;
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What says which mutant a program has.
const VARIABLE: &str = "SUNDIAL_MUTANT";

/// A program may use this many seconds of processor time, however fast it is without a mutant.
const LEAST_SECONDS: u64 = 10;
/// How many times as long as without a mutant a program may take.
const PATIENCE: u64 = 5;
/// What a program may use without a mutant.
const MOST_SECONDS: u64 = 3_600;
/// Whoever waits for something that never comes uses no processor time: then the clock on the wall decides, this many times later.
const WAITING: u32 = 12;
/// A program may use so much memory: a mutant may ask for more and more.
const MEMORY: u64 = 8 << 30;
/// So many tests are asked first, those that noticed something last.
const KEEN: usize = 12;

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Asked {
    /// This test failed.
    Caught { test: String },
    /// A program did not come to an end.
    OutOfTime,
    /// It does not compile.
    NotBuilt,
    /// It could not be tried this way.
    Left,
    /// Nobody noticed.
    Survived,
}

impl fmt::Display for Asked {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asked::Caught { test } => write!(to, "caught by {test}"),
            Asked::OutOfTime => to.write_str("caught, because it never ends"),
            Asked::NotBuilt => to.write_str("does not compile"),
            Asked::Left => to.write_str("needs a build of its own"),
            Asked::Survived => to.write_str("SURVIVED"),
        }
    }
}

/// The programs of one package, in the order in which they are asked.
#[derive(Default)]
pub(super) struct Programs {
    all: Vec<Program>,
    output: PathBuf,
    /// By file: programs and tests that noticed mutants in it, the last one first.
    keen: BTreeMap<String, Vec<(usize, String)>>,
}

/// One of them.
struct Program {
    path: PathBuf,
    folder: PathBuf,
    seconds: u64,
}

/// How a program ended.
enum Ended {
    Well,
    /// With this test.
    Failed(String),
    Late,
}

impl Programs {
    /// Builds the tests of a package, and runs them without a mutant: they must pass. Programs that take longer than `most` are not
    /// asked.
    pub(super) fn build(scratch: &Scratch, package: &str, most: Duration) -> Result<Programs> {
        let mut programs = Programs {
            output: scratch.file("output"),
            ..Programs::default()
        };
        let output = command(scratch, &["test", "--no-run", "--package", package])
            .output()
            .context("cannot start cargo")?;
        ensure!(
            output.status.success(),
            "the tests of {package} do not build with mutants woven in:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut all = Vec::new();
        for message in messages(&output.stdout) {
            let (Some(path), Some(manifest)) = (message.executable, message.manifest_path) else {
                continue;
            };
            let name = message.target.map_or_else(String::new, |target| target.name);
            let mut program = Program {
                path,
                folder: manifest.parent().map(Path::to_owned).unwrap_or_default(),
                seconds: MOST_SECONDS,
            };
            let before = processor_time()?;
            match programs.run(&program, 0, &[])? {
                Ended::Well => {}
                Ended::Failed(test) => bail!("{test} of {package} fails without a mutant"),
                Ended::Late => bail!("{name} of {package} does not come to an end without a mutant"),
            }
            let took = processor_time()?.saturating_sub(before);
            progress::say(format!(
                "without mutants {name} of {package} takes {:.2} s",
                took.as_secs_f64()
            ));
            program.seconds = (took.as_secs() * PATIENCE).max(LEAST_SECONDS);
            if took <= most {
                all.push((took, program));
            }
        }
        all.sort_by_key(|(took, _)| *took);
        programs.all.extend(all.into_iter().map(|(_, program)| program));
        Ok(programs)
    }

    /// Asks the programs about a mutant in `file`.
    pub(super) fn ask(&mut self, number: u32, file: &str) -> Result<Asked> {
        let keen = self.keen.get(file).cloned().unwrap_or_default();
        for (index, program) in self.all.iter().enumerate() {
            let tests: Vec<&str> = keen
                .iter()
                .filter(|(of, _)| *of == index)
                .map(|(_, test)| test.as_str())
                .collect();
            if tests.is_empty() {
                continue;
            }
            if let Some(asked) = self.judged(program, number, &tests)? {
                return Ok(self.remembered(file, index, asked));
            }
        }
        for (index, program) in self.all.iter().enumerate() {
            if let Some(asked) = self.judged(program, number, &[])? {
                return Ok(self.remembered(file, index, asked));
            }
        }
        Ok(Asked::Survived)
    }

    fn judged(&self, program: &Program, number: u32, tests: &[&str]) -> Result<Option<Asked>> {
        Ok(match self.run(program, number, tests)? {
            Ended::Well => None,
            Ended::Failed(test) => Some(Asked::Caught { test }),
            Ended::Late => Some(Asked::OutOfTime),
        })
    }

    fn remembered(&mut self, file: &str, index: usize, asked: Asked) -> Asked {
        if let Asked::Caught { test } = &asked {
            let keen = self.keen.entry(file.to_owned()).or_default();
            let one = (index, test.clone());
            keen.retain(|other| *other != one);
            keen.insert(0, one);
            keen.truncate(KEEN);
        }
        asked
    }

    fn run(&self, program: &Program, number: u32, tests: &[&str]) -> Result<Ended> {
        let mut command = Command::new(&program.path);
        command.args(["-Zunstable-options", "--fail-fast", "--test-threads=1"]);
        if !tests.is_empty() {
            command.arg("--exact").args(tests);
        }
        let mut child = command
            .current_dir(&program.folder)
            .env(VARIABLE, number.to_string())
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(File::create(&self.output)?)
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.path.display()))?;
        for (what, most) in [(Resource::Cpu, program.seconds), (Resource::As, MEMORY)] {
            let limit = Rlimit {
                current: Some(most),
                maximum: Some(most),
            };
            let limited = prlimit(Some(Pid::from_child(&child)), what, limit);
            // One that has ended already needs no limit.
            if limited.is_err() && child.try_wait()?.is_none() {
                child.kill()?;
                child.wait()?;
                limited.context("a program with tests cannot be limited")?;
            }
        }
        let patience = Duration::from_secs(program.seconds) * WAITING;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if began.elapsed() > patience {
                child.kill()?;
                child.wait()?;
                return Ok(Ended::Late);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        if status.success() {
            return Ok(Ended::Well);
        }
        // The limit on processor time is told by a signal of its own or, where there is no more, by the last one.
        let too_long = [Signal::XCPU, Signal::KILL].map(Signal::as_raw);
        if status.signal().is_some_and(|signal| too_long.contains(&signal)) {
            return Ok(Ended::Late);
        }
        let said = fs::read(&self.output).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())?;
        Ok(Ended::Failed(failed(&said).unwrap_or_default()))
    }
}

/// What the programs that were run have used of processors until now: on a busy host the clock on the wall says nothing.
fn processor_time() -> Result<Duration> {
    let text = fs::read_to_string("/proc/self/stat").context("cannot read what programs have used")?;
    let ticks = of_children(&text).with_context(|| format!("/proc/self/stat makes no sense: {text}"))?;
    Ok(Duration::from_millis(
        ticks * 1_000 / rustix::param::clock_ticks_per_second().max(1),
    ))
}

/// User and system time of ended children, behind the name in brackets, which may have blanks in it.
fn of_children(stat: &str) -> Option<u64> {
    let (_, numbers) = stat.rsplit_once(')')?;
    let mut numbers = numbers.split_whitespace().skip(13);
    let (user, system): (u64, u64) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    Some(user + system)
}

/// The test that failed: `test a::b ... FAILED`, or the last one that began, when it took the program with it.
fn failed(said: &str) -> Option<String> {
    let tests: Vec<&str> = said.lines().filter(|line| line.starts_with("test ")).collect();
    let line = tests
        .iter()
        .find(|line| line.ends_with("FAILED"))
        .or(tests.last())?;
    let (name, _) = line.strip_prefix("test ")?.split_once(" ...")?;
    Some(name.split(" - should panic").next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_that_failed_or_began_last_noticed() {
        let said = "running 2 tests\ntest a::b1_x ... ok\ntest b2_y - should panic ... FAILED\n";
        assert_eq!(failed(said).as_deref(), Some("b2_y"));
        assert_eq!(
            failed("running 1 test\ntest a ... ok\ntest b ... ").as_deref(),
            Some("b")
        );
        assert_eq!(failed("running 0 tests\n"), None);
    }

    #[test]
    fn what_ended_children_used_is_read_behind_the_name() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 11 12 30 12 20 0";
        assert_eq!(of_children(stat), Some(42));
        assert!(processor_time().is_ok());
    }

    #[test]
    fn the_module_with_the_switch_reads_the_variable_that_is_set() {
        assert!(super::super::SWITCH.contains(&format!("{VARIABLE:?}")));
    }
}
