//! `build`: makes what `run` boots and prints where it is.

use crate::build::{self, Profile};
use crate::cli::BuildArguments;
use crate::{exit, toolchain};
use anyhow::Result;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The results of a build, as `--json` prints them.
#[derive(Debug, Serialize)]
pub(super) struct Built {
    /// The kernel image.
    pub(super) kernel: PathBuf,
    /// The default manifest, built.
    pub(super) manifest: PathBuf,
    /// The folder with every program's ELF file.
    pub(super) programs: PathBuf,
}

/// Builds the kernel, unless one is given ready, the programs and the default manifest.
///
/// # Errors
/// When the toolchain cannot be had or something does not compile.
pub(super) fn everything(profile: Profile, ready: Option<&Path>) -> Result<Built> {
    let bare = toolchain::find_or_install()?;
    let kernel = match ready {
        Some(kernel) => kernel.to_path_buf(),
        None => build::kernel(&bare, profile)?,
    };
    let programs = build::programs(&bare)?;
    let manifest = build::manifest::default(&programs)?;
    Ok(Built {
        kernel,
        manifest,
        programs,
    })
}

/// The verb.
pub(super) fn build(arguments: &BuildArguments) -> Result<u8> {
    let built = everything(arguments.profile, None)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&built)?);
    } else {
        println!("kernel    {}", built.kernel.display());
        println!("manifest  {}", built.manifest.display());
        println!("programs  {}", built.programs.display());
    }
    Ok(exit::OK)
}
