//! A page as one HTML file. Every element is closed, so that a reader of XML can check it too.

use super::page::{Figure, Page, Part, Section, Table};
use crate::plot::escape;

/// How the page looks.
const STYLE: &str = include_str!("style.css");

/// The file's text.
pub(super) fn page(page: &Page) -> String {
    let title = escape(&page.title);
    let about = match page.about.as_str() {
        "" => String::new(),
        about => format!("<p class=\"about\">{}</p>\n", escape(about)),
    };
    let (mut contents, mut body) = (String::new(), String::new());
    for (number, section) in page.sections.iter().enumerate() {
        let heading = escape(&section.title);
        contents += &format!("<li><a href=\"#s{number}\">{heading}</a></li>\n");
        let parts = parts(section);
        body += &format!("<section id=\"s{number}\">\n<h2>{heading}</h2>\n{parts}</section>\n");
    }
    let contents = match page.sections.len() {
        0..3 => String::new(),
        _ => format!("<nav aria-label=\"Sections\"><ul>\n{contents}</ul></nav>\n"),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>{title}</h1>\n{about}</header>\n{contents}<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn parts(section: &Section) -> String {
    let part = |part: &Part| match part {
        Part::Prose(text) => format!("<p>{}</p>\n", escape(text)),
        Part::List(items) => list(items),
        Part::Table(shown) => table(shown),
        Part::Figure(shown) => figure(shown),
    };
    section.parts.iter().map(part).collect()
}

fn list(items: &[String]) -> String {
    let items: String = items
        .iter()
        .map(|item| format!("<li>{}</li>\n", escape(item)))
        .collect();
    format!("<ul>\n{items}</ul>\n")
}

fn table(table: &Table) -> String {
    let numeric = table.numeric();
    let heads: String = (0..)
        .zip(&table.heads)
        .map(|(column, head)| {
            format!(
                "<th scope=\"col\"{}>{}</th>",
                class(&numeric, column, ""),
                escape(head)
            )
        })
        .collect();
    let row = |cells: &Vec<String>| -> String {
        let cells = (0..).zip(cells);
        cells
            .map(|(column, cell)| format!("<td{}>{}</td>", class(&numeric, column, cell), escape(cell)))
            .collect()
    };
    let rows: String = table
        .rows
        .iter()
        .map(|cells| format!("<tr>{}</tr>\n", row(cells)))
        .collect();
    format!(
        "<div class=\"wide\"><table>\n<caption>{}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n",
        escape(&table.caption)
    )
}

/// Words that are set apart. The word says it; the look only helps to find it.
const NOTED: [&str; 4] = ["missed", "void", "slower", "failed"];
/// A cell longer than this may go over several lines.
const LONG: usize = 24;

/// The attribute of a cell: numbers to the right, what went wrong set apart, long text in several lines.
fn class(numeric: &[bool], column: usize, cell: &str) -> String {
    let mut classes = Vec::new();
    if numeric.get(column) == Some(&true) {
        classes.push("n");
    }
    if NOTED.contains(&cell) {
        classes.push("noted");
    }
    if cell.chars().count() > LONG {
        classes.push("long");
    }
    if classes.is_empty() {
        return String::new();
    }
    format!(" class=\"{}\"", classes.join(" "))
}

fn figure(figure: &Figure) -> String {
    let recipe = match figure.recipe.as_str() {
        "" => String::new(),
        recipe => format!(
            "<span class=\"recipe\">Made by <code>{}</code></span>",
            escape(recipe)
        ),
    };
    format!(
        "<figure>\n<div class=\"plot\">{}</div>\n<figcaption>{} {recipe}</figcaption>\n</figure>\n",
        figure.svg,
        escape(&figure.caption)
    )
}
