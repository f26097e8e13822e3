//! The results file: one JSON object per row and system, with everything that it belongs to.

use super::measured::Measured;
use super::recipe::Recipe;
use anyhow::{Context, Result, anyhow};
use lab::bench::Rows;
use serde_json::Value;
use std::path::{Path, PathBuf};
use xtask::workspace;

/// Where they are.
const RESULTS: &str = "bench/results";

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
    let folder = workspace::root().join(RESULTS);
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

/// The rows that are checked in, if they can be read: a run may be the one that makes them.
pub(super) fn reference() -> Option<Rows> {
    read(&workspace::root().join(RESULTS).join("reference.jsonl")).ok()
}

/// Reads a results file.
///
/// # Errors
/// When it is not there, or a line is no row.
pub(super) fn read(path: &Path) -> Result<Rows> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    lab::bench::read(&text).map_err(|refused| anyhow!("{}: {refused}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::super::boot::Clock;
    use super::super::measured::Figures;
    use super::super::system::System;
    use super::*;
    use xtask::qemu::Accelerator;

    fn recipe() -> Recipe {
        Recipe {
            command: "./x bench".to_owned(),
            commit: "abc+".to_owned(),
            linux: [("linux", "linux-image-6.12.1".to_owned())].into(),
            ..Recipe::default()
        }
    }

    #[test]
    fn a4_what_is_kept_can_be_read_by_the_report() {
        let row = |system| {
            let figures = Figures::of(vec![1.5, 2.0]).with("workers", 2);
            Measured::new("N15a", system, Clock::Wall(Accelerator::Tcg), figures)
        };
        let mut rows = vec![row(System::Sundial), row(System::Linux)];
        rows[0].gate = Some(("at_least_linux", None));
        rows[1].figures.refuted = true;
        let lines: String = values(&rows, &recipe())
            .iter()
            .map(|row| format!("{row}\n"))
            .collect();
        let read = lab::bench::read(&lines).unwrap();
        let (ours, theirs) = (&read.all()[0], &read.all()[1]);
        assert_eq!((ours.figure(), theirs.figure()), (Some(1.75), None));
        assert_eq!(
            (ours.accelerator.as_deref(), ours.boots),
            (Some("tcg-multi"), Some(1))
        );
        assert_eq!(ours.recipe.command.as_deref(), Some("./x bench"));
        assert!(ours.gate.is_some() && theirs.gate.is_none());
        assert_eq!(ours.spread, Some(0.25));
    }

    #[test]
    fn a_row_names_its_own_systems_kernel() {
        let row = |system| Measured::new("N1", system, Clock::Instructions, Figures::of(vec![1.0]));
        let values = values(&[row(System::Sundial), row(System::Linux)], &recipe());
        let kernels: Vec<&Value> = values.iter().map(|row| &row["kernel"]).collect();
        assert_eq!(kernels, ["abc+", "linux-image-6.12.1"]);
    }
}
