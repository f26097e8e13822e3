//! Operations under way on one ring. Each is a slot, made when its submission is accepted; whoever may end it keeps a
//! [`Name`] of the slot, which goes stale when the operation ends in another way. So ending is exact: once, by whoever comes
//! first. Who has something to write into its submitter's memory first claims it: from then on nobody else ends it. Rule P18.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;

/// Names an operation. A copy is another name, not another operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    slot: u16,
    generation: u64,
}

/// What a slot is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing.
    Free,
    /// An operation, which anybody who knows it may end.
    UnderWay,
    /// An operation that somebody is about to end.
    Claimed,
}

/// A slot is written and read field by field: an operation begins and ends on every call.
struct Slot<D, P, T, M> {
    generation: u64,
    state: State,
    details: D,
    place: Option<P>,
    timer: Option<T>,
    /// Memory for a time-out, kept for the next operation in this slot.
    memory: Option<M>,
}

/// What is left of an operation that has ended, to be let go of without the table's lock.
#[must_use = "its completion has to be posted, and its time-out disarmed"]
#[derive(Debug)]
pub struct Ended<D, P> {
    /// What its submission said.
    pub details: D,
    /// Where it waited.
    pub place: Option<P>,
    /// Whether its time-out is armed, which is then taken before the lock is let go of ([`Table::take_timer`]). Few have one, and who
    /// ends the others carries no room for it.
    pub is_timed: bool,
}

/// The operations of one ring: their details `D`, where they wait `P`, their armed time-outs `T` and the memory `M` of those
/// that are not armed.
pub struct Table<D, P, T, M> {
    slots: Vec<Slot<D, P, T, M>>,
    free: Vec<u16>,
    limit: usize,
}

/// As many operations are under way as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<D: Copy + Default, P, T, M> Table<D, P, T, M> {
    /// Bytes of one slot.
    pub const SLOT_BYTES: usize = size_of::<Slot<D, P, T, M>>();

    /// An empty table with room for `limit` slots.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn new(limit: u16) -> Result<Self, TryReserveError> {
        let mut slots = Vec::new();
        slots.try_reserve_exact(usize::from(limit))?;
        let mut free = Vec::new();
        free.try_reserve_exact(usize::from(limit))?;
        Ok(Table {
            slots,
            free,
            limit: usize::from(limit),
        })
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.slots.len() == self.free.len()
    }

    /// Begins an operation.
    ///
    /// # Errors
    /// [`Full`] when as many are under way as there may be.
    #[inline(always)]
    pub fn begin(&mut self, details: D, place: Option<P>) -> Result<Name, Full> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.grow()?,
        };
        let slot = &mut self.slots[usize::from(index)];
        slot.state = State::UnderWay;
        slot.details = details;
        slot.place = place;
        Ok(Name {
            slot: index,
            generation: slot.generation,
        })
    }

    #[cold]
    fn grow(&mut self) -> Result<u16, Full> {
        if self.slots.len() == self.limit {
            return Err(Full);
        }
        self.slots.push(Slot {
            generation: 1,
            state: State::Free,
            details: D::default(),
            place: None,
            timer: None,
            memory: None,
        });
        Ok(self.slots.len() as u16 - 1)
    }

    #[inline]
    fn live(&mut self, name: Name) -> Option<&mut Slot<D, P, T, M>> {
        self.slots
            .get_mut(usize::from(name.slot))
            .filter(|slot| slot.generation == name.generation && slot.state != State::Free)
    }

    /// The slot, if that is its state.
    #[inline(always)]
    fn in_state(&mut self, name: Name, state: State) -> Option<&mut Slot<D, P, T, M>> {
        self.slots
            .get_mut(usize::from(name.slot))
            .filter(|slot| slot.generation == name.generation && slot.state == state)
    }

    /// What its submission said, while it is under way.
    #[inline]
    pub fn details(&mut self, name: Name) -> Option<D> {
        self.live(name).map(|slot| slot.details)
    }

    /// The same, to be changed, while nobody has claimed it.
    pub fn details_mut(&mut self, name: Name) -> Option<&mut D> {
        self.in_state(name, State::UnderWay).map(|slot| &mut slot.details)
    }

    /// Claims an operation, if it is still under way and nobody else has: what its submission said. Whoever claims it ends it
    /// ([`Table::end_claimed`]) or gives it back, and does neither late: the end of its ring waits for that.
    #[inline(always)]
    #[must_use = "it has to be ended, or given back"]
    pub fn claim(&mut self, name: Name) -> Option<D> {
        let slot = self.in_state(name, State::UnderWay)?;
        slot.state = State::Claimed;
        Some(slot.details)
    }

    /// Gives back an operation that was claimed: anybody may end it again. A time-out that came meanwhile is lost, so this is
    /// for operations that have none.
    pub fn give_back(&mut self, name: Name) {
        if let Some(slot) = self.in_state(name, State::Claimed) {
            slot.state = State::UnderWay;
        }
    }

    /// Ends an operation, if it is still under way and nobody has claimed it.
    #[inline(always)]
    pub fn end(&mut self, name: Name) -> Option<Ended<D, P>> {
        self.end_in(name, State::UnderWay)
    }

    /// Ends an operation that was claimed, by whoever claimed it.
    #[inline(always)]
    pub fn end_claimed(&mut self, name: Name) -> Option<Ended<D, P>> {
        self.end_in(name, State::Claimed)
    }

    #[inline(always)]
    fn end_in(&mut self, name: Name, state: State) -> Option<Ended<D, P>> {
        let slot = self.in_state(name, state)?;
        // A stale name never fits again: 2^64 reuses do not happen.
        slot.generation += 1;
        slot.state = State::Free;
        let ended = Ended {
            details: slot.details,
            place: slot.place.take(),
            is_timed: slot.timer.is_some(),
        };
        self.free.push(name.slot);
        Some(ended)
    }

    /// The armed time-out of an operation that has just ended.
    #[cold]
    #[inline(never)]
    pub fn take_timer(&mut self, name: Name) -> Option<T> {
        self.slots.get_mut(usize::from(name.slot))?.timer.take()
    }

    /// The memory for a time-out that its slot keeps, if it is still under way and the slot keeps any.
    pub fn take_memory(&mut self, name: Name) -> Option<Option<M>> {
        self.live(name).map(|slot| slot.memory.take())
    }

    /// Notes the time-out that was armed for it.
    ///
    /// # Errors
    /// The time-out, if the operation has ended meanwhile: it has to be disarmed.
    pub fn set_timer(&mut self, name: Name, timer: T) -> Result<(), T> {
        match self.live(name) {
            Some(slot) => {
                slot.timer = Some(timer);
                Ok(())
            }
            None => Err(timer),
        }
    }

    /// Its time-out has come: drops that, and gives the place where it waits, to be taken out of there first. Whoever has
    /// claimed it has taken it out of there already.
    pub fn timer_came(&mut self, name: Name) -> Option<P> {
        let slot = self.live(name)?;
        slot.timer = None;
        match slot.state {
            State::UnderWay => slot.place.take(),
            State::Claimed | State::Free => None,
        }
    }

    /// Keeps the memory of a time-out for the next operation in the slot; what it had before.
    pub fn keep_memory(&mut self, name: Name, memory: M) -> Option<M> {
        self.slots.get_mut(usize::from(name.slot))?.memory.replace(memory)
    }

    /// One of those under way that nobody has claimed, if there are any.
    pub fn first(&self) -> Option<Name> {
        let index = self.slots.iter().position(|slot| slot.state == State::UnderWay)?;
        Some(Name {
            slot: index as u16,
            generation: self.slots[index].generation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Operations = Table<u32, &'static str, u32, u32>;

    #[test]
    fn p18_an_operation_ends_once_and_a_stale_name_never_names_the_next() {
        let mut table = Operations::new(1).unwrap();
        let first = table.begin(7, Some("here")).unwrap();
        assert_eq!(table.begin(8, None), Err(Full));
        assert_eq!(table.details(first), Some(7));
        let ended = table.end(first).unwrap();
        assert_eq!(
            (ended.details, ended.place, ended.is_timed),
            (7, Some("here"), false)
        );
        assert!(table.end(first).is_none() && table.is_empty());
        let second = table.begin(9, None).unwrap();
        assert!(table.end(first).is_none() && table.details(first).is_none());
        assert!(table.timer_came(first).is_none());
        assert_eq!(table.set_timer(first, 1), Err(1));
        assert_eq!((table.first(), table.details(second)), (Some(second), Some(9)));
        assert!(!table.is_empty());
    }

    #[test]
    fn p18_whoever_ends_an_operation_gets_its_timer_and_the_next_one_has_none() {
        let mut table = Operations::new(1).unwrap();
        let first = table.begin(1, None).unwrap();
        assert_eq!(table.take_memory(first), Some(None));
        assert_eq!(table.set_timer(first, 11), Ok(()));
        assert!(table.end(first).unwrap().is_timed);
        assert_eq!(
            (table.take_timer(first), table.take_timer(first)),
            (Some(11), None)
        );
        assert_eq!(table.keep_memory(first, 5), None);
        let second = table.begin(2, None).unwrap();
        assert_eq!(table.take_memory(second), Some(Some(5)));
        assert!(!table.end(second).unwrap().is_timed);
    }

    #[test]
    fn p18_an_operation_that_is_claimed_is_ended_by_whoever_claimed_it_and_nobody_else() {
        let mut table = Operations::new(1).unwrap();
        let name = table.begin(7, Some("queue")).unwrap();
        assert!(table.end_claimed(name).is_none(), "nobody has claimed it");
        assert_eq!((table.claim(name), table.claim(name)), (Some(7), None));
        assert!(table.end(name).is_none() && table.first().is_none() && !table.is_empty());
        assert_eq!(table.timer_came(name), None);
        table.give_back(name);
        assert_eq!((table.first(), table.claim(name)), (Some(name), Some(7)));
        assert_eq!(table.end_claimed(name).unwrap().place, Some("queue"));
        assert!(table.end_claimed(name).is_none() && table.is_empty());
        let next = table.begin(8, None).unwrap();
        table.give_back(name);
        assert_eq!((table.claim(name), table.claim(next)), (None, Some(8)));
    }

    #[test]
    fn p18_a_timer_that_came_is_not_disarmed() {
        let mut table = Operations::new(1).unwrap();
        let name = table.begin(1, Some("queue")).unwrap();
        assert_eq!(table.set_timer(name, 11), Ok(()));
        assert_eq!(table.timer_came(name), Some("queue"));
        let ended = table.end(name).unwrap();
        assert_eq!((ended.place, ended.is_timed), (None, false));
    }
}
