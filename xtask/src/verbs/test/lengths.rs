//! The file-length report: which source files have outgrown one idea. It is there to be read, and blocks nothing but files of
//! the kernel that are so long that they tell two stories.

use crate::verbs::sources;
use anyhow::{Result, ensure};
use std::fmt::Write;

/// Where a file usually still tells one story.
const USUAL: usize = 300;
/// Where a file of the kernel, or of its tests, has to be split.
const LIMIT: usize = 350;
const KERNEL: &str = "crates/kernel/";
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
    let long = too_long(&files);
    ensure!(
        long.is_empty(),
        "these files of the kernel have {LIMIT} lines or more, and tell two stories: {}",
        long.join(", ")
    );
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

/// The files of the kernel that have to be split.
fn too_long(files: &[(usize, String)]) -> Vec<&str> {
    let long = files
        .iter()
        .filter(|(lines, path)| *lines >= LIMIT && path.starts_with(KERNEL));
    long.map(|(_, path)| path.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_kernel_has_less_than_350_lines() {
        let files = [
            (350, "crates/kernel/src/boot.rs".to_owned()),
            (351, "crates/sched/src/cpu.rs".to_owned()),
            (349, "crates/kernel/tests/layers.rs".to_owned()),
        ];
        assert_eq!(too_long(&files), ["crates/kernel/src/boot.rs"]);
    }
}
