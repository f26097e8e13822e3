//! Reading and writing workloads: files into a [`Scenario`], and a [`Scenario`] back into a file.
//!
//! There are two languages. [`toml`] is ours: everything a scenario can say, comfortable to write by hand, and what
//! [`toml::write()`] prints is read back as the same scenario. [`rtapp`] is what Linux users have: the JSON of rt-app 1.0,
//! with the liberties that files in the wild take. Both are in docs/scenarios.md.
//!
//! Nothing in a file is ever ignored in silence: it means something, or there is a [`Note`] that says why it means
//! nothing here, or the file is refused with every reason at once.
//!
//! Reading order: [`error`] is what is said to the writer of a file; [`spans`], [`words`] and [`step`] are the small
//! grammars; `objects` gives names their numbers; then the two languages.

use std::fs;
use std::path::Path;

use crate::scenario::{Scenario, Step};

pub mod error;
mod objects;
pub mod rtapp;
pub mod spans;
pub mod step;
pub mod toml;
mod words;

pub use error::{Error, Errors, Note, Place};

/// A machine has so many CPUs at most.
pub const MOST_CPUS: u32 = words::LAST_CPU + 1;

/// A program has so many phases at most, and a phase so many steps: threads count them in 16 bits.
const LONGEST: usize = u16::MAX as usize;

/// A step as TOML files write it.
pub(crate) fn step_text(step: Step, scenario: &Scenario) -> String {
    step::print(step, scenario, &objects::Objects::of(scenario))
}

/// A scenario and what is to be said about its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// What to simulate.
    pub scenario: Scenario,
    /// What in the file has no or a different meaning here, in the order of the file.
    pub notes: Vec<Note>,
}

/// Reads a scenario file in either language, with the usual [`rtapp::Options`].
///
/// # Errors
/// As for [`load_with`].
pub fn load(path: &Path) -> Result<Loaded, Errors> {
    load_with(path, &rtapp::Options::default())
}

/// Reads a scenario file: `.toml` and `.json` say which language it is, any other name leaves it to the content.
/// `options` are for rt-app's files, which do not say everything.
///
/// # Errors
/// The file cannot be read, or everything that is wrong with it.
pub fn load_with(path: &Path, options: &rtapp::Options) -> Result<Loaded, Errors> {
    let file = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Errors::about(&file, &format!("cannot be read: {error}")))?;
    let json = match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => false,
        Some("json") => true,
        _ => looks_like_json(&text),
    };
    if json {
        let (scenario, notes) = rtapp::read(&text, &file, options)?;
        Ok(Loaded { scenario, notes })
    } else {
        let scenario = toml::read(&text, &file)?;
        Ok(Loaded {
            scenario,
            notes: Vec::new(),
        })
    }
}

/// Whether the first character that is not space begins an object or a comment of rt-app's. No TOML begins with these.
fn looks_like_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with(['{', '/'])
}

/// What a scenario is called whose file does not say: the file's name without folder and extension.
fn name_of(file: &str) -> String {
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str());
    stem.unwrap_or("scenario").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_a_file_without_a_telling_name_is_known_by_its_first_character() {
        assert!(looks_like_json(" \n{ \"tasks\" : {} }"));
        assert!(looks_like_json("/* a comment */ {"));
        assert!(!looks_like_json("# a comment\nduration = \"1s\""));
        assert_eq!(name_of("folder/hogs.toml"), "hogs");
    }
}
