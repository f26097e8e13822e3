//! What is said to the person who wrote a file: where, and what.
//!
//! An [`Error`] refuses the file, a [`Note`] does not. `Complaints` collects both while a file is read, so that one run
//! finds everything.

use std::cell::RefCell;
use std::fmt;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl Place {
    /// Where a text begins.
    pub const START: Place = Place { line: 1, column: 1 };
}

/// Why a file is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file, as it was named.
    pub file: String,
    /// Where; `None` when it is about the whole file.
    pub place: Option<Place>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Everything that is wrong with a file: at least one error, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(pub Vec<Error>);

/// Something that was read, but means nothing or something slightly different here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
}

impl Errors {
    /// One error about a whole file.
    #[must_use]
    pub fn about(file: &str, message: &str) -> Errors {
        Errors(vec![Error {
            file: file.to_owned(),
            place: None,
            message: message.to_owned(),
        }])
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(place) = self.place {
            write!(f, "{place}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for Error {}
impl std::error::Error for Errors {}

/// What is found while one file is read.
pub(super) struct Complaints<'t> {
    file: &'t str,
    errors: RefCell<Vec<Error>>,
    notes: RefCell<Vec<Note>>,
}

impl<'t> Complaints<'t> {
    pub(super) fn new(file: &'t str) -> Complaints<'t> {
        Complaints {
            file,
            errors: RefCell::default(),
            notes: RefCell::default(),
        }
    }

    pub(super) fn error(&self, place: Place, message: impl Into<String>) {
        self.errors.borrow_mut().push(Error {
            file: self.file.to_owned(),
            place: Some(place),
            message: message.into(),
        });
    }

    pub(super) fn note(&self, place: Place, message: impl Into<String>) {
        self.notes.borrow_mut().push(Note {
            place,
            message: message.into(),
        });
    }

    /// The notes, unless there was an error.
    pub(super) fn finish(self) -> Result<Vec<Note>, Errors> {
        let mut errors = self.errors.into_inner();
        if errors.is_empty() {
            let mut notes = self.notes.into_inner();
            notes.sort_by_key(|note| note.place);
            notes.dedup();
            return Ok(notes);
        }
        errors.sort_by_key(|error| error.place);
        errors.dedup();
        Err(Errors(errors))
    }
}

/// The place of a byte of a text. An offset behind the end is the end.
pub(super) fn place_of(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place {
        line: count(before.matches('\n').count()),
        column: count(before[line_start..].chars().count()),
    }
}

fn count(before: usize) -> u32 {
    u32::try_from(before).map_or(u32::MAX, |before| before.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_places_count_lines_and_characters_from_1() {
        let text = "ab\näö x";
        assert_eq!(place_of(text, 0), Place::START);
        assert_eq!(place_of(text, 3), Place { line: 2, column: 1 });
        assert_eq!(place_of(text, 8), Place { line: 2, column: 4 });
        assert_eq!(place_of(text, 99), Place { line: 2, column: 5 });
    }

    #[test]
    fn l2_errors_come_in_the_order_of_the_file() {
        let complaints = Complaints::new("a.toml");
        complaints.error(Place { line: 3, column: 1 }, "later");
        complaints.error(Place { line: 2, column: 9 }, "sooner");
        let errors = complaints.finish().unwrap_err();
        assert_eq!(errors.to_string(), "a.toml:2:9: sooner\na.toml:3:1: later");
    }
}
