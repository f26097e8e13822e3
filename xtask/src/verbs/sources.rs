//! The files of the repository: those that git knows or would add, so that nothing built is among them.

use crate::workspace;
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// The paths, from the root, of files with an extension, in order.
pub(super) fn files(extension: &str) -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command
        .current_dir(workspace::root())
        .args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let output = command
        .arg(format!("*.{extension}"))
        .output()
        .context("cannot start git")?;
    ensure!(
        output.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut paths: Vec<String> = text.lines().map(str::to_owned).collect();
    // A file that was deleted but not yet from git's list is nobody's concern here.
    paths.retain(|path| workspace::root().join(path).is_file());
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// The text of a file, by its path from the root.
pub(super) fn read(path: &str) -> Result<String> {
    let bytes = std::fs::read(workspace::root().join(path)).with_context(|| format!("cannot read {path}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
