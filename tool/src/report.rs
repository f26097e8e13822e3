//! `sundial report`: a page of what `./x bench` measured.

use crate::output::{put, say, told};
use clap::Args;
use lab::bench::{self, Rows};
use lab::report::{Compared, of_rows};
use std::path::{Path, PathBuf};

/// Which rows, and where the page goes. Without an output the Markdown is printed.
#[derive(Args)]
#[command(after_help = "\
Rows come from `./x bench`, which keeps them in bench/results/.

Examples:
  sundial report bench/results/reference.jsonl --html report.html       one file, to be read without a network
  sundial report run.jsonl --html report.html --markdown report.md      and its words and tables as Markdown
  sundial report run.jsonl --compare bench/results/reference.jsonl      and what changed since an older run

docs/reports.md tells what each figure shows. Exit code 1 when a file is not read: the line that is no row is named.")]
pub(crate) struct Arguments {
    /// A results file: one row a line, as JSON.
    rows: PathBuf,
    /// Write a page with plots and tables into FILE.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the page's words and tables as Markdown into FILE (- is standard output).
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Show what changed since the run in OLD.
    #[arg(long, value_name = "OLD")]
    compare: Option<PathBuf>,
}

impl Arguments {
    /// Does what was asked; an error is what to print.
    pub(crate) fn run(self) -> Result<(), String> {
        let rows = read(&self.rows)?;
        let old = match &self.compare {
            Some(file) => Some((file.display().to_string(), read(file)?)),
            None => None,
        };
        let compared = old.as_ref().map(|(name, rows)| Compared { name, rows });
        let page = of_rows(&rows, compared);
        if let Some(file) = &self.html {
            put(file, &page.html())?;
        }
        if let Some(file) = &self.markdown {
            put(file, &page.markdown())?;
        }
        if self.html.is_none() && self.markdown.is_none() {
            say(&page.markdown());
        }
        Ok(())
    }
}

fn read(file: &Path) -> Result<Rows, String> {
    let text = std::fs::read_to_string(file).map_err(|error| told(file, error))?;
    bench::read(&text).map_err(|refused| told(file, refused))
}
