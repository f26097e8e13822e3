//! Hunts that boot: tests of `tests/tests`, with a kernel that was built from the copy, checks on. What they boot besides, programs and
//! the tests themselves, is built once and has no mutant in it, so only the kernel is built for each: incrementally, and
//! while the kernel of the mutant before is still being hunted in.

use super::observed::observe;
use super::scratch::Scratch;
use crate::build::{self, Built, Profile};
use crate::toolchain::{self, Bare};
use crate::{cargo, sdk};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A build that takes longer hangs; the first one builds everything.
pub(super) const BUILD_LIMIT: Duration = Duration::from_secs(3_600);
/// The package of the tests that boot.
const BOOT_TESTS: &str = "sundial-tests";
/// What the kernel is made of and no program that it runs: where mutants may be that are hunted by booting.
const KERNELS_OWN: [&str; 7] = [
    "crates/kernel/",
    "crates/machine/",
    "crates/sched/",
    "crates/protocol/",
    "crates/caps/",
    "crates/rings/",
    "image/",
];

/// Whether a mistake in this file is one of the kernel's alone.
pub(super) fn is_kernels_own(file: &str) -> bool {
    KERNELS_OWN.iter().any(|folder| file.starts_with(folder))
}

/// What does not compile: the compiler's words.
pub(super) struct NotBuilt(pub(super) String);

/// What is booted besides the kernel.
pub(super) struct Kit {
    bare: Bare,
    programs: PathBuf,
    sdk_programs: PathBuf,
    /// Programs with tests, by the file in `tests/tests`.
    tests: BTreeMap<String, PathBuf>,
}

impl Kit {
    /// Builds everything that tests of these files boot from the copy, in which no mutant is. Programs on the published crates have
    /// nothing of ours in them but `tests/sdk`, so the tree's own are as good.
    pub(super) fn build<'a>(scratch: &Scratch, files: impl Iterator<Item = &'a str>) -> Result<Kit> {
        let bare = toolchain::find_or_install()?;
        let mut tests = BTreeMap::new();
        for file in files {
            if !tests.contains_key(file) {
                let program = built_test(scratch, &["--package", BOOT_TESTS, "--test", file])?;
                let program = program.map_err(|NotBuilt(errors)| anyhow::anyhow!("{errors}"))?;
                tests.insert(file.to_owned(), program);
            }
        }
        let mut command = cargo::command(&["run", "--quiet", "--package", "xtask", "--"]);
        command.args(["build", "--profile", Profile::Checked.name(), "--json"]);
        in_copy(scratch, &mut command);
        let built = observe(scratch, "programs", &mut command, BUILD_LIMIT)?;
        ensure!(built.succeeded(), "the tree does not build:\n{}", built.errors);
        let said = built.output.lines().last().unwrap_or_default();
        let ours: Built = serde_json::from_str(said)
            .with_context(|| format!("./x build --json said:\n{}", built.output))?;
        Ok(Kit {
            sdk_programs: sdk::programs(&bare)?,
            programs: ours.programs,
            bare,
            tests,
        })
    }

    /// The kernel as the copy has it now, in a file of this name.
    pub(super) fn kernel(&self, scratch: &Scratch, name: &str) -> Result<Result<PathBuf, NotBuilt>> {
        let mut command = build::kernel_command(&self.bare, Profile::Checked);
        in_copy(scratch, &mut command);
        let folder = scratch.target().join(format!("bare-{}", self.bare.way.name()));
        command.env("CARGO_TARGET_DIR", &folder);
        let built = observe(scratch, "kernel", &mut command, BUILD_LIMIT)?;
        if !built.succeeded() {
            return Ok(Err(NotBuilt(built.errors)));
        }
        let filled = build::symbols::fill(&build::linked_kernel(&folder, Profile::Checked))?;
        let kernels = scratch.file("kernels");
        fs::create_dir_all(&kernels)?;
        let kept = kernels.join(name);
        fs::rename(&filled, &kept).with_context(|| format!("cannot keep {}", filled.display()))?;
        Ok(Ok(kept))
    }

    /// What runs those tests of `tests/tests/FILE.rs` whose names contain `filter` on that kernel. A test gives up when its guest has
    /// not come to an end within `patience`.
    pub(super) fn tests(
        &self,
        scratch: &Scratch,
        file: &str,
        filter: &str,
        kernel: &Path,
        patience: Duration,
    ) -> Result<Command> {
        let tests = self.tests.get(file);
        let tests = tests.with_context(|| format!("tests/tests/{file}.rs was not built"))?;
        let mut command = Command::new(tests);
        command
            .current_dir(scratch.tree())
            .args([filter, "--test-threads", "2"])
            .env("RUST_BACKTRACE", "0")
            .env("CARGO_TARGET_DIR", scratch.target())
            .env("SUNDIAL_PATIENCE", patience.as_secs().to_string())
            .env("SUNDIAL_KERNEL", kernel)
            .env("SUNDIAL_PROGRAMS", &self.programs)
            .env("SUNDIAL_SDK_PROGRAMS", &self.sdk_programs);
        Ok(command)
    }
}

/// Builds one program with tests in the copy.
pub(super) fn built_test(scratch: &Scratch, which: &[&str]) -> Result<Result<PathBuf, NotBuilt>> {
    let mut command = cargo::command(&["test", "--no-run"]);
    command.args(which);
    in_copy(scratch, &mut command);
    let built = observe(scratch, "test", &mut command, BUILD_LIMIT)?;
    if !built.succeeded() {
        return Ok(Err(NotBuilt(built.errors)));
    }
    let program =
        executable(&built.errors).with_context(|| format!("cargo names no program:\n{}", built.errors))?;
    Ok(Ok(scratch.tree().join(program)))
}

/// Lets cargo build in the copy, and keep what it can use again.
pub(super) fn in_copy(scratch: &Scratch, command: &mut Command) {
    command
        .current_dir(scratch.tree())
        .env("CARGO_TARGET_DIR", scratch.target())
        .env("CARGO_INCREMENTAL", "1")
        .env("CARGO_TERM_COLOR", "never");
}

/// The program of `cargo test --no-run`: `  Executable tests/a.rs (target/debug/deps/a-12)`.
fn executable(words: &str) -> Option<PathBuf> {
    let line = words
        .lines()
        .rfind(|line| line.trim_start().starts_with("Executable"))?;
    let (_, rest) = line.rsplit_once('(')?;
    Some(PathBuf::from(rest.strip_suffix(')')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_names_the_program_it_built() {
        let words = "    Finished dev\n  Executable unittests src/lib.rs (/t/debug/deps/sched-1f)\n";
        assert_eq!(executable(words), Some(PathBuf::from("/t/debug/deps/sched-1f")));
        assert_eq!(executable("    Finished dev\n"), None);
    }
}
