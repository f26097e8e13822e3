//! Commands that are run to their end, or ended when they take too long, with what they said.

use super::scratch::Scratch;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a command left behind.
pub(super) struct Observed {
    /// None if it ran out of time.
    pub(super) status: Option<ExitStatus>,
    /// What it wrote to standard output.
    pub(super) output: String,
    /// What it wrote to standard error.
    pub(super) errors: String,
}

impl Observed {
    /// Whether it came to an end, and a good one.
    pub(super) fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// Runs a command to its end, or ends it. What it says goes to files beside the copy that are named like `what` it does.
pub(super) fn observe(
    scratch: &Scratch,
    what: &str,
    command: &mut Command,
    limit: Duration,
) -> Result<Observed> {
    let file = |ending: &str| scratch.file(&format!("{what}.{ending}"));
    let (output, errors) = (file("output"), file("errors"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(&output)?)
        .stderr(File::create(&errors)?)
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if began.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let read = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Observed {
        status,
        output: read(&output)?,
        errors: read(&errors)?,
    })
}
