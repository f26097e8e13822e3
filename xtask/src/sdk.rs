//! Programs on the published `capos` crates: the ones in `tests/sdk/`, the one printed in `capos`'s README, and the
//! `smoke` program that `capos-rt` carries. The last two come straight from the registry's copy of the crates, so
//! that what boots is what was published.
//!
//! They are built as anybody outside this repository would build them: a workspace of their own, with its own lock
//! file, and the crates' own linker script.

use crate::{progress, toolchain::Bare, workspace};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// The binary of `capos-rt` that checks that crate.
pub const SMOKE: &str = "capos-rt-smoke";

/// The profile they are built with: the one a release of such a program would use.
const PROFILE: &str = "release";

/// Builds all of them: the folder with the finished programs. The first build downloads the crates.
///
/// # Errors
/// When a crate cannot be fetched, or the compiler refuses a program.
pub fn programs(bare: &Bare) -> Result<PathBuf> {
    let crates = Crates::locate()?;
    let mut ours = cargo(bare, &crates);
    progress::step("building programs on the published crates", ours.arg("--bins"))?;
    let mut theirs = cargo(bare, &crates);
    progress::step(
        "building the published crates' own program",
        theirs.args(["--package", "capos-rt", "--bin", SMOKE]),
    )?;
    Ok(output_folder(bare))
}

/// The folder with the finished programs.
fn output_folder(bare: &Bare) -> PathBuf {
    target_folder(bare).join(crate::toolchain::TARGET).join(PROFILE)
}

fn target_folder(bare: &Bare) -> PathBuf {
    // Not the kernel's: the two are different workspaces that may be built at the same time.
    workspace::target().join(format!("sdk-{}", bare.way.name()))
}

/// The folder of their workspace.
fn folder() -> PathBuf {
    workspace::root().join("tests/sdk")
}

fn cargo(bare: &Bare, crates: &Crates) -> Command {
    let mut command = bare.cargo("build");
    command
        .current_dir(folder())
        .args(["--locked", "--profile", PROFILE]);
    command.env("CARGO_TARGET_DIR", target_folder(bare));
    // With this set, the crates use the bindings they were published with instead of generating them anew with a
    // schema compiler of their own choosing.
    command.env("DOCS_RS", "1");
    command.env("SDK_LINKER_SCRIPT", &crates.linker_script);
    command.env("SDK_CAPOS_README", &crates.readme);
    command
}

/// Where the registry's copies of the crates have what is taken from them.
struct Crates {
    linker_script: PathBuf,
    readme: PathBuf,
}

impl Crates {
    fn locate() -> Result<Self> {
        let mut command = crate::cargo::command(&["metadata", "--locked", "--format-version=1"]);
        command.current_dir(folder());
        let output = command.output().context("cannot start cargo")?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
        let package = |name: &str| {
            let packages = metadata["packages"].as_array().into_iter().flatten();
            packages
                .into_iter()
                .find(|package| package["name"] == name)
                .with_context(|| format!("no package {name}"))
        };
        let source = |name: &str| -> Result<PathBuf> {
            let manifest = package(name)?["manifest_path"]
                .as_str()
                .context("a package without a manifest")?;
            Ok(PathBuf::from(manifest).with_file_name(""))
        };
        Ok(Crates {
            linker_script: source("capos-rt")?.join("linker.ld"),
            readme: source("capos")?.join("README.md"),
        })
    }
}
