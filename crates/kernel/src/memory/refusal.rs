//! Why a memory request was refused. A refused request has changed nothing.

use super::account::Short;

/// The reasons, and with them what to do instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A size of 0.
    Empty,
    /// An address or offset that is not at the start of a page.
    Unaligned,
    /// The range leaves the addresses this request may use.
    Outside,
    /// Unknown protection bits, or write together with execute.
    Protection,
    /// Something is there already.
    Occupied,
    /// Not every page of the range was made through the capability used.
    NotYours,
    /// Some page has memory already.
    AlreadyCommitted,
    /// Some page has no memory yet; commit it first.
    NotCommitted,
    /// The range goes past the end of the memory object.
    PastObject,
    /// More committed memory than the process may have; so many pages are left.
    CommitLimit {
        /// Pages that could still be committed.
        left: u64,
    },
    /// More reserved or shared address space than the process may have; so many pages are left.
    AddressSpaceLimit {
        /// Pages that could still be reserved or mapped from objects.
        left: u64,
    },
    /// Nowhere is there that much free address space in one piece.
    NoGap,
    /// The process has cut its address space into too many pieces.
    TooManyRegions,
    /// Neither the process nor the machine has memory left for it.
    NoMemory,
}

impl From<Short> for Refusal {
    fn from(_: Short) -> Refusal {
        Refusal::NoMemory
    }
}

impl Refusal {
    /// Whether a limit was reached (the request might succeed later), as opposed to a request that is wrong.
    pub fn is_limit(self) -> bool {
        matches!(
            self,
            Refusal::CommitLimit { .. }
                | Refusal::AddressSpaceLimit { .. }
                | Refusal::NoGap
                | Refusal::TooManyRegions
                | Refusal::NoMemory
        )
    }
}
