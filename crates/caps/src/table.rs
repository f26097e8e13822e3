//! The table itself: slots with generations, filled, looked up and emptied. Rule P6
//! (docs/rules/capabilities.md).
//!
//! A *slot* holds at most one capability. Emptying it raises its *generation*; a slot whose generation
//! cannot be raised any more is *retired* and never used again, so no id ever comes back. Moving
//! capabilities between tables is in transfer.rs: what is on its way out is *in transit* here, what is on its
//! way in is *arriving*, and what waits elsewhere on this table's account is *parked*.

use alloc::vec::Vec;

use crate::id::CapId;

/// Slots a table can ever have: what 8 bits of a [`CapId`] can name.
pub const SLOTS: usize = 256;

/// The table has no room for what was asked: its limit is reached or its slots are worn out. Nothing was
/// inserted; release something and try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "nothing was inserted"]
pub struct Full;

/// The capabilities of one process, at most `limit` at a time.
///
/// `GENERATION_BITS` (1..=24) is how far a slot's generation counts. It is 24 in the kernel; tests narrow
/// it to see slots wear out.
#[derive(Debug)]
pub struct Table<C, const GENERATION_BITS: u32 = 24> {
    slots: Vec<Slot<C>>,
    /// Most recently emptied slot; the others follow through [`Content::Free`].
    first_free: Option<u8>,
    /// How many slots are on the free list.
    free: usize,
    live: usize,
    /// Slots that hold what their owner was not told of yet.
    arriving: usize,
    /// Places taken by capabilities that are in no slot: they wait in parcels.
    parked: usize,
    limit: usize,
    closed: bool,
}

#[derive(Debug)]
struct Slot<C> {
    generation: u32,
    content: Content<C>,
}

#[derive(Debug)]
enum Content<C> {
    Taken { capability: C, in_transit: bool },
    Arriving { capability: C },
    Free { next: Option<u8> },
    Retired,
}

impl<C, const GENERATION_BITS: u32> Table<C, GENERATION_BITS> {
    /// Memory for each capability that the table holds.
    pub const BYTES_PER_CAPABILITY: usize = size_of::<Slot<C>>();

    /// The last generation a slot may carry.
    const LAST_GENERATION: u32 = {
        assert!(
            GENERATION_BITS >= 1 && GENERATION_BITS <= 24,
            "generations have 1 to 24 bits"
        );
        (1 << GENERATION_BITS) - 1
    };

    /// An empty table that will hold at most `limit` capabilities (more than [`SLOTS`] means [`SLOTS`]).
    /// Nothing is allocated until the first insertion or [`reserve`](Self::reserve).
    pub const fn new(limit: usize) -> Self {
        let limit = if limit < SLOTS { limit } else { SLOTS };
        Table {
            slots: Vec::new(),
            first_free: None,
            free: 0,
            live: 0,
            arriving: 0,
            parked: 0,
            limit,
            closed: false,
        }
    }

    /// How many capabilities the table holds now.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// How many it may hold.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many more can be inserted now. Retired slots count against this only when the unused ones have run
    /// out, so a table with a small limit does not wear out early.
    pub fn room(&self) -> usize {
        let never_used = SLOTS.saturating_sub(self.slots.len());
        self.places().min(self.free + never_used)
    }

    /// How many more capabilities its owner may have, in slots or parked.
    fn places(&self) -> usize {
        if self.closed {
            return 0;
        }
        self.limit.saturating_sub(self.live + self.arriving + self.parked)
    }

    /// How many capabilities wait in parcels on this table's account, without a slot here.
    pub fn parked(&self) -> usize {
        self.parked
    }

    /// Its owner has ended: nothing is inserted from now on. What is inside is taken out with
    /// [`pop`](Self::pop).
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Allocates now what the next `count` insertions need, so that they do not allocate. Asking for more
    /// than there is room for prepares for all the room there is.
    pub fn reserve(&mut self, count: usize) {
        let new_slots = count.min(self.room()).saturating_sub(self.free);
        self.slots.reserve(new_slots);
    }

    /// Keeps `count` places for what is still to be made, so that it finds room however many others come first.
    ///
    /// # Errors
    /// [`Full`] when there is not that much room; nothing is kept then.
    pub fn keep_places(&mut self, count: usize) -> Result<(), Full> {
        if count > self.room() {
            return Err(Full);
        }
        self.park_places(count)
    }

    /// Ends what [`keep_places`](Self::keep_places) began: the places can be taken.
    pub fn free_places(&mut self, count: usize) {
        self.parked = self.parked.saturating_sub(count);
    }

    /// Puts `capability` into a free slot and names it.
    ///
    /// # Errors
    /// [`Full`] when there is no room; the capability is dropped.
    pub fn insert(&mut self, capability: C) -> Result<CapId, Full> {
        let id = self.occupy(Content::Taken {
            capability,
            in_transit: false,
        })?;
        self.live += 1;
        Ok(id)
    }

    /// Puts `capability` into a slot where nobody finds it before [`show`](Self::show) names it.
    pub(crate) fn insert_unseen(&mut self, capability: C) -> Result<CapId, Full> {
        let id = self.occupy(Content::Arriving { capability })?;
        self.arriving += 1;
        Ok(id)
    }

    /// Fills a free slot.
    fn occupy(&mut self, content: Content<C>) -> Result<CapId, Full> {
        if self.room() == 0 {
            return Err(Full);
        }
        Ok(match self.first_free {
            Some(index) => {
                let slot = self.slots.get_mut(usize::from(index)).ok_or(Full)?;
                let Content::Free { next } = slot.content else {
                    return Err(Full);
                };
                self.first_free = next;
                self.free -= 1;
                slot.content = content;
                CapId::new(index, slot.generation)
            }
            None => {
                let index = u8::try_from(self.slots.len()).map_err(|_| Full)?;
                self.slots.push(Slot {
                    generation: 1,
                    content,
                });
                CapId::new(index, 1)
            }
        })
    }

    /// The capability that `id` names, or `None` if it names nothing (any more).
    #[inline]
    pub fn get(&self, id: CapId) -> Option<&C> {
        match self.slots.get(usize::from(id.slot())) {
            Some(Slot {
                generation,
                content: Content::Taken { capability, .. },
            }) if *generation == id.generation() => Some(capability),
            _ => None,
        }
    }

    /// Takes the capability out and makes `id` stale for ever. A capability in transit can be removed as
    /// well: its parcel carries its own copy, which keeps the place in this table's limit until it has arrived.
    pub fn remove(&mut self, id: CapId) -> Option<C> {
        self.get(id)?;
        let in_transit = self.in_transit(id);
        let capability = self.take_out(id)?;
        if in_transit {
            self.parked += 1;
        }
        Some(capability)
    }

    /// Empties the slot that `id` names, if it names one.
    pub(crate) fn take_out(&mut self, id: CapId) -> Option<C> {
        let slot = self.slots.get_mut(usize::from(id.slot()))?;
        if slot.generation != id.generation() {
            return None;
        }
        let count = match slot.content {
            Content::Taken { .. } => &mut self.live,
            Content::Arriving { .. } => &mut self.arriving,
            Content::Free { .. } | Content::Retired => return None,
        };
        *count -= 1;
        // P6: the generation rises when the slot is emptied, and a slot that cannot count on is given up.
        let emptied = if slot.generation < Self::LAST_GENERATION {
            slot.generation += 1;
            let next = self.first_free.replace(id.slot());
            self.free += 1;
            Content::Free { next }
        } else {
            Content::Retired
        };
        match core::mem::replace(&mut slot.content, emptied) {
            Content::Taken { capability, .. } | Content::Arriving { capability } => Some(capability),
            Content::Free { .. } | Content::Retired => None,
        }
    }

    /// All capabilities with their ids, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = (CapId, &C)> {
        (0u8..=u8::MAX)
            .zip(&self.slots)
            .filter_map(|(index, slot)| match &slot.content {
                Content::Taken { capability, .. } => Some((CapId::new(index, slot.generation), capability)),
                Content::Arriving { .. } | Content::Free { .. } | Content::Retired => None,
            })
    }

    /// Takes out one capability, the one in the lowest slot; a process that ends calls this until `None`,
    /// so it need not hold its table's lock while a capability is being dropped.
    pub fn pop(&mut self) -> Option<(CapId, C)> {
        let id = self.iter().next().map(|(id, _)| id)?;
        self.remove(id).map(|capability| (id, capability))
    }

    /// Whether `id` is live and part of a move that has not ended.
    pub fn in_transit(&self, id: CapId) -> bool {
        self.slots.get(usize::from(id.slot())).is_some_and(|slot| {
            slot.generation == id.generation()
                && matches!(slot.content, Content::Taken { in_transit: true, .. })
        })
    }

    /// Sets or clears the mark that [`in_transit`](Self::in_transit) reads; a stale `id` changes nothing.
    pub(crate) fn mark_in_transit(&mut self, id: CapId, mark: bool) {
        if let Some(slot) = self.slots.get_mut(usize::from(id.slot()))
            && slot.generation == id.generation()
            && let Content::Taken { in_transit, .. } = &mut slot.content
        {
            *in_transit = mark;
        }
    }

    /// Lets `id` name what was inserted unseen.
    pub(crate) fn show(&mut self, id: CapId) {
        let Some(slot) = self.slots.get_mut(usize::from(id.slot())) else {
            return;
        };
        if slot.generation != id.generation() {
            return;
        }
        slot.content = match core::mem::replace(&mut slot.content, Content::Retired) {
            Content::Arriving { capability } => {
                self.arriving -= 1;
                self.live += 1;
                Content::Taken {
                    capability,
                    in_transit: false,
                }
            }
            other => other,
        };
    }

    /// Counts capabilities as parked.
    pub(crate) fn park_places(&mut self, count: usize) -> Result<(), Full> {
        if count > self.places() {
            return Err(Full);
        }
        self.parked += count;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
