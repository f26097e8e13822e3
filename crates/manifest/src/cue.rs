//! Walking the plain-data tree of `initConfig`: fields by name, and values of an expected kind.
//!
//! Only names that are looked up matter. A name that is looked up and there twice is an error; anything else
//! in a record is somebody else's and is not even read.

use crate::error::{ManifestError, Problem};
use crate::path::Path;
use crate::read::Input;
use capnp::struct_list;
use schema_gen::system::{cue_field, cue_value};

/// Most fields of a record in which names are looked up. A few bytes can claim millions of empty fields, and
/// every look-up visits all of them.
const MAX_FIELDS: usize = 1024;

/// The fields of a record.
pub(crate) struct Record<'r> {
    fields: struct_list::Reader<'r, cue_field::Owned>,
}

/// What kind of value this is, in words.
pub(crate) fn kind(value: cue_value::Reader<'_>) -> &'static str {
    match value.which() {
        Ok(cue_value::Null(())) => "null",
        Ok(cue_value::Boolean(_)) => "a boolean",
        Ok(cue_value::IntValue(_)) => "a signed integer",
        Ok(cue_value::UintValue(_)) => "an unsigned integer",
        Ok(cue_value::Text(_)) => "text",
        Ok(cue_value::Bytes(_)) => "bytes",
        Ok(cue_value::List(_)) => "a list",
        Ok(cue_value::Fields(_)) => "a record",
        Err(_) => "of an unknown kind",
    }
}

fn wrong(path: &Path<'_>, expected: &'static str, value: cue_value::Reader<'_>) -> ManifestError {
    path.fail(Problem::WrongKind {
        expected,
        found: kind(value),
    })
}

/// A record of at most [`MAX_FIELDS`] fields.
pub(crate) fn record<'r>(path: &Path<'_>, value: cue_value::Reader<'r>) -> Result<Record<'r>, ManifestError> {
    match value.which() {
        Ok(cue_value::Fields(fields)) => {
            let fields = fields.map_err(|error| path.unreadable(&error))?;
            crate::read::at_most(path, fields.len(), MAX_FIELDS)?;
            Ok(Record { fields })
        }
        _ => Err(wrong(path, "a record", value)),
    }
}

/// A list of at most `most` elements.
pub(crate) fn list<'r>(
    path: &Path<'_>,
    value: cue_value::Reader<'r>,
    most: usize,
) -> Result<struct_list::Reader<'r, cue_value::Owned>, ManifestError> {
    match value.which() {
        Ok(cue_value::List(list)) => {
            let list = list.map_err(|error| path.unreadable(&error))?;
            crate::read::at_most(path, list.len(), most)?;
            Ok(list)
        }
        _ => Err(wrong(path, "a list", value)),
    }
}

/// A text of at most `most` bytes.
pub(crate) fn text<'a>(
    input: &Input<'a>,
    path: &Path<'_>,
    value: cue_value::Reader<'_>,
    most: usize,
) -> Result<&'a str, ManifestError> {
    match value.which() {
        Ok(cue_value::Text(text)) => input.text(path, text, most),
        _ => Err(wrong(path, "text", value)),
    }
}

/// An unsigned integer. A signed one is refused even when it is not negative: the two are different on the
/// wire.
pub(crate) fn uint(path: &Path<'_>, value: cue_value::Reader<'_>) -> Result<u64, ManifestError> {
    match value.which() {
        Ok(cue_value::UintValue(number)) => Ok(number),
        _ => Err(wrong(path, "an unsigned integer", value)),
    }
}

impl<'r> Record<'r> {
    /// The value with this name, if there is one.
    pub(crate) fn find(
        &self,
        path: &Path<'_>,
        name: &str,
    ) -> Result<Option<cue_value::Reader<'r>>, ManifestError> {
        let mut found = None;
        for field in self.fields {
            let field_name = field.get_name().map_err(|error| path.unreadable(&error))?;
            if field_name.as_bytes() == name.as_bytes() {
                if found.is_some() {
                    return Err(path.field(name).fail(Problem::Duplicate { name: name.into() }));
                }
                found = Some(
                    field
                        .get_value()
                        .map_err(|error| path.field(name).unreadable(&error))?,
                );
            }
        }
        Ok(found)
    }

    /// The value with this name.
    pub(crate) fn get(&self, path: &Path<'_>, name: &str) -> Result<cue_value::Reader<'r>, ManifestError> {
        self.find(path, name)?
            .ok_or_else(|| path.field(name).fail(Problem::Missing))
    }
}
