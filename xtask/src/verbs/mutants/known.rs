//! What is known from earlier runs: which hunts come back with nothing where nothing is wrong, and what came of each mutant. So mutants
//! can be tried a few at a time, and the table is that of all.

use super::hunt::Hunt;
use super::mutant::Mutant;
use super::report::Row;
use super::scratch::Scratch;
use crate::workspace;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What earlier runs found, in a file that is kept beside the copy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Known {
    #[serde(skip)]
    path: PathBuf,
    /// The text of the tree that was hunted in.
    tree: u64,
    /// Hunts that found nothing in it, and the seconds that took.
    held: BTreeMap<String, f64>,
    /// What came of mutants, by name.
    rows: BTreeMap<String, Row>,
}

impl Known {
    /// What is known of the tree as the copy has it. What was known of hunts in another one is forgotten.
    pub(super) fn load(scratch: &Scratch) -> Result<Known> {
        let mut known = Known::read(&scratch.file("known.json"))?;
        if known.tree != scratch.number() {
            known.held.clear();
        }
        known.tree = scratch.number();
        Ok(known)
    }

    /// What is known, whatever the tree.
    pub(super) fn of_before() -> Result<Known> {
        Known::read(&Scratch::folder().join("known.json"))
    }

    fn read(path: &Path) -> Result<Known> {
        let mut known: Known = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} makes no sense; delete it", workspace::shown(path)))?,
            Err(_) => Known::default(),
        };
        path.clone_into(&mut known.path);
        Ok(known)
    }

    /// How long this hunt takes where it finds nothing, if it was tried.
    pub(super) fn held(&self, hunt: &Hunt) -> Option<Duration> {
        let seconds = self.held.get(&hunt.to_string()).copied();
        seconds.map(Duration::from_secs_f64)
    }

    /// Notes that a hunt found nothing where nothing is wrong.
    pub(super) fn holds(&mut self, hunt: &Hunt, took: Duration) -> Result<()> {
        self.held.insert(hunt.to_string(), took.as_secs_f64());
        self.write()
    }

    /// Notes what came of a mutant.
    pub(super) fn learn(&mut self, row: &Row) -> Result<()> {
        self.rows.insert(row.name().to_owned(), row.clone());
        self.write()
    }

    /// What came of a mutant as it is now.
    pub(super) fn row(&self, mutant: &Mutant) -> Option<&Row> {
        self.rows.get(&mutant.name).filter(|row| row.is_of(mutant))
    }

    fn write(&self) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(self)?;
        std::fs::write(&self.path, bytes).with_context(|| format!("cannot write {}", self.path.display()))
    }
}
