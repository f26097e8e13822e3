//! JSON as it is found in workload files: a tree with the place of everything.
//!
//! Objects keep all their members in order, also those with the same key: a sequence of events is such an object. Beyond
//! JSON there are comments (`/* */` and `//`), commas too many, keys without a value, text in single quotes, and `True` and
//! `False` in any case. A comma too few is noted. Everything else that is not JSON is refused where it is.

use std::iter::Peekable;
use std::str::Chars;

use crate::input::error::{Complaints, Place};

/// Deeper files are not workloads; the reader recurses.
const DEEPEST: u32 = 64;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A key was followed by nothing.
    Missing,
    Null,
    Boolean(bool),
    Integer(i64),
    /// A number with a fraction or out of range, as it is written.
    Number(String),
    Text(String),
    List(Vec<Item>),
    Object(Vec<Member>),
}

/// A value and where it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) value: Value,
    pub(super) place: Place,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Item,
}

/// Where it stops being a workload file, and why.
type Refusal = (Place, String);

/// Reads the one value of a text.
pub(super) fn parse(text: &str, complaints: &Complaints<'_>) -> Result<Item, Refusal> {
    let mut reader = Reader {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable(),
        place: Place::START,
        depth: 0,
        complaints,
    };
    reader.space()?;
    let item = reader.value()?;
    reader.space()?;
    match reader.rest.peek() {
        None => Ok(item),
        Some(more) => Err((
            reader.place,
            format!("the file goes on with `{more}` after its end"),
        )),
    }
}

struct Reader<'t> {
    rest: Peekable<Chars<'t>>,
    place: Place,
    depth: u32,
    complaints: &'t Complaints<'t>,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        if next == '\n' {
            self.place.line = self.place.line.saturating_add(1);
            self.place.column = 1;
        } else {
            self.place.column = self.place.column.saturating_add(1);
        }
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.rest.peek() == Some(&wanted);
        if found {
            self.next();
        }
        found
    }

    fn fail<T>(&mut self, expected: &str) -> Result<T, Refusal> {
        let found = match self.rest.peek() {
            Some(other) => format!("not `{other}`"),
            None => "but the file ends".to_owned(),
        };
        Err((self.place, format!("{expected} is expected here, {found}")))
    }

    /// Skips space and comments.
    fn space(&mut self) -> Result<(), Refusal> {
        loop {
            while self.rest.peek().is_some_and(|next| next.is_whitespace()) {
                self.next();
            }
            let start = self.place;
            if !self.eat('/') {
                return Ok(());
            }
            if self.eat('/') {
                while self.rest.peek().is_some_and(|next| *next != '\n') {
                    self.next();
                }
            } else if self.eat('*') {
                let mut star = false;
                loop {
                    match self.next() {
                        None => return Err((start, "this comment has no end".to_owned())),
                        Some('/') if star => break,
                        Some(next) => star = next == '*',
                    }
                }
            } else {
                return self.fail("a comment, // or /*,");
            }
        }
    }

    fn value(&mut self) -> Result<Item, Refusal> {
        let place = self.place;
        let value = match self.rest.peek() {
            Some('{') => self.nested(Self::object)?,
            Some('[') => self.nested(Self::list)?,
            Some('"' | '\'') => Value::Text(self.text()?),
            Some(next) if next.is_ascii_alphanumeric() || "+-.".contains(*next) => self.bare()?,
            _ => return self.fail("a value"),
        };
        Ok(Item { value, place })
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Value, Refusal>) -> Result<Value, Refusal> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err((
                self.place,
                format!("more than {DEEPEST} objects are inside each other"),
            ));
        }
        self.next();
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value, Refusal> {
        let mut members = Vec::new();
        loop {
            self.separator('}', !members.is_empty())?;
            if self.eat('}') {
                return Ok(Value::Object(members));
            }
            let place = self.place;
            if !matches!(self.rest.peek(), Some('"' | '\'')) {
                return self.fail("a name in quotes");
            }
            let key = self.text()?;
            let after = self.place;
            self.space()?;
            let colon = self.eat(':');
            self.space()?;
            let value = match self.rest.peek() {
                Some(',' | '}') => Item {
                    value: Value::Missing,
                    place: after,
                },
                _ if colon => self.value()?,
                _ => return self.fail(&format!("`:` and the value of `{key}`")),
            };
            members.push(Member { key, place, value });
        }
    }

    fn list(&mut self) -> Result<Value, Refusal> {
        let mut items = Vec::new();
        loop {
            self.separator(']', !items.is_empty())?;
            if self.eat(']') {
                return Ok(Value::List(items));
            }
            items.push(self.value()?);
        }
    }

    /// Skips what separates two members: any number of commas. None at all is noted.
    fn separator(&mut self, end: char, behind_one: bool) -> Result<(), Refusal> {
        self.space()?;
        let before = self.place;
        let mut comma = false;
        while self.eat(',') {
            comma = true;
            self.space()?;
        }
        if behind_one && !comma && self.rest.peek().is_some_and(|next| *next != end) {
            if !matches!(self.rest.peek(), Some('"' | '\'')) {
                return self.fail(&format!("`,` or `{end}`"));
            }
            self.complaints.note(
                before,
                "a comma is missing before this; rt-app itself would not read it",
            );
        }
        Ok(())
    }

    fn text(&mut self) -> Result<String, Refusal> {
        let start = self.place;
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None | Some('\n') => return Err((start, "this text has no closing quote".to_owned())),
                end if end == quote => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(other) => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        let place = self.place;
        match self.next() {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some('r') => Ok('\r'),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('u') => {
                let first = self.hexadecimal(place)?;
                // Two halves make one character outside of the first plane (RFC 8259, section 7).
                let code = if (0xd800..0xdc00).contains(&first) && self.eat('\\') && self.eat('u') {
                    let second = self.hexadecimal(place)?;
                    0x1_0000 + ((first - 0xd800) << 10) + (second.wrapping_sub(0xdc00) & 0x3ff)
                } else {
                    first
                };
                char::from_u32(code).ok_or((place, "this is no character".to_owned()))
            }
            Some(plain @ ('"' | '\'' | '\\' | '/')) => Ok(plain),
            _ => Err((place, "`\\` is followed by no escape that JSON knows".to_owned())),
        }
    }

    fn hexadecimal(&mut self, place: Place) -> Result<u32, Refusal> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|digit| digit.to_digit(16));
            code = code * 16 + digit.ok_or((place, "four hexadecimal digits follow \\u".to_owned()))?;
        }
        Ok(code)
    }

    /// A number, or one of the three words.
    fn bare(&mut self) -> Result<Value, Refusal> {
        let place = self.place;
        let mut word = String::new();
        while let Some(next) = self.rest.peek().copied()
            && (next.is_ascii_alphanumeric() || "+-._".contains(next))
        {
            word.push(next);
            self.next();
        }
        match word.to_ascii_lowercase().as_str() {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            _ => match word.parse::<i64>() {
                Ok(number) => Ok(Value::Integer(number)),
                Err(_) if word.parse::<f64>().is_ok_and(f64::is_finite) => Ok(Value::Number(word)),
                Err(_) => Err((place, format!("`{word}` is no value; text stands in quotes"))),
            },
        }
    }
}

#[cfg(test)]
mod tests;
