//! The file-length report: which source files have outgrown one idea. It is there to be read and blocks nothing.

use crate::verbs::sources;
use anyhow::Result;
use std::fmt::Write;

/// Where a file usually still tells one story.
const USUAL: usize = 300;
/// Files named in the report.
const NAMED: usize = 10;

/// The report.
pub(super) fn report() -> Result<String> {
    let mut files: Vec<(usize, String)> = Vec::new();
    for path in sources::files("rs")? {
        // Nobody reads generated code as a story.
        if !path.contains("/generated/") {
            files.push((sources::read(&path)?.lines().count(), path));
        }
    }
    files.sort_by(|a, b| b.cmp(a));
    let lines: usize = files.iter().map(|(lines, _)| lines).sum();
    let long = files.iter().filter(|(lines, _)| *lines > USUAL).count();
    let mut text = format!(
        "{} source files, {lines} lines; {long} have more than {USUAL}:",
        files.len()
    );
    for (lines, path) in files.iter().take_while(|(lines, _)| *lines > USUAL).take(NAMED) {
        write!(text, "\n  {lines:5}  {path}")?;
    }
    Ok(text)
}
