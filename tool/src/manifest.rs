//! Boot manifests from TOML and back.
//!
//! [`build`] reads a description (docs/manifest.md), writes the Cap'n Proto message, and has the crate
//! `manifest` check it exactly as the kernel will. What that check finds is reported at the line of TOML it
//! came from, because every field is noted with its place while it is written.

mod data;
mod diagnostic;
mod section;
mod show;
mod words;
mod write;

pub use diagnostic::{Diagnostic, Failure, Severity};
pub use show::show;

use ::manifest::{Aligned, Manifest, ManifestError, init::Image, program};
use diagnostic::Notes;
use std::path::{Path, PathBuf};

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folders with binaries that are not found beside the description.
    pub programs: Vec<PathBuf>,
}

/// A manifest that the kernel will accept.
#[derive(Debug)]
pub struct Built {
    /// What to boot.
    pub bytes: Vec<u8>,
    /// Names and sizes of the binaries, in order.
    pub binaries: Vec<(String, usize)>,
    /// What is allowed but odd.
    pub warnings: Vec<Diagnostic>,
}

impl Built {
    /// One JSON object.
    #[must_use]
    pub fn to_json(&self, what: &str) -> String {
        let binaries: Vec<_> = self
            .binaries
            .iter()
            .map(|(name, bytes)| serde_json::json!({ "name": name, "bytes": bytes }))
            .collect();
        serde_json::json!({
            "result": what,
            "bytes": self.bytes.len(),
            "binaries": binaries,
            "warnings": self.warnings,
        })
        .to_string()
    }
}

/// Builds the manifest that a TOML file describes.
///
/// # Errors
/// Everything that is wrong with the description, each with its line.
pub fn build(file: &Path, options: &Options) -> Result<Built, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::one(Diagnostic::about(file, &format!("cannot be read: {error}"))))?;
    build_text(file, &text, options)
}

/// Builds from text; `file` is for messages, and binaries are looked for beside it.
///
/// # Errors
/// As for [`build`].
pub fn build_text(file: &Path, text: &str, options: &Options) -> Result<Built, Failure> {
    let notes = Notes::new(file, text);
    let bytes = write::message(&notes, options);
    notes.fail_if_errors()?;
    let aligned = Aligned::copy(&bytes);
    match Manifest::decode(aligned.bytes()) {
        Ok(manifest) => check_programs(&manifest, |field, problem, severity| {
            notes.report_field(field, problem, severity);
        }),
        Err(error) => notes.report_field(&error.field, &error.problem.to_string(), Severity::Error),
    }
    notes.fail_if_errors()?;
    let binaries = binary_sizes(aligned.bytes());
    Ok(Built {
        bytes,
        binaries,
        warnings: notes.into_diagnostics(),
    })
}

/// Checks a binary manifest.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(bytes: Vec<u8>) -> Result<Built, Failure> {
    let aligned = Aligned::copy(&bytes);
    let manifest = Manifest::decode(aligned.bytes()).map_err(|error| refused(&error))?;
    let mut found = Vec::new();
    check_programs(&manifest, |field, problem, severity| {
        found.push(Diagnostic {
            severity,
            ..Diagnostic::of_field(field, problem)
        });
    });
    if found
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error)
    {
        return Err(Failure { diagnostics: found });
    }
    Ok(Built {
        binaries: binary_sizes(aligned.bytes()),
        bytes,
        warnings: found,
    })
}

fn refused(error: &ManifestError) -> Failure {
    Failure::one(Diagnostic::of_field(&error.field, &error.problem.to_string()))
}

/// Init's program must load; another binary that looks like a program and does not load is only odd, because
/// it may be data.
fn check_programs(manifest: &Manifest<'_>, mut report: impl FnMut(&str, &str, Severity)) {
    for (index, binary) in manifest.binaries.iter().enumerate() {
        let is_init = manifest.init.image == Image::Binary { index };
        if !is_init && !binary.data.starts_with(b"\x7fELF") {
            continue;
        }
        if let Err(error) = program::check(binary.data) {
            let severity = if is_init {
                Severity::Error
            } else {
                Severity::Warning
            };
            let problem = format!("`{}` cannot be loaded as a program: {error}", binary.name);
            report(&format!("binaries[{index}].data"), &problem, severity);
        }
    }
}

fn binary_sizes(bytes: &[u8]) -> Vec<(String, usize)> {
    Manifest::decode(bytes).map_or_else(
        |_| Vec::new(),
        |manifest| {
            manifest
                .binaries
                .iter()
                .map(|b| (b.name.to_owned(), b.data.len()))
                .collect()
        },
    )
}
