//! Building what boots: the kernel image, the programs, and a manifest that holds them.
//!
//! Kernel and programs are separate cargo invocations, so that a feature one of them turns on in a shared
//! crate never changes the other. Their linker scripts come from their own build scripts.

pub mod manifest;
pub mod symbols;

use crate::toolchain::{self, Bare};
use crate::{cargo, progress, workspace};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package whose binary is the kernel image.
const KERNEL: &str = "sundial-kernel";

/// How the kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// As fast as it gets.
    Release,
    /// Release code with assertions, overflow checks and the allocation guard: what tests boot.
    Checked,
}

impl Profile {
    /// Its name for cargo.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Profile::Release => "release",
            Profile::Checked => "checked",
        }
    }
}

/// The results of a build, as `--json` prints them.
#[derive(Debug, Deserialize, Serialize)]
pub struct Built {
    /// The kernel image.
    pub kernel: PathBuf,
    /// The default manifest, built.
    pub manifest: PathBuf,
    /// The folder with every program's ELF file.
    pub programs: PathBuf,
}

/// Builds the kernel, unless one is given ready, the programs and the default manifest.
///
/// # Errors
/// When the toolchain cannot be had or something does not compile.
pub fn everything(profile: Profile, ready: Option<&Path>) -> Result<Built> {
    let bare = toolchain::find_or_install()?;
    let kernel = match ready {
        Some(kernel) => kernel.to_path_buf(),
        None => kernel(&bare, profile)?,
    };
    let programs = programs(&bare)?;
    let manifest = manifest::default(&programs)?;
    Ok(Built {
        kernel,
        manifest,
        programs,
    })
}

/// Builds the kernel image, symbol table filled in: the path of the ELF.
///
/// # Errors
/// When the compiler refuses it or the image cannot be written.
pub fn kernel(bare: &Bare, profile: Profile) -> Result<PathBuf> {
    let mut command = kernel_command(bare, profile);
    progress::step(&format!("building the kernel ({})", profile.name()), &mut command)?;
    symbols::fill(&linked_kernel(&bare.target_folder(), profile))
}

/// The command that builds the kernel, in the tree and the target folder that `bare` means unless it is told others.
#[must_use]
pub fn kernel_command(bare: &Bare, profile: Profile) -> Command {
    let mut command = bare.cargo("build");
    command.args(["--package", KERNEL, "--profile", profile.name()]);
    command
}

/// Where that command puts the kernel, symbol table empty, in its target folder.
#[must_use]
pub fn linked_kernel(target_folder: &Path, profile: Profile) -> PathBuf {
    target_folder
        .join(toolchain::TARGET)
        .join(profile.name())
        .join(KERNEL)
}

/// Builds every program below `user/`: the folder with their ELF files.
///
/// # Errors
/// When the compiler refuses one.
pub fn programs(bare: &Bare) -> Result<PathBuf> {
    let packages = program_packages()?;
    if !packages.is_empty() {
        let mut command = bare.cargo("build");
        command.args(["--profile", Profile::Release.name(), "--bins"]);
        for package in &packages {
            command.args(["--package", package]);
        }
        progress::step("building the programs", &mut command)?;
    }
    Ok(bare.output_folder(Profile::Release.name()))
}

/// The packages below `user/` that have a program in them, in the order of their names.
///
/// # Errors
/// When cargo cannot read the workspace.
pub fn program_packages() -> Result<Vec<String>> {
    let mut command = cargo::command(&["metadata", "--no-deps", "--format-version=1"]);
    let output = command.output().context("cannot start cargo")?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let user = workspace::root().join("user");
    let has_program = |package: &Value| {
        let inside = package["manifest_path"]
            .as_str()
            .is_some_and(|path| path.starts_with(&*user.to_string_lossy()));
        let targets = package["targets"].as_array().into_iter().flatten();
        inside
            && targets
                .flat_map(|target| target["kind"].as_array().into_iter().flatten())
                .any(|kind| kind == "bin")
    };
    let packages = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|package| has_program(package));
    let mut names: Vec<String> = packages
        .filter_map(|package| Some(package["name"].as_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}
