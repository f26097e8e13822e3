//! From what the user names to a binary manifest that the kernel can boot.

use crate::workspace;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// The manifest that `run` boots, described.
const DEFAULT: &str = "user/default.toml";

/// A binary manifest for `path`: itself, or what a `.toml` describes.
///
/// # Errors
/// When the description has errors, each with file, line and field.
pub fn resolve(path: &Path) -> Result<PathBuf> {
    ensure!(
        path.extension().is_none_or(|extension| extension != "toml"),
        "{}: TOML",
        path.display()
    );
    Ok(std::path::absolute(path)?)
}

/// The default manifest, built from these programs.
///
/// # Errors
/// As [`resolve`].
pub fn default(_programs: &Path) -> Result<PathBuf> {
    resolve(&workspace::root().join(DEFAULT))
}
