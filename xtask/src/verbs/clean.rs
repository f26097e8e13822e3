//! `clean`: deletes what was built, and nothing else.

use crate::{exit, progress, workspace};
use anyhow::{Context, Result};

/// Empties the target folder, except for this very program, which cargo rebuilds when it must.
pub(super) fn clean() -> Result<u8> {
    let target = workspace::target();
    let entries = match std::fs::read_dir(&target) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(exit::OK),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", target.display())),
    };
    for entry in entries {
        let path = entry?.path();
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        removed.with_context(|| format!("cannot delete {}", path.display()))?;
    }
    progress::say(format!("{} is empty", workspace::shown(&target)));
    Ok(exit::OK)
}
