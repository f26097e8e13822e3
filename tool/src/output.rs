//! Where a verb's output goes, and what is said when it cannot.

use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;

/// Writes text into a file, or to standard output for `-`.
pub(crate) fn put(out: &Path, text: &str) -> Result<(), String> {
    if out == Path::new("-") {
        say(text);
        return Ok(());
    }
    std::fs::write(out, text).map_err(|error| told(out, error))
}

/// Prints. A reader that has seen enough (`| head`) is no error.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What is printed about a file.
pub(crate) fn told(file: &Path, error: impl Display) -> String {
    format!("error: {}: {error}\n", file.display())
}
