//! Transfers: capabilities leave one table and arrive in another whole, or nothing happens. Rule P6
//! (docs/rules/capabilities.md).
//!
//! A call with capabilities may wait in a queue between its sending and its delivery, so a transfer has two
//! phases. [`Table::stage`] checks everything and makes a [`Parcel`]: copies of the capabilities, with
//! those that shall move marked *in transit* in the sender's table. A parcel that has to wait is
//! [parked](Table::park). [`Table::receive`] puts all of them into the receiver's table or none, where nobody
//! sees them until the receiver is told and [`Table::accept`] shows them; if it cannot be told,
//! [`Table::withdraw`] takes them back. Then [`Table::commit`] empties the sender's slots, or
//! [`Table::rollback`] takes the marks away. A parcel is used up by either, so no transfer ends twice.
//!
//! Whatever shall leave a table for another one, by a message or for a child, passes through
//! `Table::begin_to_leave`.

use alloc::vec::Vec;

use crate::id::CapId;
use crate::parcel::{Descriptor, Item, MAX_TRANSFERS, Mode, Parcel, Received, Remains, TransferError};
use crate::table::{Full, Table};

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
        for (index, descriptor) in descriptors.iter().enumerate() {
            let capability = self.get(descriptor.id).ok_or(TransferError::Missing { index })?;
            if !transferable(capability) {
                return Err(TransferError::NotTransferable { index });
            }
        }
        let mut parcel = Parcel {
            items: Vec::with_capacity(descriptors.len()),
            parked: false,
        };
        for (index, descriptor) in descriptors.iter().enumerate() {
            match self.begin_to_leave(index, *descriptor) {
                Ok(item) => parcel.items.push(item),
                Err(refusal) => {
                    // Every check has passed, so this does not happen; nothing is left marked even if it does.
                    drop(self.rollback(parcel));
                    return Err(refusal);
                }
            }
        }
        Ok(parcel)
    }

    /// Adds one capability to a parcel of this table: for transfers that are judged one by one, such as what
    /// a child shall be born with. Returns another copy of it.
    ///
    /// # Errors
    /// [`TransferError::Missing`], [`TransferError::Repeated`] when the parcel moves it already, and
    /// [`TransferError::InTransit`] when another one does. The parcel is as it was.
    pub fn stage_into(&mut self, parcel: &mut Parcel<C>, descriptor: Descriptor) -> Result<C, TransferError> {
        let index = parcel.len();
        if parcel.moved().any(|id| id == descriptor.id) {
            return Err(TransferError::Repeated { index });
        }
        let item = self.begin_to_leave(index, descriptor)?;
        let copy = item.capability.clone();
        parcel.items.push(item);
        Ok(copy)
    }

    /// The one way by which a capability begins to leave a table: it is there, no other transfer moves it, and
    /// if this one does it says so.
    fn begin_to_leave(&mut self, index: usize, descriptor: Descriptor) -> Result<Item<C>, TransferError> {
        let capability = self.may_leave(index, descriptor)?.clone();
        let moved_from = (descriptor.mode == Mode::Move).then_some(descriptor.id);
        if let Some(id) = moved_from {
            self.mark_in_transit(id, true);
        }
        Ok(Item {
            capability,
            moved_from,
        })
    }

    fn may_leave(&self, index: usize, descriptor: Descriptor) -> Result<&C, TransferError> {
        let capability = self.get(descriptor.id).ok_or(TransferError::Missing { index })?;
        if descriptor.mode == Mode::Move && self.in_transit(descriptor.id) {
            return Err(TransferError::InTransit { index });
        }
        Ok(capability)
    }

    fn check_single_use(
        &self,
        descriptors: &[Descriptor],
        index: usize,
        descriptor: Descriptor,
    ) -> Result<(), TransferError> {
        let repeated = descriptors.iter().take(index).any(|earlier| {
            earlier.id == descriptor.id && (earlier.mode == Mode::Move || descriptor.mode == Mode::Move)
        });
        // What an earlier one names is there: that was judged before.
        if repeated {
            return Err(TransferError::Repeated { index });
        }
        self.may_leave(index, descriptor).map(|_| ())
    }

    /// Counts against this table what a parcel of it holds besides the table's slots, because the parcel has to
    /// wait: nobody has more capabilities under way than its table could hold. Ends with the transfer.
    ///
    /// # Errors
    /// [`Full`] when there is no room; nothing is counted then.
    pub fn park(&mut self, parcel: &mut Parcel<C>) -> Result<(), Full> {
        if !parcel.parked {
            self.park_places(parcel.copies())?;
            parcel.parked = true;
        }
        Ok(())
    }

    /// Puts everything in the parcel into this table, which may be the sender's own. Nobody finds it there
    /// before [`accept`](Self::accept). The parcel stays whole: when the delivery fails later on,
    /// [`withdraw`](Self::withdraw) takes the insertions back and the parcel can be received again.
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
            let (Ok(id), Some(place)) = (
                self.insert_unseen(item.capability.clone()),
                received.ids.get_mut(index),
            ) else {
                // There was room, so this does not happen; all or nothing holds even if it does.
                self.withdraw(received);
                return Err(Full);
            };
            *place = id;
            received.count += 1;
        }
        Ok(received)
    }

    /// The receiver is told: from now on its names lead somewhere.
    pub fn accept(&mut self, received: Received) {
        for id in received.iter() {
            self.show(*id);
        }
    }

    /// Undoes a [`receive`](Self::receive) whose ids never reached the receiver, while the parcel is still
    /// held and so owns the last copies.
    pub fn withdraw(&mut self, received: Received) {
        for id in received.iter() {
            drop(self.take_out(*id));
        }
    }

    /// Ends a transfer in the sender's table: what was moved leaves it. A slot the sender has emptied by
    /// itself, or reused since, is left alone.
    pub fn commit(&mut self, parcel: Parcel<C>) -> Remains<C> {
        self.end(parcel, |table, id| table.take_out(id).is_some())
    }

    /// Gives a transfer up: the sender keeps everything and may move it again.
    pub fn rollback(&mut self, parcel: Parcel<C>) -> Remains<C> {
        self.end(parcel, |table, id| {
            table.mark_in_transit(id, false);
            table.get(id).is_some()
        })
    }

    /// Ends a transfer. `at_home` does what is to be done with the slot of something that was to move, and says
    /// whether it was still there; if not, it had kept its place in the limit without a slot.
    fn end(&mut self, parcel: Parcel<C>, at_home: impl Fn(&mut Self, CapId) -> bool) -> Remains<C> {
        if parcel.parked {
            self.free_places(parcel.copies());
        }
        for id in parcel.moved() {
            if !at_home(self, id) {
                self.free_places(1);
            }
        }
        Remains(parcel.items)
    }
}

#[cfg(test)]
mod tests;
