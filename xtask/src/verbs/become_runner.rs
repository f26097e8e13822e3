//! `bench` and `chaos`: builds a runner of its own (bench/runner, tests/chaos) and becomes it. What they do is their business;
//! this builder stays small, because everybody waits for it in their first minute.

use crate::cli::HandedOn;
use crate::{cargo, progress, workspace};
use anyhow::Result;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The verb `bench`.
pub(super) fn bench(arguments: &HandedOn) -> Result<u8> {
    become_runner("bench-runner", "building the benchmarks' runner", arguments)
}

/// The verb `chaos`.
pub(super) fn chaos(arguments: &HandedOn) -> Result<u8> {
    become_runner(
        "chaos-runner",
        "building the runner of random programs",
        arguments,
    )
}

/// Comes back only when the runner, a package and its program of the same name, could not be built or started: the runner takes
/// this process's place, so that a Ctrl-C reaches one process, which ends its guests.
fn become_runner(package: &str, what: &str, arguments: &HandedOn) -> Result<u8> {
    progress::step(what, &mut cargo::command(&["build", "--package", package]))?;
    let runner = workspace::target().join("debug").join(package);
    let error = Command::new(&runner).args(&arguments.arguments).exec();
    Err(anyhow::Error::new(error).context(format!("{} cannot be started", runner.display())))
}
