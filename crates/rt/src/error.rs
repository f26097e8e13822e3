//! How a call can fail, as the caller sees it.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use abi::result::Failure;

/// What an exception says about the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It did not work, for a reason that the text may tell.
    Failed,
    /// A limit was reached; it may work later.
    Overloaded,
    /// The object is gone for good.
    Disconnected,
    /// The object has no such method.
    Unimplemented,
    /// An argument is wrong; the same call will never work.
    InvalidArgument,
}

impl Kind {
    /// From the wire's number; unknown numbers read as [`Kind::Failed`].
    pub fn from_wire(number: u16) -> Kind {
        match number {
            1 => Kind::Overloaded,
            2 => Kind::Disconnected,
            3 => Kind::Unimplemented,
            4 => Kind::InvalidArgument,
            _ => Kind::Failed,
        }
    }

    /// The wire's number.
    pub fn to_wire(self) -> u16 {
        self as u16
    }

    fn words(self) -> &'static str {
        match self {
            Kind::Failed => "failed",
            Kind::Overloaded => "overloaded",
            Kind::Disconnected => "disconnected",
            Kind::Unimplemented => "unimplemented",
            Kind::InvalidArgument => "invalid argument",
        }
    }
}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The object answered with an exception.
    Exception(Kind, String),
    /// The kernel refused the submission itself.
    Refused(Failure),
    /// The answer was not what the schema says.
    Malformed,
    /// This thread has as many operations in flight as its ring can hold.
    TooManyInFlight,
    /// This program was not given a capability that it needs: its name.
    NotGranted(Cow<'static, str>),
}

impl Error {
    /// Whether this is an exception of that kind.
    pub fn is(&self, kind: Kind) -> bool {
        matches!(self, Error::Exception(found, _) if *found == kind)
    }
}

impl From<i32> for Error {
    /// From a negative result code.
    fn from(code: i32) -> Error {
        Failure::from_code(code).map_or(Error::Malformed, Error::Refused)
    }
}

impl From<crate::lane::TooManyInFlight> for Error {
    fn from(_: crate::lane::TooManyInFlight) -> Error {
        Error::TooManyInFlight
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Exception(kind, text) if text.is_empty() => out.write_str(kind.words()),
            Error::Exception(kind, text) => write!(out, "{}: {text}", kind.words()),
            Error::Refused(failure) => write!(out, "{} ({})", failure_words(*failure), failure.code()),
            Error::Malformed => out.write_str("the answer does not follow the schema"),
            Error::TooManyInFlight => out.write_str("too many operations in flight"),
            Error::NotGranted(name) => write!(out, "this program was not given the capability `{name}`"),
        }
    }
}

impl core::error::Error for Error {}

/// What a failure of a submission means, in a few words.
pub fn failure_words(failure: Failure) -> &'static str {
    match failure {
        Failure::InvalidRequest => "invalid request",
        Failure::InvalidParams => "invalid parameter buffer",
        Failure::InvalidResult => "invalid result buffer",
        Failure::InvokeFailed => "no such capability",
        Failure::UnsupportedOpcode => "unsupported operation",
        Failure::TransferNotSupported => "this capability cannot be handed over here",
        Failure::InvalidTransfer => "invalid transfer descriptor",
        Failure::TransferAborted => "the transfer was aborted",
        Failure::ApplicationException => "application exception",
        Failure::ApplicationExceptionNoDetail => "application exception without details",
    }
}
