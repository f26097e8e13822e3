//! Init's own data: `initConfig` as a tree of plain values.
//!
//! The kernel never looks at it. Init reads it from the BootPackage to learn what to start, the host tool to
//! print a manifest back.

use crate::cue;
use crate::error::{ManifestError, Problem};
use crate::path::Path;
use crate::read::{Input, TEXT_LIMIT, open};
use alloc::vec::Vec;
use schema_gen::system::{cue_value, system_manifest};

/// Values a tree may have in all: far more than anyone writes, and little memory when somebody tries.
pub const MAX_VALUES: usize = 65_536;
/// Bytes of one text.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Plain data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// True or false.
    Boolean(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A list.
    List(Vec<Value<'a>>),
    /// Named values in the order of the file; a name may be there twice.
    Record(Vec<(&'a str, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Reads `initConfig` of a manifest. Checks the shape of the tree and nothing it says.
    ///
    /// # Errors
    /// The message cannot be read, or the tree is too deep or has more than [`MAX_VALUES`] values.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ManifestError> {
        let message = open(bytes)?;
        let root = Path::Root;
        let manifest: system_manifest::Reader<'_> =
            message.get_root().map_err(|error| root.unreadable(&error))?;
        let path = root.field("initConfig");
        let value = manifest
            .get_init_config()
            .map_err(|error| path.unreadable(&error))?;
        Tree {
            input: Input::new(bytes),
            left: MAX_VALUES,
        }
        .value(&path, value)
    }

    /// The first value with this name, if this is a record that has one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        match self {
            Self::Record(fields) => fields
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, if this is one.
    #[must_use]
    pub fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is an unsigned integer.
    #[must_use]
    pub fn uint(&self) -> Option<u64> {
        match self {
            Self::Uint(number) => Some(*number),
            _ => None,
        }
    }

    /// The elements; none if this is no list.
    #[must_use]
    pub fn list(&self) -> &[Value<'a>] {
        match self {
            Self::List(list) => list,
            _ => &[],
        }
    }
}

/// A tree being read, with what it may still grow by. Depth is bounded by the message's nesting limit.
struct Tree<'a> {
    input: Input<'a>,
    left: usize,
}

impl<'a> Tree<'a> {
    fn value(&mut self, path: &Path<'_>, value: cue_value::Reader<'_>) -> Result<Value<'a>, ManifestError> {
        let Ok(which) = value.which() else {
            return Err(path.fail(Problem::WrongKind {
                expected: "plain data",
                found: cue::kind(value),
            }));
        };
        Ok(match which {
            cue_value::Null(()) => Value::Null,
            cue_value::Boolean(truth) => Value::Boolean(truth),
            cue_value::IntValue(number) => Value::Int(number),
            cue_value::UintValue(number) => Value::Uint(number),
            cue_value::Text(text) => Value::Text(self.input.text(path, text, MAX_TEXT_BYTES)?),
            cue_value::Bytes(bytes) => {
                Value::Bytes(self.input.data(path, bytes, abi::limits::MANIFEST_BYTES)?)
            }
            cue_value::List(list) => {
                let list = list.map_err(|error| path.unreadable(&error))?;
                self.grow(path, list.len())?;
                let mut values = Vec::with_capacity(list.len() as usize);
                for (index, value) in (0..).zip(list) {
                    values.push(self.value(&path.index(index), value)?);
                }
                Value::List(values)
            }
            cue_value::Fields(fields) => {
                let fields = fields.map_err(|error| path.unreadable(&error))?;
                self.grow(path, fields.len())?;
                let mut record = Vec::with_capacity(fields.len() as usize);
                for field in fields {
                    let name = self.input.text(path, field.get_name(), TEXT_LIMIT)?;
                    let path = path.field(name);
                    let value = field.get_value().map_err(|error| path.unreadable(&error))?;
                    record.push((name, self.value(&path, value)?));
                }
                Value::Record(record)
            }
        })
    }

    fn grow(&mut self, path: &Path<'_>, count: u32) -> Result<(), ManifestError> {
        match self.left.checked_sub(count as usize) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(path.fail(Problem::TooMany {
                count: count as usize,
                most: MAX_VALUES,
            })),
        }
    }
}
