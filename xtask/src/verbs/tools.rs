//! Verbs that hand over to one tool: `fmt`, `schema` and `fuzz`.

use crate::cli::FuzzArguments;
use crate::{cargo, exit, packages, progress, workspace};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

/// `fmt`: formats every crate.
pub(super) fn fmt() -> Result<u8> {
    ensure!(
        cargo::has("fmt"),
        "no rustfmt here. With rustup, type:  rustup component add rustfmt"
    );
    let status = cargo::command(&["fmt", "--all"]).status()?;
    Ok(if status.success() { exit::OK } else { exit::FAILED })
}

/// `schema`: writes the generated readers and builders anew from `schema/`.
pub(super) fn schema() -> Result<u8> {
    if Command::new("capnp")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        packages::install(&["capnproto"], "the Cap'n Proto compiler reads schema/")?;
    }
    let status = cargo::command(&["run", "--quiet", "--package", "schema-generate"]).status()?;
    Ok(if status.success() { exit::OK } else { exit::FAILED })
}

/// `fuzz`: every fuzz target, each for a bounded time; the inputs that were found stay in `fuzz/corpus`.
pub(super) fn fuzz(arguments: &FuzzArguments) -> Result<u8> {
    let folder = workspace::root().join("fuzz");
    let targets = fuzz_targets(&folder)?;
    let wanted = |name: &&String| arguments.targets.is_empty() || arguments.targets.contains(name);
    let chosen: Vec<&String> = targets.iter().filter(wanted).collect();
    ensure!(
        !chosen.is_empty(),
        "no such fuzz target; there are: {}",
        targets.join(", ")
    );
    if !cargo::has("fuzz") {
        progress::say("installing cargo-fuzz, which drives libFuzzer (once, some minutes)");
        let status = cargo::command(&["install", "--locked", "cargo-fuzz"]).status()?;
        ensure!(
            status.success(),
            "cargo-fuzz could not be installed. The line was:  cargo install --locked cargo-fuzz"
        );
    }
    let mut failed = 0;
    for target in &chosen {
        progress::say(format!("fuzzing {target} for {} s", arguments.seconds));
        let limit = format!("-max_total_time={}", arguments.seconds);
        // New finds go to the first folder; the second holds one well-formed input per shape, without which random
        // bytes would hardly ever get past the first check.
        let (corpus, seeds) = (format!("corpus/{target}"), format!("seeds/{target}"));
        std::fs::create_dir_all(folder.join(&corpus)).context("fuzz/corpus cannot be written")?;
        let mut command = cargo::command(&[
            "fuzz",
            "run",
            target,
            &corpus,
            &seeds,
            "--",
            &limit,
            "-timeout=10",
        ]);
        // Sanitizers and coverage are unstable compiler options.
        command.env("RUSTC_BOOTSTRAP", "1").current_dir(&folder);
        if !command.status()?.success() {
            progress::say(format!(
                "{target} found something; to see it again: cargo fuzz run {target} <the file named above>"
            ));
            failed += 1;
        }
    }
    println!("{} passed, {failed} failed", chosen.len() - failed);
    Ok(if failed == 0 { exit::OK } else { exit::FAILED })
}

/// The names of the files in `fuzz/fuzz_targets`.
fn fuzz_targets(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder.join("fuzz_targets")).context("no fuzz targets in fuzz/")?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}
