//! What each step of `test` does. Every one can be run alone: `./x test lint`.

use super::{citations, lengths, links};
use crate::build::{self, Profile};
use crate::cli::Step;
use crate::verbs::rules;
use crate::{babeltrace, cargo, progress, qemu, sdk, toolchain};
use anyhow::{Result, bail, ensure};
use std::process::Command;

/// The package that boots kernels: it needs images, so it has a step of its own.
const BOOT_TESTS: &str = "sundial-tests";
/// The package that is nothing but an entry point for bare metal: there is nothing in it the host could compile.
const IMAGE: &str = "sundial-kernel";

/// Performs one step; `filter` narrows the tests of `unit` and `boot` to names that contain it.
pub(super) fn perform(step: Step, filter: &[String]) -> Result<()> {
    match step {
        Step::Format => format(),
        Step::Text => text(),
        Step::Lint => lint(),
        Step::Unit => unit(filter),
        Step::Docs => docs(),
        Step::Build => build_everything(),
        Step::Boot => boot(filter),
    }
}

fn format() -> Result<()> {
    ensure!(
        cargo::has("fmt"),
        "no rustfmt here. With rustup, type:  rustup component add rustfmt"
    );
    success(
        &mut cargo::command(&["fmt", "--all", "--check"]),
        "some files are not formatted; type:  ./x fmt",
    )
}

/// What only looks at text: links in the documents, what is cited, lengths of files, the table of rules.
fn text() -> Result<()> {
    println!("{}", lengths::report()?);
    println!("{}", rules::summary()?);
    let broken = links::broken()?;
    ensure!(
        broken.is_empty(),
        "links in the documents lead nowhere:\n{}",
        broken.join("\n")
    );
    let broken = citations::broken()?;
    ensure!(
        broken.is_empty(),
        "what is cited is not here:\n{}",
        broken.join("\n")
    );
    Ok(())
}

fn lint() -> Result<()> {
    ensure!(
        cargo::has("clippy"),
        "no clippy here. With rustup, type:  rustup component add clippy"
    );
    // Crates for bare metal are linted for the host: their hardware access compiles there, it is only never run.
    let command = &mut cargo::command(&[
        "clippy",
        "--quiet",
        "--workspace",
        "--exclude",
        IMAGE,
        "--all-targets",
    ]);
    success(
        command.args(["--", "-D", "warnings"]),
        "the lints found something",
    )
}

fn unit(filter: &[String]) -> Result<()> {
    if let Err(error) = babeltrace::find_or_install() {
        // The tests that need it fail without it; all others are worth running.
        progress::say(format!("{error:#}"));
    }
    let packages = ["--workspace", "--exclude", IMAGE, "--exclude", BOOT_TESTS];
    let mut command = if cargo::has("nextest") {
        let mut command = cargo::command(&["nextest", "run", "--no-fail-fast"]);
        command.args(packages).args(filter);
        command
    } else {
        let mut command = cargo::command(&["test", "--no-fail-fast", "--lib", "--bins", "--tests"]);
        command.args(packages).arg("--").args(filter);
        command
    };
    success(&mut command, "unit tests failed")?;
    if filter.is_empty() {
        // The examples in documentation, which nextest does not run.
        success(
            cargo::command(&["test", "--quiet", "--doc"]).args(packages),
            "an example in the documentation failed",
        )?;
    }
    Ok(())
}

fn docs() -> Result<()> {
    let mut command = cargo::command(&["doc", "--quiet", "--no-deps", "--workspace", "--lib"]);
    command
        .args(["--exclude", "schema-gen", "--exclude", IMAGE])
        // A page may name a private item for whoever reads the source.
        .env("RUSTDOCFLAGS", "-Dwarnings -Arustdoc::private-intra-doc-links");
    success(&mut command, "the documentation has links that lead nowhere")
}

fn build_everything() -> Result<()> {
    let bare = toolchain::find_or_install()?;
    build::kernel(&bare, Profile::Checked)?;
    build::programs(&bare)?;
    sdk::programs(&bare)?;
    Ok(())
}

/// Boots real kernels. The images are handed over by environment, so that the tests build nothing themselves.
fn boot(filter: &[String]) -> Result<()> {
    qemu::find_or_install()?;
    let bare = toolchain::find_or_install()?;
    let kernel = build::kernel(&bare, Profile::Checked)?;
    let programs = build::programs(&bare)?;
    let sdk_programs = sdk::programs(&bare)?;
    let mut command = if cargo::has("nextest") {
        // Each guest keeps a host thread per virtual CPU busy: two at a time are enough for most hosts.
        let mut command = cargo::command(&["nextest", "run", "--no-fail-fast", "--test-threads", "2"]);
        command.args(["--package", BOOT_TESTS]).args(filter);
        command
    } else {
        let mut command = cargo::command(&["test", "--no-fail-fast", "--package", BOOT_TESTS]);
        command.args(["--", "--test-threads", "2"]).args(filter);
        command
    };
    command
        .env("SUNDIAL_KERNEL", kernel)
        .env("SUNDIAL_PROGRAMS", programs);
    command.env("SUNDIAL_SDK_PROGRAMS", sdk_programs);
    success(&mut command, "boot tests failed")
}

fn success(command: &mut Command, otherwise: &str) -> Result<()> {
    if !command.status()?.success() {
        bail!("{otherwise}");
    }
    Ok(())
}
