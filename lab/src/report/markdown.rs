//! A page as Markdown, in the form that GitHub reads: for a terminal, a commit, a review. Columns are padded so that the text
//! is a table to the eye as well.

use super::page::{Figure, Page, Part, Table};

/// The file's text.
pub(super) fn page(page: &Page) -> String {
    let mut text = format!("# {}\n", escape(&page.title));
    if !page.about.is_empty() {
        text += &format!("\n{}\n", escape(&page.about));
    }
    for section in &page.sections {
        text += &format!("\n## {}\n", escape(&section.title));
        for part in &section.parts {
            text += "\n";
            text += &match part {
                Part::Prose(prose) => escape(prose) + "\n",
                Part::List(items) => items.iter().map(|item| format!("- {}\n", escape(item))).collect(),
                Part::Table(shown) => table(shown),
                Part::Figure(shown) => figure(shown),
            };
        }
    }
    text
}

fn table(table: &Table) -> String {
    let cells = |cells: &[String]| -> Vec<String> {
        let cell = |column: usize| cells.get(column).map_or_else(String::new, |cell| escape(cell));
        (0..table.heads.len()).map(cell).collect()
    };
    let heads = cells(&table.heads);
    let rows: Vec<Vec<String>> = table.rows.iter().map(|row| cells(row)).collect();
    let numeric = table.numeric();
    let width = |column: usize| {
        let all = rows.iter().chain([&heads]).map(|row| row[column].chars().count());
        all.max().unwrap_or(0).max(4)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &[String]| -> String {
        let mut line = String::from("|");
        for ((cell, width), number) in cells.iter().zip(&widths).zip(&numeric) {
            line += &if *number {
                format!(" {cell:>width$} |")
            } else {
                format!(" {cell:width$} |")
            };
        }
        line + "\n"
    };
    let rules = widths.iter().zip(&numeric).map(|(width, number)| {
        let dashes = "-".repeat(width - 1);
        if *number { dashes + ":" } else { dashes + "-" }
    });
    let rules: Vec<String> = rules.collect();
    let body: String = rows.iter().map(|row| line(row)).collect();
    format!(
        "{}:\n\n{}{}{body}",
        escape(&table.caption),
        line(&heads),
        line(&rules)
    )
}

fn figure(figure: &Figure) -> String {
    let recipe = match figure.recipe.as_str() {
        "" => String::new(),
        recipe => format!(" Made by `{}`.", recipe.replace('`', "'")),
    };
    format!("*Figure: {}*{recipe}\n", escape(&figure.caption))
}

/// Text that Markdown shows as it is, also inside a table.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '|' | '[' | ']' => escaped.extend(['\\', letter]),
            '<' => escaped.push_str("&lt;"),
            '\n' | '\r' => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::page::Section;
    use super::*;

    #[test]
    fn l3_markdown_says_what_the_page_says() {
        let mut shown = Table::new("Costs", ["row", "median"]);
        shown.row(["N1 | *", "12,345"]);
        shown.row(["N2", "68"]);
        let section = Section::new("One")
            .prose("a < b")
            .list(vec!["first".to_owned(), "second".to_owned()])
            .table(&shown)
            .figure(&Figure::new("<svg/>", "A plot.", "./x bench"));
        let text = Page::new("T").about("about").section(section).markdown();
        let expected = "# T\n\nabout\n\n## One\n\na &lt; b\n\n- first\n- second\n\nCosts:\n\n\
                        | row      | median |\n| -------- | -----: |\n| N1 \\| \\* | 12,345 |\n| N2       |     68 |\n\n\
                        *Figure: A plot.* Made by `./x bench`.\n";
        assert_eq!(text, expected);
    }
}
