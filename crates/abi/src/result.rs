//! Result codes of completions. Zero or more is success and means what the operation says; less is a
//! [`Failure`].

/// Why a submission did not do what it asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Failure {
    /// The submission breaks a wire rule, or names something that is not there (RELEASE, RETURN, CANCEL).
    InvalidRequest = -1,
    /// Parameters, descriptors or the park word cannot be read.
    InvalidParams = -2,
    /// The result buffer cannot be written or is too small.
    InvalidResult = -3,
    /// The capability is absent, released, revoked or of the wrong kind; or the receive was cancelled.
    InvokeFailed = -4,
    /// Reserved opcode.
    UnsupportedOpcode = -5,
    /// That capability, or that target, takes no part in transfers.
    TransferNotSupported = -6,
    /// A transfer descriptor is malformed or names nothing.
    InvalidTransfer = -7,
    /// The transfer could not commit; the sender keeps its capabilities.
    TransferAborted = -8,
    /// An encoded `CapException` is in the result buffer.
    ApplicationException = -9,
    /// An exception was raised and did not fit the result buffer.
    ApplicationExceptionNoDetail = -10,
}

impl Failure {
    /// The number in `Cqe::result`.
    #[inline]
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The failure with this number, if it is one.
    #[must_use]
    pub const fn from_code(code: i32) -> Option<Self> {
        Some(match code {
            -1 => Self::InvalidRequest,
            -2 => Self::InvalidParams,
            -3 => Self::InvalidResult,
            -4 => Self::InvokeFailed,
            -5 => Self::UnsupportedOpcode,
            -6 => Self::TransferNotSupported,
            -7 => Self::InvalidTransfer,
            -8 => Self::TransferAborted,
            -9 => Self::ApplicationException,
            -10 => Self::ApplicationExceptionNoDetail,
            _ => return None,
        })
    }
}

/// Most bytes of parameters, and most bytes of results, that one call may carry.
pub const MAX_MESSAGE_BYTES: u32 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_every_code_names_itself() {
        for code in -10..0 {
            assert_eq!(Failure::from_code(code).unwrap().code(), code);
        }
        assert_eq!((Failure::from_code(0), Failure::from_code(-11)), (None, None));
    }
}
