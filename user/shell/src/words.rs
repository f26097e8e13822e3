//! From a line to words: blanks separate, quotes hold together, a final `&` means "in the background".

use alloc::string::String;
use alloc::vec::Vec;

/// A line taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Line {
    /// Command and arguments.
    pub words: Vec<String>,
    /// Ended in `&`.
    pub background: bool,
}

/// A quote that never closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenQuote(pub char);

/// Takes `line` apart. `'…'` and `"…"` hold blanks; a backslash makes the next character an ordinary one.
pub fn split(line: &str) -> Result<Line, OpenQuote> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut background = false;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(character),
            (_, '\\') => word.get_or_insert_default().extend(characters.next()),
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                word.get_or_insert_default();
                quote = Some(character);
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '&') if characters.as_str().trim().is_empty() => background = true,
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    match quote {
        Some(open) => Err(OpenQuote(open)),
        None => {
            words.extend(word);
            Ok(Line { words, background })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line).unwrap().words
    }

    #[test]
    fn blanks_separate_and_quotes_hold_together() {
        assert_eq!(words("  run  hogs 4\t1 "), ["run", "hogs", "4", "1"]);
        assert_eq!(words("a 'b c' \"d  e\"f ''"), ["a", "b c", "d  ef", ""]);
        assert_eq!(words(r"a\ b \'c"), ["a b", "'c"]);
        assert!(words("   ").is_empty());
    }

    #[test]
    fn an_ampersand_counts_only_at_the_end() {
        assert_eq!(
            split("hogs 2 &"),
            Ok(Line {
                words: words("hogs 2"),
                background: true
            })
        );
        assert!(split("hogs 2&").unwrap().background);
        assert_eq!(words("a & b"), ["a", "&", "b"]);
        assert!(!split("'a &'").unwrap().background);
    }

    #[test]
    fn an_open_quote_is_named() {
        assert_eq!(split("say \"hello"), Err(OpenQuote('"')));
    }
}
