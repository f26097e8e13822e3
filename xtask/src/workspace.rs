//! Where things are: the root of the repository and the folders that builds and boots write to.
//!
//! All outputs live under one target folder, `target/` unless `CARGO_TARGET_DIR` says otherwise, so that
//! `./x clean` and a fresh clone mean the same thing.

use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    // The builder never leaves the tree it was built in; `cargo run` from anywhere still finds it.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .map_or_else(|| here.to_path_buf(), Path::to_path_buf)
}

/// The folder for everything that is built, absolute.
#[must_use]
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => std::path::absolute(&folder).unwrap_or_else(|_| folder.into()),
        None => root().join("target"),
    }
}

/// The folder for logs, probe results and built manifests; made when it is not there.
#[must_use]
pub fn run_folder() -> PathBuf {
    let folder = target().join("run");
    // A failure shows at the first write into it, with the path in the message.
    let _ = std::fs::create_dir_all(&folder);
    folder
}

/// `path` as a person would type it from the current folder, when that is shorter.
#[must_use]
pub fn shown(path: &Path) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&current).unwrap_or(path).display().to_string()
}

/// `path` from the root of the repository, when it is inside it.
#[must_use]
pub fn root_relative(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    path.strip_prefix(root()).unwrap_or(&path).display().to_string()
}
