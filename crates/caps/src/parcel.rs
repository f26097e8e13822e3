//! What a transfer is made of: the wish for one capability, the parcel that travels, the names it gets on
//! arrival, and what is left of it. Rule P6 (docs/rules/capabilities.md). Which table does what with them is
//! in transfer.rs.

use alloc::vec::Vec;
use core::ops::Deref;

use crate::id::CapId;

/// The most capabilities that can travel together in one message.
pub const MAX_TRANSFERS: usize = 16;

/// What becomes of the sender's own capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The sender keeps it.
    Copy,
    /// The sender loses it when the receiver has it.
    Move,
}

/// One capability the sender wants to hand over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its name in the sender's table.
    pub id: CapId,
    /// Whether the sender keeps it.
    pub mode: Mode,
}

/// Why a transfer could not start. `index` is the descriptor at fault. Nothing was staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferError {
    /// More than [`MAX_TRANSFERS`] descriptors: send them in several messages.
    TooMany,
    /// The id names nothing in the sender's table.
    Missing {
        /// Position in the descriptor list.
        index: usize,
    },
    /// The capability is named twice in one transfer, at least once to be moved.
    Repeated {
        /// Position of the later mention.
        index: usize,
    },
    /// An earlier move of this capability has not ended; wait for that call to complete.
    InTransit {
        /// Position in the descriptor list.
        index: usize,
    },
    /// Capabilities of this kind do not travel.
    NotTransferable {
        /// Position in the descriptor list.
        index: usize,
    },
}

/// Capabilities between two tables, in the order of their descriptors. Owns copies, so it stays whole when
/// the sender releases its own or dies. An empty parcel owns no memory.
#[derive(Debug)]
#[must_use = "the sender's capabilities stay in transit until the parcel is committed or rolled back"]
pub struct Parcel<C> {
    pub(crate) items: Vec<Item<C>>,
    /// The sender's table counts the copies that have no slot there.
    pub(crate) parked: bool,
}

#[derive(Debug)]
pub(crate) struct Item<C> {
    pub(crate) capability: C,
    /// The sender's slot to empty on commit.
    pub(crate) moved_from: Option<CapId>,
}

impl<C> Parcel<C> {
    /// Memory for each capability that travels.
    pub const BYTES_PER_CAPABILITY: usize = size_of::<Item<C>>();

    /// A parcel with nothing in it, for a message without capabilities.
    pub const fn empty() -> Self {
        Parcel {
            items: Vec::new(),
            parked: false,
        }
    }

    /// A parcel of capabilities that no table holds yet, such as the results of a method that makes objects.
    ///
    /// # Errors
    /// [`TransferError::TooMany`] above [`MAX_TRANSFERS`].
    pub fn of_new(capabilities: impl IntoIterator<Item = C>) -> Result<Self, TransferError> {
        let mut parcel = Parcel::empty();
        for capability in capabilities {
            if parcel.items.len() == MAX_TRANSFERS {
                return Err(TransferError::TooMany);
            }
            parcel.items.push(Item {
                capability,
                moved_from: None,
            });
        }
        Ok(parcel)
    }

    /// Lets go of a parcel that is empty: there is nothing to do, which where it is dropped is found out by a call.
    #[inline]
    pub fn let_go_empty(self) {
        debug_assert!(self.items.capacity() == 0, "an empty parcel owns no memory");
        core::mem::forget(self);
    }

    /// How many capabilities travel.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The capabilities in order.
    pub fn iter(&self) -> impl Iterator<Item = &C> {
        self.items.iter().map(|item| &item.capability)
    }

    /// The capabilities in order, to be changed on the way (another badge, a narrower facet).
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut C> {
        self.items.iter_mut().map(|item| &mut item.capability)
    }

    /// By which names the sender has what moves, until the transfer ends.
    pub fn moved(&self) -> impl Iterator<Item = CapId> {
        self.items.iter().filter_map(|item| item.moved_from)
    }

    /// How many of its capabilities the sender has kept.
    pub(crate) fn copies(&self) -> usize {
        self.items.len() - self.moved().count()
    }
}

/// What an ended transfer leaves behind: the parcel's own copies, which may by now be the last ones.
/// Dropping the last copy can set off an object's end, so drop this after letting go of the table's lock.
#[derive(Debug)]
#[must_use = "drop this outside the table's lock"]
pub struct Remains<C>(pub(crate) Vec<Item<C>>);

impl<C> Remains<C> {
    /// How many copies there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the transfer carried nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The copies in order.
    pub fn iter(&self) -> impl Iterator<Item = &C> {
        self.0.iter().map(|item| &item.capability)
    }

    /// What the transfer was to move, in order. After a commit the sender's table does not hold these any more.
    pub fn moved(&self) -> impl Iterator<Item = &C> {
        let moved = self.0.iter().filter(|item| item.moved_from.is_some());
        moved.map(|item| &item.capability)
    }

    /// The copies in order, for whoever does not just drop them.
    pub fn into_capabilities(self) -> impl Iterator<Item = C> {
        self.0.into_iter().map(|item| item.capability)
    }
}

/// The receiver's names for what has been put into its table and what it cannot see yet, in the order of the
/// descriptors. Reads as a slice.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "nobody sees these capabilities before they are accepted, and they keep their slots until they are withdrawn"]
pub struct Received {
    pub(crate) ids: [CapId; MAX_TRANSFERS],
    pub(crate) count: usize,
}

impl Deref for Received {
    type Target = [CapId];

    fn deref(&self) -> &[CapId] {
        self.ids.get(..self.count).unwrap_or(&[])
    }
}
