//! Transfers: capabilities leave one table and arrive in another whole, or nothing happens. Rule P6
//! (docs/rules/capabilities.md).
//!
//! A call with capabilities may wait in a queue between its sending and its delivery, so a transfer has two
//! phases. [`Table::stage`] checks everything and makes a [`Parcel`]: copies of the capabilities, with
//! those that shall move marked *in transit* in the sender's table. [`Table::receive`] puts all of them
//! into the receiver's table or none. Then [`Table::commit`] empties the sender's slots, or
//! [`Table::rollback`] takes the marks away. A parcel is used up by either, so no transfer ends twice.

use alloc::vec::Vec;
use core::ops::Deref;

use crate::id::CapId;
use crate::table::{Full, Table};

/// The most capabilities that can travel together.
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
    items: Vec<Item<C>>,
}

#[derive(Debug)]
struct Item<C> {
    capability: C,
    /// The sender's slot to empty on commit.
    moved_from: Option<CapId>,
}

impl<C> Parcel<C> {
    /// A parcel with nothing in it, for a message without capabilities.
    pub const fn empty() -> Self {
        Parcel { items: Vec::new() }
    }

    /// A parcel of capabilities that no table holds yet, such as the results of a method that makes objects.
    ///
    /// # Errors
    /// [`TransferError::TooMany`] above [`MAX_TRANSFERS`].
    pub fn of_new(capabilities: impl IntoIterator<Item = C>) -> Result<Self, TransferError> {
        let mut items = Vec::new();
        for capability in capabilities {
            if items.len() == MAX_TRANSFERS {
                return Err(TransferError::TooMany);
            }
            items.push(Item {
                capability,
                moved_from: None,
            });
        }
        Ok(Parcel { items })
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

    fn moved(&self) -> impl Iterator<Item = CapId> {
        self.items.iter().filter_map(|item| item.moved_from)
    }
}

/// What an ended transfer leaves behind: the parcel's own copies, which may by now be the last ones.
/// Dropping the last copy can set off an object's end, so drop this after letting go of the table's lock.
#[derive(Debug)]
#[must_use = "drop this outside the table's lock"]
pub struct Remains<C>(Vec<Item<C>>);

impl<C> Remains<C> {
    /// How many copies there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the transfer carried nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The receiver's names for what arrived, in the order of the descriptors. Reads as a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    ids: [CapId; MAX_TRANSFERS],
    count: usize,
}

impl Deref for Received {
    type Target = [CapId];

    fn deref(&self) -> &[CapId] {
        self.ids.get(..self.count).unwrap_or(&[])
    }
}

impl<C: Clone, const GENERATION_BITS: u32> Table<C, GENERATION_BITS> {
    /// Starts a transfer out of this table. The sender may go on using everything, but what moves cannot be
    /// moved a second time until this transfer ends.
    ///
    /// # Errors
    /// In this order, each over all descriptors before the next: [`TransferError::TooMany`]; existence and
    /// single use ([`TransferError::Missing`], [`TransferError::Repeated`], [`TransferError::InTransit`]);
    /// [`TransferError::NotTransferable`]. A refused transfer changes nothing.
    pub fn stage(
        &mut self,
        descriptors: &[Descriptor],
        transferable: impl Fn(&C) -> bool,
    ) -> Result<Parcel<C>, TransferError> {
        if descriptors.len() > MAX_TRANSFERS {
            return Err(TransferError::TooMany);
        }
        for (index, descriptor) in descriptors.iter().enumerate() {
            self.check_single_use(descriptors, index, *descriptor)?;
        }
        let mut items = Vec::with_capacity(descriptors.len());
        for (index, descriptor) in descriptors.iter().enumerate() {
            let capability = self.get(descriptor.id).ok_or(TransferError::Missing { index })?;
            if !transferable(capability) {
                return Err(TransferError::NotTransferable { index });
            }
            let moved_from = (descriptor.mode == Mode::Move).then_some(descriptor.id);
            items.push(Item {
                capability: capability.clone(),
                moved_from,
            });
        }
        // Every check has passed: from here on nothing can fail.
        let parcel = Parcel { items };
        for id in parcel.moved() {
            self.mark_in_transit(id, true);
        }
        Ok(parcel)
    }

    fn check_single_use(
        &self,
        descriptors: &[Descriptor],
        index: usize,
        descriptor: Descriptor,
    ) -> Result<(), TransferError> {
        if self.get(descriptor.id).is_none() {
            return Err(TransferError::Missing { index });
        }
        let repeated = descriptors.iter().take(index).any(|earlier| {
            earlier.id == descriptor.id && (earlier.mode == Mode::Move || descriptor.mode == Mode::Move)
        });
        if repeated {
            return Err(TransferError::Repeated { index });
        }
        if descriptor.mode == Mode::Move && self.in_transit(descriptor.id) {
            return Err(TransferError::InTransit { index });
        }
        Ok(())
    }

    /// Puts everything in the parcel into this table, which may be the sender's own. The parcel stays
    /// whole: when the delivery fails later on, [`withdraw`](Self::withdraw) takes the insertions back and
    /// the parcel can be received again.
    ///
    /// # Errors
    /// [`Full`] when not all of it fits; then none of it was inserted.
    pub fn receive(&mut self, parcel: &Parcel<C>) -> Result<Received, Full> {
        if parcel.len() > self.room() {
            return Err(Full);
        }
        let mut received = Received {
            ids: [CapId::NONE; MAX_TRANSFERS],
            count: 0,
        };
        for (index, item) in parcel.items.iter().enumerate() {
            let (Ok(id), Some(place)) = (self.insert(item.capability.clone()), received.ids.get_mut(index))
            else {
                // There was room, so this does not happen; all or nothing holds even if it does.
                self.withdraw(&received);
                return Err(Full);
            };
            *place = id;
            received.count += 1;
        }
        Ok(received)
    }

    /// Undoes a [`receive`](Self::receive) whose ids never reached the receiver, while the parcel is still
    /// held. What the receiver has released by itself in the meantime is left alone.
    pub fn withdraw(&mut self, received: &Received) {
        for id in received.iter() {
            drop(self.remove(*id));
        }
    }

    /// Ends a transfer in the sender's table: what was moved leaves it. A slot the sender has emptied by
    /// itself, or reused since, is left alone.
    pub fn commit(&mut self, parcel: Parcel<C>) -> Remains<C> {
        for id in parcel.moved() {
            drop(self.remove(id));
        }
        Remains(parcel.items)
    }

    /// Gives a transfer up: the sender keeps everything and may move it again.
    pub fn rollback(&mut self, parcel: Parcel<C>) -> Remains<C> {
        for id in parcel.moved() {
            self.mark_in_transit(id, false);
        }
        Remains(parcel.items)
    }
}

#[cfg(test)]
mod tests;
