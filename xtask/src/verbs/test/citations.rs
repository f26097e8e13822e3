//! What comments and documents cite: a page, a numbered section of it, a row of a table; and in documents, files of code. Whoever
//! reads the repository must be able to open it, so every page and file that is named is here, and every section and row that is
//! named is on it.

use crate::verbs::sources;
use crate::workspace;
use anyhow::Result;
use std::path::Path;

/// Files with comments in them, and how their comments begin.
const COMMENTED: [(&str, &str); 5] = [
    ("rs", "//"),
    ("toml", "#"),
    ("capnp", "#"),
    ("ld", "/*"),
    ("s", "//"),
];

/// Lists that no page has: a number behind one of these words leads nowhere.
const NO_PAGE: [&str; 3] = ["promise", "nasty row", "nasty rows"];

/// Citations that lead nowhere, as `file:line: citation`.
pub(super) fn broken() -> Result<Vec<String>> {
    let mut found = Vec::new();
    let page = |name: &str, folder: &Path| {
        let places = [workspace::root(), folder.to_path_buf()];
        places
            .iter()
            .find_map(|place| std::fs::read_to_string(place.join(name)).ok())
    };
    let code = sources::files("rs")?;
    let mut look = |path: &str, blocks: Vec<Block>, code: Option<&[String]>| {
        let folder = workspace::root().join(path);
        let folder = folder.parent().unwrap_or(Path::new("/"));
        for block in blocks {
            for wrong in wrong(&block.text, |name| page(name, folder)) {
                found.push(format!("  {path}:{}: {wrong}", block.line));
            }
            for gone in code.map_or_else(Vec::new, |code| gone(&block.text, code)) {
                found.push(format!("  {path}:{}: {gone}: there is no such file", block.line));
            }
        }
    };
    for (extension, sign) in COMMENTED {
        for path in sources::files(extension)? {
            look(&path, comments(&sources::read(&path)?, sign), None);
        }
    }
    for path in sources::files("md")? {
        look(&path, paragraphs(&sources::read(&path)?), Some(&code));
    }
    Ok(found)
}

/// Text that belongs together, and the line where it begins.
struct Block {
    line: usize,
    text: String,
}

/// Lines of comment that follow each other, without the signs.
fn comments(text: &str, sign: &str) -> Vec<Block> {
    let strip = |line: &str| {
        let rest = line.trim_start().strip_prefix(sign)?;
        Some(rest.trim_start_matches(['/', '!', '#', '*']).trim().to_owned())
    };
    blocks(text.lines().map(strip))
}

/// Lines of a document that follow each other; commands and output between fences cite nothing.
fn paragraphs(text: &str) -> Vec<Block> {
    let mut fenced = false;
    blocks(text.lines().map(|line| {
        let line = line.trim();
        let is_fence = line.starts_with("```");
        fenced ^= is_fence;
        (!fenced && !is_fence && !line.is_empty()).then(|| line.to_owned())
    }))
}

fn blocks(lines: impl Iterator<Item = Option<String>>) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut goes_on = false;
    for (number, line) in lines.enumerate() {
        match (line, found.last_mut()) {
            (Some(line), Some(last)) if goes_on => {
                last.text.push(' ');
                last.text.push_str(&line);
            }
            (Some(text), _) => {
                goes_on = true;
                found.push(Block {
                    line: number + 1,
                    text,
                });
            }
            (None, _) => goes_on = false,
        }
    }
    found
}

/// Names of files that end in this, and where the ending begins.
fn names<'t>(text: &'t str, ending: &'t str) -> impl Iterator<Item = (usize, &'t str)> {
    let is_name = |letter: char| letter.is_alphanumeric() || "/._-".contains(letter);
    text.match_indices(ending).filter_map(move |(at, _)| {
        let (before, after) = (&text[..at], &text[at + ending.len()..]);
        let name = &text[before.trim_end_matches(is_name).len()..at + ending.len()];
        (!after.starts_with(|next: char| next.is_alphanumeric())).then_some((at, name))
    })
}

/// Files of code that a text names with a folder and nobody finds. Documents leave out where paths of one part begin alike, so the
/// end of a path is enough.
fn gone<'t>(text: &'t str, code: &[String]) -> Vec<&'t str> {
    let is_here = |name: &str| {
        let before = |path: &String| {
            path.strip_suffix(name)
                .map(|rest| rest.is_empty() || rest.ends_with('/'))
        };
        code.iter().filter_map(before).any(|whole| whole)
    };
    // `<interface>.rs` and `{one,other.rs}` stand for several, and come with no folder.
    let with_folder =
        names(text, ".rs").filter(|(_, name)| name.contains('/') && !name.starts_with(['/', '.']));
    with_folder
        .map(|(_, name)| name)
        .filter(|name| !is_here(name))
        .collect()
}

/// What a text cites and nobody finds. `page` gives the text of a page.
fn wrong(text: &str, page: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (at, name) in names(text, ".md") {
        let (before, after) = (&text[..at], &text[at + 3..]);
        // Placeholders such as `NAME.md`, endings, and addresses are no citations.
        if name.len() == 3
            || before.contains("://")
            || name.trim_end_matches(".md").chars().all(char::is_uppercase)
        {
            continue;
        }
        match page(name) {
            None => found.push(format!("{name}: there is no such page")),
            Some(page) => found.extend(parts(after).into_iter().filter_map(|(kind, number)| {
                let has = match kind {
                    "section" => page
                        .lines()
                        .any(|line| line.starts_with(&format!("## {number}. "))),
                    _ => page
                        .lines()
                        .any(|line| line.starts_with(&format!("| {number} | "))),
                };
                (!has).then(|| format!("{name} has no {kind} {number}"))
            })),
        }
    }
    let lower = text.to_lowercase();
    for list in NO_PAGE {
        for (at, _) in lower.match_indices(list) {
            let rest = lower[at + list.len()..].trim_start();
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if !number.is_empty() && lower[at + list.len()..].starts_with(' ') {
                found.push(format!("{list} {number}: no page has that list"));
            }
        }
    }
    found
}

/// The sections or rows that are named behind a page's name: `, sections 1, 12 and 15`.
fn parts(after: &str) -> Vec<(&'static str, u32)> {
    let after = after.trim_start_matches(['`', ')', ',']).trim_start();
    let kinds = [
        ("sections ", "section"),
        ("section ", "section"),
        ("rows ", "row"),
        ("row ", "row"),
    ];
    let Some((kind, rest)) = kinds
        .iter()
        .find_map(|(word, kind)| Some((*kind, after.strip_prefix(word)?)))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for word in rest.split([' ', ',']).filter(|word| !word.is_empty()) {
        if ["and", "to", "or"].contains(&word) {
            continue;
        }
        let digits = word.trim_end_matches(|sign: char| !sign.is_ascii_digit());
        let Ok(number) = digits.parse() else { break };
        found.push((kind, number));
        // A number that ends the sentence ends the list.
        if digits.len() < word.len() {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with one page.
    fn one(name: &str) -> Option<String> {
        (name == "docs/wire.md").then(|| "# Wire\n## 2. Calls\n## 4. Ends\n| 7 | a row |\n".to_owned())
    }

    #[test]
    fn what_is_here_may_be_cited() {
        for text in [
            "Rule P7; docs/wire.md, section 2.",
            "as docs/wire.md says (docs/wire.md, sections 2 and 4; row 9 of elsewhere)",
            "docs/wire.md, row 7 there",
            "any NAME.md, and *.md; https://elsewhere.example/page.md",
            "what was promised to 8 people",
        ] {
            assert_eq!(wrong(text, one), [] as [&str; 0], "{text}");
        }
    }

    #[test]
    fn what_is_not_here_is_told() {
        let text = "other.md; docs/wire.md, sections 2 to 5, and docs/wire.md, row 8.";
        let expected = [
            "other.md: there is no such page",
            "docs/wire.md has no section 5",
            "docs/wire.md has no row 8",
        ];
        assert_eq!(wrong(text, one), expected);
        let list = format!("as {} 3 says", NO_PAGE[1]);
        assert_eq!(
            wrong(&list, one),
            [format!("{} 3: no page has that list", NO_PAGE[1])]
        );
    }

    #[test]
    fn code_that_is_named_with_its_folder_is_here() {
        let code = ["crates/kernel/src/call/mod.rs", "user/evil/src/report.rs"].map(str::to_owned);
        let here = "`kernel/src/call/mod.rs`, user/evil/src/report.rs, `objects/<interface>.rs` and `src/{apic,smp.rs}`";
        assert_eq!(gone(here, &code), [] as [&str; 0]);
        let text =
            "in `kernel/src/call.rs`, `evil/src/report.rs` and nel/src/call/mod.rs; docs.rs is an address";
        assert_eq!(gone(text, &code), ["kernel/src/call.rs", "nel/src/call/mod.rs"]);
    }

    #[test]
    fn a_citation_may_be_broken_over_two_lines_of_a_comment() {
        let text =
            "//! Rules of docs/wire.md,\n//! section 3.\nfn code() {} // docs/none.md\n/// docs/wire.md\n";
        let found: Vec<(usize, Vec<String>)> = comments(text, "//")
            .iter()
            .map(|block| (block.line, wrong(&block.text, one)))
            .collect();
        assert_eq!(
            found,
            [
                (1, vec!["docs/wire.md has no section 3".to_owned()]),
                (4, Vec::new())
            ]
        );
    }
}
