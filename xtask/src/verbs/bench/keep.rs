//! The results file: one JSON object per row and system, with everything that it belongs to.

use super::measured::Measured;
use super::recipe::Recipe;
use crate::workspace;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A row with the run's recipe and its own system's kernel.
fn whole(row: &Measured, recipe: &Recipe) -> Value {
    let mut whole = row.to_json();
    let kernel = recipe.linux.get(row.system.name());
    whole["kernel"] = kernel.map_or_else(|| recipe.commit.clone(), Clone::clone).into();
    whole["recipe"] = recipe.to_json();
    whole
}

/// The rows as they are kept.
pub(super) fn values(measured: &[Measured], recipe: &Recipe) -> Vec<Value> {
    measured.iter().map(|row| whole(row, recipe)).collect()
}

/// Writes the rows to a file of this run's own, or to the one that is checked in: its path.
pub(super) fn keep(rows: &[Value], recipe: &Recipe, reference: bool) -> Result<PathBuf> {
    let folder = workspace::root().join("bench/results");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let name = if reference {
        "reference".to_owned()
    } else {
        format!("{}-{}", recipe.began, recipe.commit.trim_end_matches('+'))
    };
    let path = folder.join(name).with_extension("jsonl");
    let lines: String = rows.iter().map(|row| row.to_string() + "\n").collect();
    std::fs::write(&path, lines).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Reads a results file.
///
/// # Errors
/// When it is not there, or a line is no row.
pub(super) fn read(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let row: Value = serde_json::from_str(line)
                .with_context(|| format!("{}, line {}", path.display(), index + 1))?;
            anyhow::ensure!(
                row["row"].is_string() && row["samples"].is_array(),
                "{}, line {}: no row of a benchmark",
                path.display(),
                index + 1
            );
            Ok(row)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_holds_something_else_is_told_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, "{\"row\":\"N1\",\"samples\":[1]}\n\n").unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
        for bad in ["{\"row\":\"N1\",\"samples\":[1]}\n{}\n", "\n{"] {
            std::fs::write(&path, bad).unwrap();
            let error = format!("{:#}", read(&path).unwrap_err());
            assert!(error.contains("line 2"), "{error}");
        }
        assert!(read(&folder.path().join("none")).is_err());
    }
}
