//! Where in the manifest a decoder is, kept on the stack and spelled out only when something is wrong there.

use crate::error::{ManifestError, Problem};
use alloc::string::ToString;
use core::fmt;

/// A field, by the way that leads to it.
#[derive(Clone, Copy)]
pub(crate) enum Path<'p> {
    /// The manifest itself.
    Root,
    /// A field of a struct or record.
    Field(&'p Path<'p>, &'p str),
    /// An element of a list.
    Index(&'p Path<'p>, u32),
}

impl Path<'_> {
    pub(crate) fn field<'p>(&'p self, name: &'p str) -> Path<'p> {
        Path::Field(self, name)
    }

    pub(crate) fn index(&self, index: u32) -> Path<'_> {
        Path::Index(self, index)
    }

    /// The error that this problem is here.
    pub(crate) fn fail(&self, problem: Problem) -> ManifestError {
        ManifestError {
            field: self.to_string(),
            problem,
        }
    }

    /// The error that the message cannot be followed here.
    pub(crate) fn unreadable(&self, error: &capnp::Error) -> ManifestError {
        self.fail(Problem::Unreadable {
            reason: error.to_string(),
        })
    }

    /// The error that an enum has a value here that nobody knows.
    pub(crate) fn unknown(&self, value: capnp::NotInSchema) -> ManifestError {
        self.fail(Problem::UnknownValue { number: value.0 })
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Path::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
