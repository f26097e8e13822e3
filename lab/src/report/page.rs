//! The page: sections of prose, lists, tables and figures, in order. [`Page::html`] and [`Page::markdown`] write the same parts,
//! so that whoever reads one has read the other; only the pictures are in the first alone.

use super::{html, markdown};
use std::io;
use std::path::Path;

/// A report.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub(super) title: String,
    pub(super) about: String,
    pub(super) sections: Vec<Section>,
}

/// A part of a report with a heading.
#[derive(Clone, Debug, Default)]
pub struct Section {
    pub(super) title: String,
    pub(super) parts: Vec<Part>,
}

/// What sections are made of.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Prose(String),
    List(Vec<String>),
    Table(Table),
    Figure(Figure),
}

/// A table. Columns whose cells are all numbers are set to the right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub(super) caption: String,
    pub(super) heads: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// A picture with its caption and the command that made it.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    pub(super) svg: String,
    pub(super) caption: String,
    pub(super) recipe: String,
}

impl Page {
    /// An empty page.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Page {
        Page {
            title: title.into(),
            ..Page::default()
        }
    }

    /// Says below the title what it is about.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Page {
        self.about = about.into();
        self
    }

    /// Adds a section.
    #[must_use]
    pub fn section(mut self, section: Section) -> Page {
        self.sections.push(section);
        self
    }

    /// The text of the HTML file. It is well-formed XML as well.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// The same as Markdown, with each picture's caption in its place.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::page(self)
    }

    /// Writes the HTML file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, to: &Path) -> io::Result<()> {
        std::fs::write(to, self.html())
    }

    /// Writes the Markdown file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_markdown(&self, to: &Path) -> io::Result<()> {
        std::fs::write(to, self.markdown())
    }
}

impl Section {
    /// An empty section.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Section {
        Section {
            title: title.into(),
            parts: Vec::new(),
        }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn prose(self, text: &str) -> Section {
        self.part(Part::Prose(text.to_owned()))
    }

    /// Adds a list, unless it is empty.
    #[must_use]
    pub fn list(self, items: Vec<String>) -> Section {
        if items.is_empty() {
            return self;
        }
        self.part(Part::List(items))
    }

    /// Adds a table.
    #[must_use]
    pub fn table(self, table: &Table) -> Section {
        self.part(Part::Table(table.clone()))
    }

    /// Adds a figure.
    #[must_use]
    pub fn figure(self, figure: &Figure) -> Section {
        self.part(Part::Figure(figure.clone()))
    }

    fn part(mut self, part: Part) -> Section {
        self.parts.push(part);
        self
    }
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new<Head: Into<String>>(
        caption: impl Into<String>,
        heads: impl IntoIterator<Item = Head>,
    ) -> Table {
        Table {
            caption: caption.into(),
            heads: heads.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<Cell: Into<String>>(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether it has no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The same without the columns that have no cell.
    #[must_use]
    pub fn without_empty_columns(self) -> Table {
        let filled = |column: usize| {
            self.rows
                .iter()
                .any(|row| row.get(column).is_some_and(|cell| !cell.is_empty()))
        };
        let filled: Vec<bool> = (0..self.heads.len()).map(filled).collect();
        let keep = |cells: Vec<String>| {
            let cells = cells.into_iter().zip(&filled).filter(|(_, filled)| **filled);
            cells.map(|(cell, _)| cell).collect()
        };
        Table {
            heads: keep(self.heads),
            rows: self.rows.into_iter().map(keep).collect(),
            caption: self.caption,
        }
    }

    /// For each column, whether all its cells are numbers.
    pub(super) fn numeric(&self) -> Vec<bool> {
        let all_numbers = |column: usize| {
            let mut cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.all(|cell| is_number(cell))
        };
        (0..self.heads.len()).map(all_numbers).collect()
    }
}

/// Whether a cell reads as a number, perhaps with its unit: `-1.5 ms`, `≤ 12 %`, or nothing. A list of numbers does not, nor
/// does a sentence.
fn is_number(cell: &str) -> bool {
    let digit = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_digit()) && !word.contains(char::is_alphabetic)
    };
    let words = cell.trim_start_matches(['-', '+', '±', '≤', '≥', ' ']);
    let mut words = words.split(' ');
    let number =
        words.next().is_some_and(digit) && !words.next().is_some_and(digit) && words.next().is_none();
    number || matches!(cell, "" | "n/a" | "void")
}

impl Figure {
    /// A figure of an SVG picture ([`crate::plot`]), with a sentence below it and the command that made it.
    #[must_use]
    pub fn new(svg: impl Into<String>, caption: impl Into<String>, recipe: impl Into<String>) -> Figure {
        Figure {
            svg: svg.into(),
            caption: caption.into(),
            recipe: recipe.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l3_a_page_needs_nothing_from_elsewhere_and_runs_nothing() {
        let mut table = Table::new("Shares & more", ["thread", "share"]);
        table.row(["<script>alert(1)</script>", "12.5 %"]);
        let section = Section::new("One")
            .prose("a < b")
            .table(&table)
            .figure(&Figure::new("<svg></svg>", "A plot.", "./x sim"));
        let html = Page::new("T").about("about").section(section).html();
        for foreign in ["http", "<script", "<link", "@import", "src=", "url("] {
            assert!(!html.contains(foreign), "{foreign}");
        }
        assert!(html.contains("&lt;script&gt;") && html.contains("a &lt; b"));
        assert!(html.contains("<td class=\"n\">12.5 %</td>") && html.contains("<code>./x sim</code>"));
    }

    #[test]
    fn l3_columns_without_a_cell_can_be_left_out() {
        let mut table = Table::new("", ["a", "b", "c"]);
        table.row(["1", "", "3"]);
        table.row(["", "", "6"]);
        let table = table.without_empty_columns();
        assert_eq!(
            (table.heads, table.rows),
            (
                vec!["a".into(), "c".into()],
                vec![vec!["1".into(), "3".into()], vec![String::new(), "6".into()]]
            )
        );
    }

    #[test]
    fn l3_columns_of_numbers_are_told_from_columns_of_words() {
        assert!(
            ["-1.5 ms", "12 %", "", "n/a", "+3", "≤ 330", "void"]
                .into_iter()
                .all(is_number)
        );
        assert!(
            !["hog", "-", "x1", "1 2 3", "0.9 of the other", "0123ab"]
                .into_iter()
                .any(is_number)
        );
    }
}
