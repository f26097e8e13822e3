//! Cargo on the host: the commands that builder, tools and tests are made with.

use crate::workspace;
use std::process::{Command, Stdio};

/// A cargo command in the root of the repository, with the toolchain this builder was started by.
#[must_use]
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace::root()).args(arguments);
    command
}

/// Whether a cargo subcommand is installed.
#[must_use]
pub fn has(subcommand: &str) -> bool {
    let mut command = command(&[subcommand, "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
