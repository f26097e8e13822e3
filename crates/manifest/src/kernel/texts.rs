//! Host name and message of the day: short, printable, and safe to show on any terminal.

use crate::error::{ManifestError, Problem};
use crate::path::Path;
use crate::read::Input;
use schema_gen::system::system_config;

const MOTD_BYTES: usize = 4096;
const MOTD_LINE_BYTES: usize = 1000;
const HOSTNAME_BYTES: usize = 255;

/// Lines of text; tabs and line feeds are the only control characters.
pub(crate) fn motd<'a>(
    input: &Input<'a>,
    path: &Path<'_>,
    config: system_config::Reader<'_>,
) -> Result<&'a str, ManifestError> {
    let motd = input.text(path, config.get_motd(), MOTD_BYTES)?;
    if let Some(character) = motd.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(path.fail(Problem::BadCharacter { character }));
    }
    if let Some(line) = motd.split('\n').position(|line| line.len() > MOTD_LINE_BYTES) {
        return Err(path.fail(Problem::LongLine {
            line: line + 1,
            most: MOTD_LINE_BYTES,
        }));
    }
    Ok(motd)
}

/// One word.
pub(crate) fn hostname<'a>(
    input: &Input<'a>,
    path: &Path<'_>,
    config: system_config::Reader<'_>,
) -> Result<&'a str, ManifestError> {
    let hostname = input.text(path, config.get_hostname(), HOSTNAME_BYTES)?;
    match hostname.chars().find(|c| c.is_control() || c.is_whitespace()) {
        Some(character) => Err(path.fail(Problem::BadCharacter { character })),
        None => Ok(hostname),
    }
}
