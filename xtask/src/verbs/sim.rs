//! `sim`: builds the host tool with full optimisation and hands everything over to its simulator.

use crate::cli::HandedOn;
use crate::{cargo, exit, progress, workspace};
use anyhow::{Context, Result};
use std::process::Command;

/// The profile of the simulator: optimised like the kernel, but it survives a panic of the code under test.
const PROFILE: &str = "lab";

pub(super) fn sim(arguments: &HandedOn) -> Result<u8> {
    progress::step(
        "building the simulator",
        &mut cargo::command(&["build", "--profile", PROFILE, "--package", "sundial"]),
    )?;
    let tool = workspace::target().join(PROFILE).join("sundial");
    // Where the user is, so that file names mean what was typed.
    let status = Command::new(&tool)
        .arg("sim")
        .args(&arguments.arguments)
        .status()
        .with_context(|| format!("{} cannot be started", tool.display()))?;
    Ok(status.code().map_or(exit::FAILED, |code| code as u8))
}
