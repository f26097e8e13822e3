//! Reading one TOML table: typed keys, with a complaint for each that is wrong, missing or unknown.
//!
//! A getter names the key and the manifest field it is for. It returns nothing both when the key is absent
//! and when it is wrong; the complaint is in the notes then, and building goes on so that one run finds
//! everything.

use super::diagnostic::Notes;
use std::cell::RefCell;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

/// One table of the file.
pub(crate) struct Section<'t> {
    notes: &'t Notes<'t>,
    /// Path of the table in the file.
    key: String,
    /// Path of what it describes in the manifest.
    target: String,
    span: Range<usize>,
    table: &'t DeTable<'t>,
    known: RefCell<Vec<&'static str>>,
}

impl<'t> Section<'t> {
    pub(crate) fn new(
        notes: &'t Notes<'t>,
        key: String,
        target: String,
        span: Range<usize>,
        table: &'t DeTable<'t>,
    ) -> Self {
        notes.origin(&target, &key, span.clone());
        Self {
            notes,
            key,
            target,
            span,
            table,
            known: RefCell::default(),
        }
    }

    pub(crate) fn notes(&self) -> &'t Notes<'t> {
        self.notes
    }

    /// The manifest's path of a field of this.
    pub(crate) fn target(&self, field: &str) -> String {
        join(&self.target, field)
    }

    /// The file's path of a key of this.
    pub(crate) fn path(&self, key: &str) -> String {
        join(&self.key, key)
    }

    /// Every entry, for tables whose keys are names the writer chose.
    pub(crate) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'t str, Range<usize>, &'t Spanned<DeValue<'t>>)> + use<'t> {
        self.table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), key.span(), value))
    }

    /// The value of a key, whatever it is; remembers that the key is known.
    pub(crate) fn value(&self, key: &'static str, field: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.borrow_mut().push(key);
        let value = self.table.get(key)?;
        self.notes
            .origin(&self.target(field), &self.path(key), value.span());
        Some(value)
    }

    pub(crate) fn error(&self, key: &str, span: Range<usize>, message: &str) {
        self.notes.error(&self.path(key), span, message);
    }

    fn wrong_kind(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = value.get_ref().type_str();
        self.error(
            key,
            value.span(),
            &format!("must be {expected}, is {} {found}", article(found)),
        );
    }

    /// Complains that a key is missing, at the table's heading. One that is there has been complained about.
    pub(crate) fn missing(&self, key: &str) {
        if !self.table.contains_key(key) {
            self.error(key, self.span.clone(), "is missing");
        }
    }

    pub(crate) fn text(&self, key: &'static str, field: &str) -> Option<&'t str> {
        let value = self.value(key, field)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_kind(key, value, "text in quotes");
        }
        text
    }

    pub(crate) fn boolean(&self, key: &'static str, field: &str) -> Option<bool> {
        let value = self.value(key, field)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_kind(key, value, "true or false");
        }
        boolean
    }

    /// A number that fits the type.
    pub(crate) fn number<T: TryFrom<u64>>(&self, key: &'static str, field: &str) -> Option<T> {
        let value = self.value(key, field)?;
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_kind(key, value, "a number");
            return None;
        };
        let number = unsigned(integer).and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            let largest = u64::MAX >> (64 - 8 * size_of::<T>());
            self.error(key, value.span(), &format!("must be from 0 to {largest}"));
        }
        number
    }

    /// One of a set of words.
    pub(crate) fn word<T: Copy>(&self, key: &'static str, field: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key, field)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let span = self.table.get(key).map_or(self.span.clone(), Spanned::span);
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.error(key, span, &unknown(text, &known));
        }
        found.map(|(_, value)| *value)
    }

    /// Bytes, written as hexadecimal text.
    pub(crate) fn bytes(&self, key: &'static str, field: &str) -> Option<Vec<u8>> {
        let text = self.text(key, field)?;
        let bytes = super::data::from_hex(text);
        if bytes.is_none() {
            let span = self.table.get(key).map_or(self.span.clone(), Spanned::span);
            self.error(key, span, "must be an even number of hexadecimal digits");
        }
        bytes
    }

    /// The elements of a list, each with its path in the file.
    pub(crate) fn list(&self, key: &'static str, field: &str) -> Vec<(String, &'t Spanned<DeValue<'t>>)> {
        let Some(value) = self.value(key, field) else {
            return Vec::new();
        };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong_kind(key, value, "a list");
            return Vec::new();
        };
        let mut elements = Vec::new();
        for (index, element) in list.iter().enumerate() {
            let path = format!("{}[{index}]", self.path(key));
            self.notes
                .origin(&format!("{}[{index}]", self.target(field)), &path, element.span());
            elements.push((path, element));
        }
        elements
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &'static str, field: &str) -> Vec<&'t str> {
        self.list(key, field)
            .into_iter()
            .filter_map(|(path, element)| {
                let text = element.get_ref().as_str();
                if text.is_none() {
                    self.notes.error(&path, element.span(), "must be text in quotes");
                }
                text
            })
            .collect()
    }

    /// A list of words of a set.
    pub(crate) fn words<T: Copy>(&self, key: &'static str, field: &str, words: &[(&str, T)]) -> Vec<T> {
        self.list(key, field)
            .into_iter()
            .filter_map(|(path, element)| {
                let text = element.get_ref().as_str().unwrap_or_default();
                let found = words.iter().find(|(word, _)| *word == text);
                if found.is_none() {
                    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                    self.notes.error(&path, element.span(), &unknown(text, &known));
                }
                found.map(|(_, value)| *value)
            })
            .collect()
    }

    /// A table in this one.
    pub(crate) fn section(&self, key: &'static str, field: &str) -> Option<Section<'t>> {
        let value = self.value(key, field)?;
        match value.get_ref().as_table() {
            Some(table) => Some(Section::new(
                self.notes,
                self.path(key),
                self.target(field),
                value.span(),
                table,
            )),
            None => {
                self.wrong_kind(key, value, "a table");
                None
            }
        }
    }

    /// A list of tables, such as `[[init.caps]]` makes.
    pub(crate) fn sections(&self, key: &'static str, field: &str) -> Vec<Section<'t>> {
        self.list(key, field)
            .into_iter()
            .enumerate()
            .filter_map(|(index, (path, element))| match element.get_ref().as_table() {
                Some(table) => {
                    let target = format!("{}[{index}]", self.target(field));
                    Some(Section::new(self.notes, path, target, element.span(), table))
                }
                None => {
                    self.notes.error(&path, element.span(), "must be a table");
                    None
                }
            })
            .collect()
    }

    /// Complains about keys that no getter asked for.
    pub(crate) fn finish(self) {
        let known = self.known.borrow();
        for (key, span, _) in self.entries() {
            if !known.contains(&key) {
                self.error(key, span, &unknown(key, &known));
            }
        }
    }
}

fn join(parent: &str, child: &str) -> String {
    if parent.is_empty() {
        child.to_owned()
    } else {
        format!("{parent}.{child}")
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'i']) { "an" } else { "a" }
}

/// The number, if it is not negative and fits 64 bits.
pub(crate) fn unsigned(integer: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A complaint about a word, with the known one that it most looks like.
fn unknown(word: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .min();
    match nearest {
        Some((edits, candidate)) if edits <= 2.max(word.len() / 3) => {
            format!("`{word}` means nothing here; did you mean `{candidate}`?")
        }
        _ if known.len() <= 8 => format!("`{word}` means nothing here; known are {}", known.join(", ")),
        _ => format!("`{word}` means nothing here"),
    }
}

/// How many characters must change to turn one word into the other (Levenshtein's distance, one row at a
/// time).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
