//! From what a person names to a binary manifest that the kernel can boot: a binary one as it is, and a description in
//! TOML (docs/manifest.md) built on the fly, with its programs looked for beside it and among those we built.

use crate::{progress, workspace};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use sundial::manifest::Options;

/// The manifest that `run` boots, described.
const DEFAULT: &str = "user/default.toml";

/// Whether a file is a description that needs building.
#[must_use]
pub fn is_description(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

/// The default manifest, built from these programs.
///
/// # Errors
/// As [`build`].
pub fn default(programs: &Path) -> Result<PathBuf> {
    build(&workspace::root().join(DEFAULT), &[programs.to_path_buf()])
}

/// Builds the manifest that `description` describes from programs in these folders: the path of the result.
///
/// # Errors
/// Everything that is wrong with the description, each with file, line and field.
pub fn build(description: &Path, programs: &[PathBuf]) -> Result<PathBuf> {
    let options = Options {
        programs: programs.to_vec(),
    };
    let built = match sundial::manifest::build(description, &options) {
        Ok(built) => built,
        Err(failure) => bail!("{} was not built:\n{failure}", workspace::shown(description)),
    };
    for warning in &built.warnings {
        progress::say(warning.to_string());
    }
    let folder = workspace::run_folder().join("manifests");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // Tests build theirs at the same time: each file appears whole, and under a name of its own.
    let name = workspace::root_relative(description).replace('/', "-");
    let path = folder
        .join(name.trim_start_matches('-'))
        .with_extension("manifest");
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let written = std::fs::write(&draft, &built.bytes).and_then(|()| std::fs::rename(&draft, &path));
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
