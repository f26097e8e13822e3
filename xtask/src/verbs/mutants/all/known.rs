//! What is known of a crate's mutants from this run and those before: kept after every batch, so that a run can be broken off and
//! goes on where it was. What was known of a file is forgotten when the file changes; tests only ever get better, so what
//! one caught stays caught, and what survived is tried again.

use super::tool::Listed;
use crate::workspace;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

/// What came of a mutant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// A test of this package failed.
    Caught(String),
    /// A test of this package did not come to an end, which is noticed too.
    OutOfTime(String),
    /// It does not compile, so that nobody could make the mistake.
    NotBuilt,
    /// Nobody noticed.
    Survived,
}

/// The verdicts on one crate's mutants.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Known {
    #[serde(skip)]
    path: PathBuf,
    /// A number for the text of each file.
    files: BTreeMap<String, u64>,
    /// By the mutant's name.
    verdicts: BTreeMap<String, Verdict>,
}

impl Known {
    /// What is known in `folder` of a crate whose mutants are listed now, in the tree at `tree`.
    pub(super) fn load(folder: &Path, name: &str, listed: &[Listed], tree: &Path) -> Result<Known> {
        let path = folder.join(name).with_extension("json");
        let mut known: Known = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} makes no sense; delete it", workspace::shown(&path)))?,
            Err(_) => Known::default(),
        };
        known.path = path;
        let mut files = BTreeMap::new();
        for listed in listed {
            if !files.contains_key(&listed.file) {
                let text = std::fs::read(tree.join(&listed.file))?;
                files.insert(listed.file.clone(), number(&text));
            }
        }
        known.keep_only(files, listed);
        Ok(known)
    }

    /// Forgets what was known of files that are not the same any more.
    fn keep_only(&mut self, files: BTreeMap<String, u64>, listed: &[Listed]) {
        let old = std::mem::take(&mut self.verdicts);
        for listed in listed {
            let is_same = self.files.get(&listed.file) == files.get(&listed.file);
            if let Some(verdict) = old.get(&listed.name).filter(|_| is_same) {
                self.verdicts.insert(listed.name.clone(), verdict.clone());
            }
        }
        self.files = files;
    }

    /// The verdict on a mutant, once it was tried.
    pub(super) fn verdict(&self, listed: &Listed) -> Option<&Verdict> {
        self.verdicts.get(&listed.name)
    }

    /// Takes in a verdict.
    pub(super) fn learn(&mut self, listed: &Listed, verdict: Verdict) {
        self.verdicts.insert(listed.name.clone(), verdict);
    }

    /// Writes it down: whole, or not at all.
    pub(super) fn save(&self) -> Result<()> {
        let draft = self.path.with_extension("new");
        let written = std::fs::write(&draft, serde_json::to_vec(self)?);
        let written = written.and_then(|()| std::fs::rename(&draft, &self.path));
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn number(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(file: &str, mutant: &str) -> Listed {
        Listed {
            name: format!("{file}:1:1: {mutant}"),
            file: file.to_owned(),
            mutant: mutant.to_owned(),
            ..Listed::default()
        }
    }

    #[test]
    fn a_run_goes_on_where_it_was_and_forgets_what_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a.rs", "b.rs"] {
            std::fs::write(folder.path().join(file), "old").unwrap();
        }
        let all = [listed("a.rs", "x"), listed("a.rs", "y"), listed("b.rs", "x")];
        let load = || Known::load(folder.path(), "caps", &all, folder.path()).unwrap();
        let mut known = load();
        known.learn(&all[0], Verdict::Caught("caps".to_owned()));
        known.learn(&all[2], Verdict::Survived);
        known.save().unwrap();
        let known = load();
        let found: Vec<Option<&Verdict>> = all.iter().map(|listed| known.verdict(listed)).collect();
        let caught = Verdict::Caught("caps".to_owned());
        assert_eq!(found, [Some(&caught), None, Some(&Verdict::Survived)]);
        std::fs::write(folder.path().join("a.rs"), "new").unwrap();
        let known = load();
        let found: Vec<Option<&Verdict>> = all.iter().map(|listed| known.verdict(listed)).collect();
        assert_eq!(found, [None, None, Some(&Verdict::Survived)]);
    }
}
