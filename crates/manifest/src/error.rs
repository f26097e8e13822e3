//! What can be wrong with a manifest, and where.

use alloc::string::String;
use core::fmt;

/// The first thing that is wrong, and the field in which it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManifestError {
    /// Path of the field, such as `initConfig.init.caps[2].source.kernel`; empty for the manifest as a whole.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are what the variant's sentence says")]
pub enum Problem {
    /// The file is empty or exceeds the limit of boot manifests.
    Size { bytes: usize },
    /// The message is broken here: a pointer leads nowhere, text is not UTF-8, nesting is too deep.
    Unreadable { reason: String },
    /// The manifest is of another version.
    SchemaVersion { found: u32 },
    /// The field must be there.
    Missing,
    /// A list has too many elements.
    TooMany { count: usize, most: usize },
    /// Text or data has too many bytes.
    TooLong { bytes: usize, most: usize },
    /// The name was given before.
    Duplicate { name: String },
    /// The name is kept for the program built into the kernel.
    ReservedName,
    /// No binary has this name.
    NoSuchBinary { name: String },
    /// The binary has no bytes.
    EmptyBinary { name: String },
    /// The value is of another kind.
    WrongKind {
        expected: &'static str,
        found: &'static str,
    },
    /// The enum has no such value.
    UnknownValue { number: u16 },
    /// The text is none of those allowed here.
    UnknownWord { word: String },
    /// This source is not for init.
    NotForInit { source: &'static str },
    /// The source gives another interface than expected.
    WrongInterface {
        source: &'static str,
        given: u64,
        expected: u64,
    },
    /// The source works only when this other field is set.
    Needs { field: &'static str },
    /// The number is outside what is allowed.
    OutOfRange { value: u64, allowed: &'static str },
    /// The text has a character that is not allowed.
    BadCharacter { character: char },
    /// A line of the text is too long.
    LongLine { line: usize, most: usize },
    /// A CPU mask ends in a zero byte.
    MaskNotCanonical,
}

impl core::error::Error for ManifestError {}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(f, "manifest: {}", self.problem),
            field => write!(f, "{field}: {}", self.problem),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { bytes: 0 } => write!(f, "is empty"),
            Self::Size { bytes } => write!(
                f,
                "has {bytes} bytes, at most {} are allowed",
                abi::limits::MANIFEST_BYTES
            ),
            Self::Unreadable { reason } => write!(f, "cannot be read: {reason}"),
            Self::SchemaVersion { found } => write!(f, "is {found}, must be {}", crate::SCHEMA_VERSION),
            Self::Missing => write!(f, "is missing or empty"),
            Self::TooMany { count, most } => write!(f, "has {count} entries, at most {most} are allowed"),
            Self::TooLong { bytes, most } => write!(f, "has {bytes} bytes, at most {most} are allowed"),
            Self::Duplicate { name } => write!(f, "`{name}` is there twice"),
            Self::ReservedName => write!(
                f,
                "`{}` is the name of the embedded program",
                crate::EMBEDDED_INIT
            ),
            Self::NoSuchBinary { name } => write!(f, "there is no binary `{name}`"),
            Self::EmptyBinary { name } => write!(f, "binary `{name}` is empty"),
            Self::WrongKind { expected, found } => write!(f, "must be {expected}, is {found}"),
            Self::UnknownValue { number } => write!(f, "value {number} means nothing here"),
            Self::UnknownWord { word } => write!(f, "`{word}` means nothing here"),
            Self::NotForInit { source } => write!(f, "`{source}` cannot be given to init"),
            Self::WrongInterface {
                source,
                given,
                expected,
            } => {
                write!(
                    f,
                    "`{source}` gives interface 0x{given:016x}, not 0x{expected:016x}"
                )
            }
            Self::Needs { field } => write!(f, "needs {field}"),
            Self::OutOfRange { value, allowed } => write!(f, "{value} is not allowed, only {allowed}"),
            Self::BadCharacter { character } => write!(f, "character {character:?} is not allowed"),
            Self::LongLine { line, most } => write!(f, "line {line} has more than {most} bytes"),
            Self::MaskNotCanonical => write!(f, "CPU mask ends in a zero byte"),
        }
    }
}
