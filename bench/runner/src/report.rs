//! The page about a run, with plots: made by `lab::report` from the rows that were kept, as `sundial report` does. It lies
//! beside other results of builds, not beside the rows: it can be made again at any time.

use anyhow::{Context, Result};
use lab::bench::Rows;
use lab::report::{Compared, of_rows};
use std::path::PathBuf;
use xtask::workspace;

/// Writes the page of a run as HTML and as Markdown, with what changed since an older one and its name: their paths.
///
/// # Errors
/// When the pages cannot be written.
pub(super) fn write(rows: &Rows, old: Option<(&str, &Rows)>) -> Result<[PathBuf; 2]> {
    let page = of_rows(rows, old.map(|(name, rows)| Compared { name, rows }));
    let folder = workspace::target().join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let place = |ending: &str| folder.join("report").with_extension(ending);
    let pages = [("html", page.html()), ("md", page.markdown())];
    for (ending, text) in &pages {
        let path = place(ending);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(pages.map(|(ending, _)| place(ending)))
}
