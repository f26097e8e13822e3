//! `bench`: builds the benchmarks' runner (bench/runner) and becomes it. Measuring is its business; this builder stays
//! small, because everybody waits for it in their first minute.

use crate::cli::HandedOn;
use crate::{cargo, progress, workspace};
use anyhow::Result;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The package, and the name of its program.
const RUNNER: &str = "bench-runner";

/// The verb. It comes back only when the runner could not be built or started: the runner takes this process's place, so that
/// a Ctrl-C reaches one process, which ends its guests.
pub(super) fn bench(arguments: &HandedOn) -> Result<u8> {
    progress::step(
        "building the benchmarks' runner",
        &mut cargo::command(&["build", "--package", RUNNER]),
    )?;
    let runner = workspace::target().join("debug").join(RUNNER);
    let error = Command::new(&runner).args(&arguments.arguments).exec();
    Err(anyhow::Error::new(error).context(format!("{} cannot be started", runner.display())))
}
