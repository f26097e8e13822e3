//! The page: sections of prose, tables and figures, written as HTML.

use crate::plot::escape;
use std::io;
use std::path::Path;

/// How the page looks.
const STYLE: &str = include_str!("style.css");

/// A report.
#[derive(Clone, Debug, Default)]
pub struct Page {
    title: String,
    about: String,
    sections: Vec<Section>,
}

/// A part of a report with a heading.
#[derive(Clone, Debug, Default)]
pub struct Section {
    title: String,
    /// Pieces of HTML, in order.
    parts: Vec<String>,
}

/// A table. Columns whose cells are all numbers are set to the right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    caption: String,
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// A picture with its caption and the command that made it.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    svg: String,
    caption: String,
    recipe: String,
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

    /// The file's text.
    #[must_use]
    pub fn html(&self) -> String {
        let title = escape(&self.title);
        let about = if self.about.is_empty() {
            String::new()
        } else {
            format!("<p class=\"about\">{}</p>\n", escape(&self.about))
        };
        let (mut contents, mut body) = (String::new(), String::new());
        for (number, section) in self.sections.iter().enumerate() {
            let heading = escape(&section.title);
            contents += &format!("<li><a href=\"#s{number}\">{heading}</a></li>\n");
            body += &format!(
                "<section id=\"s{number}\">\n<h2>{heading}</h2>\n{}</section>\n",
                section.parts.concat()
            );
        }
        let contents = match self.sections.len() {
            0..3 => String::new(),
            _ => format!("<nav><ul>\n{contents}</ul></nav>\n"),
        };
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <header><h1>{title}</h1>\n{about}</header>\n{contents}<main>\n{body}</main>\n</body>\n</html>\n"
        )
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, to: &Path) -> io::Result<()> {
        std::fs::write(to, self.html())
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
    pub fn prose(mut self, text: &str) -> Section {
        self.parts.push(format!("<p>{}</p>\n", escape(text)));
        self
    }

    /// Adds a table.
    #[must_use]
    pub fn table(mut self, table: &Table) -> Section {
        self.parts.push(table.html());
        self
    }

    /// Adds a figure.
    #[must_use]
    pub fn figure(mut self, figure: &Figure) -> Section {
        self.parts.push(figure.html());
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

    fn html(&self) -> String {
        let numeric: Vec<bool> = (0..self.heads.len())
            .map(|column| {
                self.rows
                    .iter()
                    .filter_map(|row| row.get(column))
                    .all(|cell| is_number(cell))
            })
            .collect();
        let cells = |tag: &str, cells: &[String]| -> String {
            let cell = |(column, cell): (usize, &String)| {
                let class = if numeric.get(column) == Some(&true) {
                    " class=\"n\""
                } else {
                    ""
                };
                format!("<{tag}{class}>{}</{tag}>", escape(cell))
            };
            cells.iter().enumerate().map(cell).collect()
        };
        let rows: String = self
            .rows
            .iter()
            .map(|row| format!("<tr>{}</tr>\n", cells("td", row)))
            .collect();
        format!(
            "<div class=\"wide\"><table>\n<caption>{}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n",
            escape(&self.caption),
            cells("th", &self.heads)
        )
    }
}

/// Whether a cell reads as a number, perhaps with its unit: `-1.5 ms`, `12 %`, or nothing.
fn is_number(cell: &str) -> bool {
    cell.is_empty()
        || cell == "n/a"
        || cell
            .trim_start_matches(['-', '+', '±'])
            .starts_with(|first: char| first.is_ascii_digit())
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

    fn html(&self) -> String {
        let recipe = if self.recipe.is_empty() {
            String::new()
        } else {
            format!(
                "<span class=\"recipe\">Made by <code>{}</code></span>",
                escape(&self.recipe)
            )
        };
        format!(
            "<figure>\n{}\n<figcaption>{} {recipe}</figcaption>\n</figure>\n",
            self.svg,
            escape(&self.caption)
        )
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
    fn l3_columns_of_numbers_are_told_from_columns_of_words() {
        assert!(["-1.5 ms", "12 %", "", "n/a", "+3"].into_iter().all(is_number));
        assert!(!["hog", "-", "x1"].into_iter().any(is_number));
    }
}
