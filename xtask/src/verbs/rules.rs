//! `rules`: the table of requirement ids. A row is an id with a sentence in `docs/rules/` or a test that carries it;
//! its cells are the sentence, the comments at lines that uphold it, the named checks, and the tests. An empty cell
//! is a to-do, and is listed.

use super::sources;
use crate::cli::JsonArguments;
use crate::exit;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything known about one requirement.
#[derive(Debug, Default, Serialize)]
struct Rule {
    /// The first sentence about it.
    sentence: Option<String>,
    /// Files with a comment that names it.
    comments: Vec<String>,
    /// Functions of the check modules whose documentation names it.
    checks: Vec<String>,
    /// Test functions that carry it.
    tests: Vec<String>,
}

impl Rule {
    fn empty_cells(&self) -> Vec<&'static str> {
        let cells = [
            ("sentence", self.sentence.is_none()),
            ("comment", self.comments.is_empty()),
            ("check", self.checks.is_empty()),
            ("test", self.tests.is_empty()),
        ];
        cells
            .iter()
            .filter(|(_, empty)| *empty)
            .map(|(name, _)| *name)
            .collect()
    }
}

/// An id such as `P6`: the letter of its chapter and its number, ordered as in the requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id(char, u32);

type Table = BTreeMap<Id, Rule>;

/// The verb.
pub(super) fn rules(arguments: &JsonArguments) -> Result<u8> {
    let table = table()?;
    if arguments.json {
        let rows: BTreeMap<String, &Rule> = table.iter().map(|(id, rule)| (id.to_string(), rule)).collect();
        println!("{}", serde_json::to_string(&rows)?);
        return Ok(exit::OK);
    }
    println!(
        "{:5}{:>9}{:>8}{:>7}  sentence",
        "id", "comments", "checks", "tests"
    );
    for (id, rule) in &table {
        let sentence = rule.sentence.as_deref().unwrap_or("-");
        let short: String = sentence.chars().take(76).collect();
        let id = id.to_string();
        println!(
            "{id:5}{:>9}{:>8}{:>7}  {short}",
            rule.comments.len(),
            rule.checks.len(),
            rule.tests.len()
        );
    }
    println!("\nEmpty cells:");
    for (id, rule) in table.iter().filter(|(_, rule)| !rule.empty_cells().is_empty()) {
        println!("  {id}: {}", rule.empty_cells().join(", "));
    }
    Ok(exit::OK)
}

/// One line about the table.
pub(super) fn summary() -> Result<String> {
    let table = table()?;
    let tested = table.values().filter(|rule| !rule.tests.is_empty()).count();
    let empty: usize = table.values().map(|rule| rule.empty_cells().len()).sum();
    Ok(format!(
        "{} rules, {tested} with tests, {empty} empty cells (./x rules shows them)",
        table.len()
    ))
}

fn table() -> Result<Table> {
    let mut table = Table::new();
    for path in sources::files("md")? {
        if path.starts_with("docs/rules/") {
            read_sentences(&sources::read(&path)?, &mut table);
        }
    }
    let mut code = Vec::new();
    for path in sources::files("rs")? {
        code.push((path.clone(), sources::read(&path)?));
    }
    for (path, text) in &code {
        read_tests(path, text, &mut table);
    }
    // Only ids that are known by now: a comment has other words of a letter and a number too.
    for (path, text) in &code {
        read_comments(path, text, &mut table);
    }
    Ok(table)
}

/// A line that starts with an id, whatever its markup, says what the id asks for. Headings only name it.
fn read_sentences(text: &str, table: &mut Table) {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let plain = line.trim_start_matches([' ', '-', '*', '|']);
        let Some((id, rest)) = leading_id(plain) else {
            continue;
        };
        let rest =
            rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || ".:) |*".contains(letter));
        let rule = table.entry(id).or_default();
        if rule.sentence.is_none() && !rest.is_empty() {
            rule.sentence = Some(rest.replace("**", ""));
        }
    }
}

/// Functions called `d1_…` are tests of D1.
fn read_tests(path: &str, text: &str, table: &mut Table) {
    for line in text.lines() {
        let Some(name) = line.trim_start().strip_prefix("fn ") else {
            continue;
        };
        let upper = name.get(..1).map(str::to_ascii_uppercase).unwrap_or_default()
            + name.get(1..).unwrap_or_default();
        let Some((id, rest)) = leading_id(&upper) else {
            continue;
        };
        let Some(rest) = rest.strip_prefix('_') else {
            continue;
        };
        let sentence: String = rest
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect();
        table
            .entry(id)
            .or_default()
            .tests
            .push(format!("{path}: {}", sentence.replace('_', " ")));
    }
}

fn read_comments(path: &str, text: &str, table: &mut Table) {
    let mut pending: Vec<Id> = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        if let Some(comment) = line.strip_prefix("//") {
            let named: Vec<Id> = words(comment)
                .filter_map(whole_id)
                .filter(|id| table.contains_key(id))
                .collect();
            for id in &named {
                let files = &mut table.entry(*id).or_default().comments;
                if files.last().is_none_or(|last| last != path) {
                    files.push(path.to_owned());
                }
            }
            pending.extend(named);
            continue;
        }
        let function = line.split_once("fn ").map(|(_, rest)| rest);
        if let (Some(function), true) = (function, path.contains("check")) {
            let name: String = function
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect();
            for id in &pending {
                table.entry(*id).or_default().checks.push(name.clone());
            }
        }
        if !line.starts_with("#[") {
            pending.clear();
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}

fn whole_id(word: &str) -> Option<Id> {
    leading_id(word)
        .filter(|(_, rest)| rest.is_empty())
        .map(|(id, _)| id)
}

/// The id a text starts with, and what follows.
fn leading_id(text: &str) -> Option<(Id, &str)> {
    let chapter = text
        .chars()
        .next()
        .filter(|letter| "PABCDEFSGHXLN".contains(*letter))?;
    let after = &text[1..];
    let digits = after.len()
        - after
            .trim_start_matches(|letter: char| letter.is_ascii_digit())
            .len();
    let number = after
        .get(..digits)?
        .parse()
        .ok()
        .filter(|number| (1..100).contains(number))?;
    let rest = &after[digits..];
    // A letter right behind, as in `P7a`, is a part of the same rule; `B16x` is no rule at all.
    let rest = rest
        .strip_prefix('a')
        .filter(|rest| !rest.starts_with(char::is_alphanumeric))
        .unwrap_or(rest);
    (!rest.starts_with(char::is_alphanumeric)).then_some((Id(chapter, number), rest))
}

impl std::fmt::Display for Id {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_collects_its_sentence_comment_check_and_test() {
        let mut table = Table::new();
        read_sentences(
            "# Fair\n## D1 Shares\n**D1.1 Shares follow weight.** Always.\n- D2: bad values are refused\n",
            &mut table,
        );
        read_tests(
            "a.rs",
            "    fn d1_shares_follow_weight() {\nfn d2x() {\nfn e16f() {",
            &mut table,
        );
        read_comments(
            "check.rs",
            "/// Upholds D1.\n#[must_use]\npub fn shares_add_up() {\n// not D77\n",
            &mut table,
        );
        let rule = &table[&Id('D', 1)];
        assert_eq!(rule.sentence.as_deref(), Some("Shares follow weight. Always."));
        assert_eq!(
            (rule.tests.len(), rule.checks.as_slice()),
            (1, &["shares_add_up".to_owned()][..])
        );
        assert_eq!(rule.empty_cells(), [""; 0]);
        assert_eq!(table[&Id('D', 2)].empty_cells(), ["comment", "check", "test"]);
        assert_eq!(table.len(), 2);
    }
}
