//! A copy of the tree that mutants are put into, with a target folder of its own, so that nothing of theirs gets into what is
//! built from the tree itself. Only what changed is written, so that cargo builds only that anew.

use crate::workspace;
use anyhow::{Context, Result, ensure};
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders that nothing is built from.
const WORDS: [&str; 2] = ["docs/", "mutants/"];

/// The copy.
pub(super) struct Scratch {
    folder: PathBuf,
    /// A number for its text.
    number: u64,
    /// Held until the end, so that two runs do not write into one copy.
    _lock: Option<File>,
}

impl Scratch {
    /// The copy, made equal to the tree as it is now, with changes that are not committed.
    pub(super) fn refreshed() -> Result<Scratch> {
        let folder = Scratch::folder();
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        let free = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
        ensure!(free, "another ./x mutants is at work in {}", folder.display());
        let mut scratch = Scratch {
            folder,
            number: 0,
            _lock: Some(lock),
        };
        let wanted = tracked()?;
        let mut text = DefaultHasher::new();
        for path in &wanted {
            let bytes =
                fs::read(workspace::root().join(path)).with_context(|| format!("cannot read {path}"))?;
            write_if_changed(&scratch.tree().join(path), &bytes)?;
            if !WORDS.iter().any(|folder| path.starts_with(folder)) {
                (path, bytes).hash(&mut text);
            }
        }
        scratch.number = text.finish();
        // What went from the tree, and what failed tests have noted beside them.
        remove_others(&scratch.tree(), &scratch.tree(), &wanted)?;
        Ok(scratch)
    }

    /// Where it is, with what is kept beside it.
    pub(super) fn folder() -> PathBuf {
        workspace::target().join("mutants")
    }

    /// A number for the text of all that is built and tried.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    pub(super) fn target(&self) -> PathBuf {
        self.folder.join("build")
    }

    /// A file beside the copy.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Reads a file of the copy.
    pub(super) fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.tree().join(path)).with_context(|| format!("cannot read {path}"))
    }

    /// Writes a file of the copy.
    pub(super) fn write(&self, path: &str, text: &str) -> Result<()> {
        write_if_changed(&self.tree().join(path), text.as_bytes())
    }

    /// Has `text` in the copy's file `path` while `work` is done.
    pub(super) fn with<T>(&self, path: &str, text: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let path = self.tree().join(path);
        let before = fs::read(&path)?;
        fs::write(&path, text)?;
        let done = work();
        fs::write(&path, before)?;
        done
    }
}

/// The files that git knows or would add, from the root.
fn tracked() -> Result<BTreeSet<String>> {
    let output = Command::new("git")
        .current_dir(workspace::root())
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("cannot start git")?;
    ensure!(output.status.success(), "git ls-files failed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths = text
        .split('\0')
        .filter(|path| workspace::root().join(path).is_file());
    Ok(paths.map(str::to_owned).collect())
}

fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn remove_others(root: &Path, folder: &Path, wanted: &BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            remove_others(root, &path, wanted)?;
        } else if !wanted.contains(&name) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_in_the_copy_only_while_it_is_hunted() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch {
            folder: folder.path().to_owned(),
            number: 0,
            _lock: None,
        };
        let file = scratch.tree().join("a/b.rs");
        write_if_changed(&file, b"right").unwrap();
        let seen = scratch
            .with("a/b.rs", "wrong", || Ok(fs::read_to_string(&file)?))
            .unwrap();
        assert_eq!(
            (seen.as_str(), fs::read_to_string(&file).unwrap().as_str()),
            ("wrong", "right")
        );
    }

    #[test]
    fn what_is_not_in_the_tree_leaves_the_copy() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a/b.rs", "a/old.rs", "old.rs"] {
            write_if_changed(&folder.path().join(name), b"").unwrap();
        }
        remove_others(
            folder.path(),
            folder.path(),
            &BTreeSet::from(["a/b.rs".to_owned()]),
        )
        .unwrap();
        let there = |name: &str| folder.path().join(name).exists();
        assert!(there("a/b.rs") && !there("a/old.rs") && !there("old.rs"));
    }
}
