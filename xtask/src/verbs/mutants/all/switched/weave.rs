//! Weaves mutants into a file: each is in the text beside what it replaces, and a switch says when the program runs which of the two it
//! is. So all of a crate's mutants are built at once.

use super::super::tool::Listed;
use super::places::{Site, Sites};
use anyhow::Result;
use std::ops::Range;

/// The call that tells whether a mutant was chosen.
const SWITCH: &str = "crate::chosen_mutant::is";
/// Lines of a mutant's own are between these, so that a complaint of the compiler leads to it.
const BEGIN: &str = "// mutant ";
const END: &str = "// as it was";

/// What goes into a file at one place.
enum Edit {
    /// More text.
    Insert { at: usize, text: String },
    /// An expression in several versions: the numbers of the mutants, and their text.
    Choose {
        whole: Range<usize>,
        versions: Vec<(u32, String)>,
    },
}

/// A file with mutants in it.
pub(super) struct Woven {
    pub(super) text: String,
    /// Those that found no place.
    pub(super) left: Vec<u32>,
}

/// `text` with these mutants woven in.
pub(super) fn weave(text: &str, mutants: &[(u32, &Listed)]) -> Result<Woven> {
    let sites = Sites::of(text)?;
    let mut edits: Vec<Edit> = Vec::new();
    let mut left = Vec::new();
    for &(number, listed) in mutants {
        let is = format!("{SWITCH}({number})");
        match sites.find(text, listed) {
            Some(Site::Body { start: at }) => {
                let answer = marked(number, &format!("return {};", listed.replacement));
                let text = format!("if {is} {{{answer}}}\n");
                edits.push(Edit::Insert { at, text });
            }
            Some(Site::Arm { arrow: at }) => {
                let text = marked(number, &format!("if !{is}"));
                edits.push(Edit::Insert { at, text });
            }
            Some(Site::Expression { whole, change }) => {
                let (before, after) = (&text[whole.start..change.start], &text[change.end..whole.end]);
                let version = (number, format!("{before}{}{after}", listed.replacement));
                let same = edits.iter_mut().find_map(|edit| match edit {
                    Edit::Choose {
                        whole: there,
                        versions,
                    } if *there == whole => Some(versions),
                    _ => None,
                });
                match same {
                    Some(versions) => versions.push(version),
                    None => edits.push(Edit::Choose {
                        whole,
                        versions: vec![version],
                    }),
                }
            }
            None => left.push(number),
        }
    }
    // Outer before inner ones.
    edits.sort_by_key(|edit| match edit {
        Edit::Insert { at, .. } => (*at, 0),
        Edit::Choose { whole, .. } => (whole.start, usize::MAX - whole.end),
    });
    Ok(Woven {
        text: rendered(text, 0..text.len(), &edits),
        left,
    })
}

fn marked(number: u32, text: &str) -> String {
    format!("\n{BEGIN}{number}\n{text}\n{END}\n")
}

/// A part of the text, with the edits that are within it.
fn rendered(text: &str, part: Range<usize>, edits: &[Edit]) -> String {
    let mut out = String::new();
    let mut at = part.start;
    let mut next = 0;
    while let Some(edit) = edits.get(next) {
        next += 1;
        match edit {
            Edit::Insert {
                at: place,
                text: more,
            } => {
                out += &text[at..*place];
                out += more;
                at = *place;
            }
            Edit::Choose { whole, versions } => {
                out += &text[at..whole.start];
                let inner = edits[next..]
                    .iter()
                    .take_while(|edit| match edit {
                        Edit::Insert { at, .. } => *at < whole.end,
                        Edit::Choose { whole: inner, .. } => inner.start < whole.end,
                    })
                    .count();
                out += "(";
                for (number, version) in versions {
                    let version = marked(*number, &format!("({version})"));
                    out += &format!("if {SWITCH}({number}) {{{version}}} else ");
                }
                let as_it_was = rendered(text, whole.clone(), &edits[next..next + inner]);
                out += &format!("{{ ({as_it_was}\n) }})");
                next += inner;
                at = whole.end;
            }
        }
    }
    out + &text[at..part.end]
}

/// The mutant whose line this is, in a text that was woven; lines count from 1.
pub(super) fn mutant_of_line(text: &str, line: usize) -> Option<u32> {
    let before: Vec<&str> = text.lines().take(line).collect();
    before.iter().rev().find_map(|line| {
        if *line == END {
            return Some(None);
        }
        Some(line.strip_prefix(BEGIN)?.parse().ok())
    })?
}

#[cfg(test)]
mod tests {
    use super::super::super::tool::{Genre, Place};
    use super::*;

    /// A mutant that replaces the first `old` of `text`.
    fn listed(text: &str, genre: Genre, old: &str, replacement: &str) -> Listed {
        let at = text.find(old).unwrap();
        let place = |at: usize| Place {
            line: text[..at].lines().count().max(1),
            column: at - text[..at].rfind('\n').map_or(0, |line| line + 1) + 1,
        };
        Listed {
            genre,
            start: place(at),
            end: place(at + old.len()),
            replacement: replacement.to_owned(),
            ..Listed::default()
        }
    }

    /// The text as rustc reads it: without comments and with single spaces.
    fn woven(text: &str, genre: Genre, old: &str, replacement: &str) -> String {
        let listed = listed(text, genre, old, replacement);
        let woven = weave(text, &[(7, &listed)]).unwrap();
        assert!(woven.left.is_empty(), "{old} has no place");
        syn::parse_file(&woven.text).unwrap();
        let lines = woven.text.lines().filter(|line| !line.starts_with("//"));
        let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
        words.join(" ")
    }

    #[test]
    fn an_operator_is_switched_with_its_whole_chain() {
        let text = "fn f() -> u32 { g(a + b * c) }";
        assert_eq!(
            woven(text, Genre::BinaryOperator, "*", "+"),
            "fn f() -> u32 { g((if crate::chosen_mutant::is(7) { (a + b + c) } else { (a + b * c ) })) }"
        );
        let text = "fn f() { if let Some(a) = b && c < d { } }";
        assert_eq!(
            woven(text, Genre::BinaryOperator, "<", ">"),
            "fn f() { if let Some(a) = b && (if crate::chosen_mutant::is(7) { (c > d) } else { (c < d ) }) { } }"
        );
    }

    #[test]
    fn bodies_arms_guards_and_fields_are_switched() {
        assert_eq!(
            woven("fn f() -> bool { g() }", Genre::FnValue, "g()", "true"),
            "fn f() -> bool { if crate::chosen_mutant::is(7) { return true; } g() }"
        );
        let text = "fn f() { match a { 1 => b, c if !d => e, _ => g } }";
        assert_eq!(
            woven(text, Genre::MatchArm, "1 => b", ""),
            "fn f() { match a { 1 if !crate::chosen_mutant::is(7) => b, c if !d => e, _ => g } }"
        );
        assert_eq!(
            woven(text, Genre::MatchArmGuard, "!d", "true"),
            "fn f() { match a { 1 => b, c if (if crate::chosen_mutant::is(7) { (true) } else { (!d ) }) => e, _ => g } }"
        );
        assert_eq!(
            woven("fn f() -> S { S { a: 1, ..b } }", Genre::StructField, "a: 1,", ""),
            "fn f() -> S { (if crate::chosen_mutant::is(7) { (S { ..b }) } else { (S { a: 1, ..b } ) }) }"
        );
    }

    #[test]
    fn what_is_inside_what_is_switched_is_switched_too() {
        let text = "fn f() -> bool { !g(a < b) }";
        let (outer, inner) = (
            listed(text, Genre::UnaryOperator, "!", ""),
            listed(text, Genre::BinaryOperator, "<", ">"),
        );
        let woven = weave(text, &[(1, &outer), (2, &inner)]).unwrap();
        syn::parse_file(&woven.text).unwrap();
        assert_eq!(woven.text.matches("is(1)").count(), 1);
        assert_eq!(
            woven.text.matches("is(2)").count(),
            1,
            "not in the other's version"
        );
    }

    #[test]
    fn constants_are_left_and_a_line_leads_to_its_mutant() {
        let text = "const A: u32 = 1 << 3;\nfn f() -> u32 { 1 + 2 }";
        let constant = listed(text, Genre::BinaryOperator, "<<", ">>");
        let other = listed(text, Genre::BinaryOperator, "+", "-");
        let woven = weave(text, &[(1, &constant), (2, &other)]).unwrap();
        assert_eq!(woven.left, [1]);
        let line = woven.text.lines().position(|line| line == "(1 - 2)").unwrap() + 1;
        assert_eq!(mutant_of_line(&woven.text, line), Some(2));
        assert_eq!(mutant_of_line(&woven.text, line + 2), None);
        assert_eq!(mutant_of_line(&woven.text, 1), None);
    }
}
