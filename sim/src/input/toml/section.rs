//! One table of a TOML file: typed keys, with a complaint for each that is wrong, missing or unknown.
//!
//! A getter gives nothing both when the key is absent and when it is wrong; the complaint is noted then, and reading
//! goes on. [`Section::finish`] complains about the keys that no getter asked for.

use ::toml::Spanned;
use ::toml::de::{DeInteger, DeTable, DeValue};
use sched::Nanos;
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use crate::input::error::{Complaints, Place, place_of};
use crate::input::{spans, words};
use crate::scenario::{Delay, Span};

/// A value with its place.
pub(super) type Item<'t> = Spanned<DeValue<'t>>;

/// The file that is read.
pub(super) struct File<'t> {
    pub(super) text: &'t str,
    pub(super) complaints: &'t Complaints<'t>,
}

impl File<'_> {
    pub(super) fn place(&self, offset: usize) -> Place {
        place_of(self.text, offset)
    }

    pub(super) fn error(&self, offset: usize, message: impl Into<String>) {
        self.complaints.error(self.place(offset), message);
    }

    /// The offset in the file of byte `at` in a text value, as near as escapes in it let us say.
    pub(super) fn inside(&self, value: &Item<'_>, content: &str, at: usize) -> usize {
        let span = value.span();
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let same = raw.get(1..raw.len().saturating_sub(1)) == Some(content);
        span.start + if same { 1 + at } else { 0 }
    }
}

/// One table.
pub(super) struct Section<'t> {
    pub(super) file: &'t File<'t>,
    /// How it is called in complaints.
    title: String,
    span: Range<usize>,
    table: &'t DeTable<'t>,
    known: RefCell<Vec<&'static str>>,
}

impl<'t> Section<'t> {
    pub(super) fn new(
        file: &'t File<'t>,
        title: &str,
        span: Range<usize>,
        table: &'t DeTable<'t>,
    ) -> Section<'t> {
        Section {
            file,
            title: title.to_owned(),
            span,
            table,
            known: RefCell::default(),
        }
    }

    /// A table that is a value, such as `{ min = "1ms", max = "2ms" }`.
    pub(super) fn of(file: &'t File<'t>, title: &str, value: &'t Item<'t>) -> Option<Section<'t>> {
        match value.get_ref().as_table() {
            Some(table) => Some(Section::new(file, title, value.span(), table)),
            None => {
                wrong_kind(file, title, value, "a table");
                None
            }
        }
    }

    /// The value of a key, whatever it is; remembers that the key is known.
    pub(super) fn value(&self, key: &'static str) -> Option<&'t Item<'t>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        drop(known);
        self.table.get(key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Complains about the whole table.
    pub(super) fn error(&self, message: impl Into<String>) {
        self.file.error(self.span.start, message);
    }

    /// Complains about the value of a key, or about the table when it is absent.
    pub(super) fn error_at(&self, key: &str, message: impl Into<String>) {
        let start = self
            .table
            .get(key)
            .map_or(self.span.start, |value| value.span().start);
        self.file.error(start, message);
    }

    /// A key that must be there, read by one of the getters.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Self, &'static str) -> Option<T>,
    ) -> Option<T> {
        if !self.has(key) {
            self.error(format!("`{key}` is missing in {}", self.title));
        }
        read(self, key)
    }

    pub(super) fn text(&self, key: &'static str) -> Option<&'t str> {
        let value = self.value(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            wrong_kind(self.file, key, value, "text in quotes");
        }
        text
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            wrong_kind(self.file, key, value, "true or false");
        }
        truth
    }

    /// A number within a range.
    pub(super) fn number<T>(&self, key: &'static str, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<u64> + PartialOrd + std::fmt::Display,
    {
        number(self.file, key, self.value(key)?, range)
    }

    /// A number of 64 bits; TOML's own end at 2^63, so larger ones are in quotes.
    pub(super) fn seed(&self, key: &'static str) -> Option<u64> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(integer) => unsigned(integer),
            DeValue::String(text) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            let message = format!("`{key}` must be a number from 0 to 2^64 - 1, in quotes from 2^63");
            self.file.error(value.span().start, message);
        }
        number
    }

    pub(super) fn word<T: Copy>(&self, key: &'static str, known: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words::find(text, known);
        found.map_err(|message| self.error_at(key, message)).ok()
    }

    pub(super) fn duration(&self, key: &'static str) -> Option<Nanos> {
        let value = self.value(key)?;
        let Some(text) = value.get_ref().as_str() else {
            wrong_kind(self.file, key, value, "a length of time in quotes, like \"4ms\"");
            return None;
        };
        let length = spans::duration(text);
        length.map_err(|message| self.error_at(key, message)).ok()
    }

    /// A delay: `"2us"`, `"1us..2us"` or `{ min = "1us", max = "2us" }`.
    pub(super) fn delay(&self, key: &'static str) -> Option<Delay> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => {
                let delay = spans::delay(text);
                delay.map_err(|message| self.error_at(key, message)).ok()
            }
            DeValue::Table(_) => {
                let ends = Section::of(self.file, key, value)?;
                let delay = ends.range();
                ends.finish();
                delay
            }
            _ => {
                wrong_kind(
                    self.file,
                    key,
                    value,
                    "a length of time in quotes, like \"4ms\", or { min, max }",
                );
                None
            }
        }
    }

    /// A span: what [`Section::delay`] reads, `"mean 5ms"` or `{ mean = "5ms" }`.
    pub(super) fn span(&self, key: &'static str) -> Option<Span> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => {
                let span = spans::span(text);
                span.map_err(|message| self.error_at(key, message)).ok()
            }
            DeValue::Table(_) => {
                let section = Section::of(self.file, key, value)?;
                let span = if section.has("mean") {
                    section.duration("mean").map(Span::Exponential)
                } else {
                    section.range().map(Span::Uniform)
                };
                section.finish();
                span
            }
            _ => {
                let expected = "a length of time in quotes, like \"4ms\", { min, max } or { mean }";
                wrong_kind(self.file, key, value, expected);
                None
            }
        }
    }

    fn range(&self) -> Option<Delay> {
        let (least, most) = (
            self.required("min", Section::duration),
            self.required("max", Section::duration),
        );
        let range = spans::range(least?, most?);
        range.map_err(|message| self.error(message)).ok()
    }

    /// The elements of a list; none when it is absent.
    pub(super) fn list(&self, key: &'static str) -> &'t [Item<'t>] {
        let Some(value) = self.value(key) else {
            return &[];
        };
        match value.get_ref().as_array() {
            Some(list) => list,
            None => {
                wrong_kind(self.file, key, value, "a list");
                &[]
            }
        }
    }

    pub(super) fn section(&self, key: &'static str) -> Option<Section<'t>> {
        Section::of(self.file, &format!("[{key}]"), self.value(key)?)
    }

    /// A list of tables, such as `[[thread]]` makes.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'t>> {
        let title = format!("[[{key}]]");
        let tables = self.list(key).iter();
        tables
            .filter_map(|table| Section::of(self.file, &title, table))
            .collect()
    }

    /// Complains about keys that no getter asked for.
    pub(super) fn finish(&self) {
        let known = self.known.borrow();
        for (key, _) in self.table.iter() {
            if !known.contains(&key.get_ref().as_ref()) {
                let message = words::unknown(key.get_ref(), known.iter().copied());
                self.file.error(key.span().start, message);
            }
        }
    }
}

/// A number within a range.
pub(super) fn number<T>(file: &File<'_>, what: &str, value: &Item<'_>, range: RangeInclusive<T>) -> Option<T>
where
    T: TryFrom<u64> + PartialOrd + std::fmt::Display,
{
    let integer = value.get_ref().as_integer();
    let number = integer
        .and_then(unsigned)
        .and_then(|number| T::try_from(number).ok())
        .filter(|number| range.contains(number));
    if number.is_none() {
        let message = format!(
            "`{what}` must be a number from {} to {}",
            range.start(),
            range.end()
        );
        file.error(value.span().start, message);
    }
    number
}

/// The number, if it is not negative and fits 64 bits.
fn unsigned(integer: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn wrong_kind(file: &File<'_>, what: &str, value: &Item<'_>, expected: &str) {
    let found = value.get_ref().type_str();
    file.error(
        value.span().start,
        format!("`{what}` must be {expected}; this is of type {found}"),
    );
}
