//! Who may reserve how much of one CPU, and what a refusal says. Rules E10, E14 and G2.
//!
//! All that may be reserved on a CPU is given to one context at first, the root, which has no demand of its own. What others get
//! is carved out: by the root's holder from that, by theirs from what they got. The equation of this file: **what a context has left
//! and what its children took add up to what it was given**, and what a child took, in its parent's period and rounded up, is never less than what it
//! may use.
//!
//! What is never given away is the floor of those that are served by weight (G2): [`USUAL_MOST`] leaves them a twentieth.
//!
//! Not for hard paths: one list grows here, and whoever is refused is told what would be granted, for which tens of sets have to be looked
//! at ([`super::admission`]).

use alloc::vec::Vec;

use super::admission::Admission;
use super::budget::ContextId;
use super::demand::{Misfit, Reservation, Task, largest};
use super::spec::{LEAST_BUDGET, Spec};
use crate::ids::CpuId;
use crate::time::{Instant, Nanos};

/// The root's period: its capacity is so much of every second.
pub const SECOND: Nanos = Nanos::from_secs(1);

/// What may be reserved of every second, unless something else is said.
pub const USUAL_MOST: Nanos = Nanos::from_millis(950);

/// Reservations on one CPU at most: admission looks at all of them. Whoever divides what it has leaves half of the places to the others: a
/// reservation carved out of the root's capacity and all that was carved out of it may be half as many, one carved out of
/// that a quarter, and so on.
pub const MOST_RESERVATIONS: usize = 32;

/// The reservations of one CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    pub(super) cpu: CpuId,
    root: ContextId,
    given: Nanos,
    carved: Nanos,
    pub(super) reservations: Vec<Reservation>,
    /// Some of what was given back to the root had been used, up to then: reservations out of it begin no earlier.
    free_from: Instant,
}

/// What was granted.
#[must_use = "the parent's budget is smaller by this now"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What the parent has less in each of its periods.
    pub taken: Nanos,
    /// From when on it may be used, as far as that does not depend on what the parent has used.
    pub from: Instant,
}

/// What was given back.
#[must_use = "the parent's budget is larger by this now"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returned {
    /// To whom.
    pub parent: ContextId,
    /// What it has more in each of its periods.
    pub taken: Nanos,
}

/// Why nothing was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The parent has nothing here that could be divided.
    NoCapacity,
    /// Limits are not reserved: any number may be made.
    NotAReservation,
    /// This context has its reservation here already.
    AlreadyReserved,
    /// There are as many reservations as may be, here or of those that divide what the parent has.
    TooMany,
    /// There is no memory for one more.
    NoMemory,
    /// It does not fit.
    DoesNotFit {
        /// Where.
        cpu: CpuId,
        /// What stands in the way.
        binding: Binding,
        /// The largest budget that would be granted now, everything else being the same.
        most: Option<Nanos>,
    },
}

/// What stands in the way of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The parent has no more left.
    Parent {
        /// Who.
        context: ContextId,
        /// What it could give in each of its periods.
        left: Nanos,
        /// Its period.
        period: Nanos,
        /// Which of its children has most, if any has anything.
        largest: Option<ContextId>,
    },
    /// Too much would be due at once.
    Deadline {
        /// In a stretch of this length.
        within: Nanos,
        /// So much.
        demand: Nanos,
        /// Who has most due in it.
        largest: Option<ContextId>,
    },
    /// All reservations together would come to more than all time.
    Overload,
    /// Whether it fits could not be found out in time. A deadline that is the period makes it easier.
    Undecided,
}

/// Why a reservation cannot be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotReturned {
    /// It is not there.
    NotReserved,
    /// Others were carved out of it: they come first.
    HasChildren,
}

/// Who divides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parent {
    pub(super) index: Option<usize>,
    pub(super) period: Nanos,
    pub(super) left: Nanos,
}

impl Capacity {
    /// The root may reserve `most` of every second of this CPU, and nobody has yet.
    #[must_use]
    pub fn new(cpu: CpuId, root: ContextId, most: Nanos) -> Capacity {
        Capacity {
            cpu,
            root,
            given: most.min(SECOND),
            carved: Nanos::ZERO,
            reservations: Vec::new(),
            free_from: Instant::BOOT,
        }
    }

    /// What may be reserved of every second.
    #[must_use]
    pub const fn given(&self) -> Nanos {
        self.given
    }

    /// The reservations, parents before their children.
    #[must_use]
    pub fn reservations(&self) -> &[Reservation] {
        &self.reservations
    }

    /// What may still be carved out of a context, and in which period.
    #[must_use]
    pub fn left(&self, context: ContextId) -> Option<(Nanos, Nanos)> {
        self.parent(context).map(|parent| (parent.left, parent.period))
    }

    /// Carves a reservation for `holder` out of what `parent` has, if all deadlines will be met with it and whatever is given
    /// back later. Finds that out in one go, which may take long: who may not goes on by pieces ([`Admission`]).
    ///
    /// # Errors
    /// Why not, and how much would be granted; then nothing has changed.
    pub fn reserve(&mut self, parent: ContextId, holder: ContextId, spec: &Spec) -> Result<Granted, Refused> {
        let mut admission = Admission::new(self, parent, holder, spec)?;
        let decided = loop {
            if let Some(decided) = admission.go_on(u32::MAX) {
                break decided;
            }
        };
        decided?;
        // Nobody has changed them.
        admission.carve(self).map_err(|_| Refused::NoMemory)
    }

    /// Gives a reservation back to whom it was carved out of. All of it is there from `whole_from` on ([`super::Budget::whole_from`]).
    ///
    /// # Errors
    /// It is not there, or others were carved out of it.
    pub fn give_back(&mut self, holder: ContextId, whole_from: Instant) -> Result<Returned, NotReturned> {
        let index = self.find(holder).ok_or(NotReturned::NotReserved)?;
        if self.reservations[index].carved > Nanos::ZERO {
            return Err(NotReturned::HasChildren);
        }
        let reservation = self.reservations.remove(index);
        for other in &mut self.reservations[index..] {
            if let Some((parent, _)) = &mut other.parent
                && *parent > index
            {
                *parent -= 1;
            }
        }
        let returned = match reservation.parent {
            None => {
                let taken = taken(reservation.task, SECOND);
                self.free_from = self.free_from.max(whole_from);
                self.carved = self.carved.saturating_sub(taken);
                Returned {
                    parent: self.root,
                    taken,
                }
            }
            Some((parent, taken)) => {
                let parent = &mut self.reservations[parent];
                parent.carved = parent.carved.saturating_sub(taken);
                Returned {
                    parent: parent.holder,
                    taken,
                }
            }
        };
        self.assert_sound();
        Ok(returned)
    }

    /// Who was carved out of a context, directly.
    pub fn children(&self, context: ContextId) -> impl Iterator<Item = ContextId> {
        let index = self.find(context);
        let is_root = context == self.root;
        self.reservations
            .iter()
            .filter(move |reservation| match reservation.parent {
                None => is_root,
                Some((parent, _)) => Some(parent) == index,
            })
            .map(|reservation| reservation.holder)
    }

    fn find(&self, holder: ContextId) -> Option<usize> {
        self.reservations
            .iter()
            .position(|reservation| reservation.holder == holder)
    }

    pub(super) fn parent(&self, context: ContextId) -> Option<Parent> {
        if context == self.root {
            return Some(Parent {
                index: None,
                period: SECOND,
                left: self.given.saturating_sub(self.carved),
            });
        }
        let index = self.find(context)?;
        let reservation = &self.reservations[index];
        Some(Parent {
            index: Some(index),
            period: reservation.task.period,
            // What it keeps must be a budget.
            left: reservation.left().saturating_sub(LEAST_BUDGET),
        })
    }

    /// Whether there is a place for one more that is carved out of `from`.
    pub(super) fn has_place(&self, from: Parent) -> bool {
        let mut above = from.index;
        let mut depth = 0;
        while let Some(index) = above {
            above = self.reservations[index].parent.map(|(parent, _)| parent);
            depth += 1;
        }
        let mut most = MOST_RESERVATIONS >> depth;
        let mut top = from.index;
        while let Some(index) = top {
            if self.below(index) >= most {
                return false;
            }
            most *= 2;
            top = self.reservations[index].parent.map(|(parent, _)| parent);
        }
        self.reservations.len() < MOST_RESERVATIONS
    }

    /// How many a reservation and all that was carved out of it are.
    fn below(&self, top: usize) -> usize {
        let is_below = |mut index: usize| loop {
            if index == top {
                return true;
            }
            match self.reservations[index].parent {
                Some((parent, _)) => index = parent,
                None => return false,
            }
        };
        (0..self.reservations.len())
            .filter(|index| is_below(*index))
            .count()
    }

    /// Adds a reservation that is known to fit.
    pub(super) fn carve(&mut self, from: Parent, holder: ContextId, task: Task) -> Granted {
        let taken = taken(task, from.period);
        let place = from.index.map(|index| (index, taken));
        self.reservations.push(Reservation::new(holder, task, place));
        match from.index {
            None => self.carved += taken,
            Some(index) => self.reservations[index].carved += taken,
        }
        self.assert_sound();
        Granted {
            taken,
            from: match from.index {
                None => self.free_from,
                Some(_) => Instant::BOOT,
            },
        }
    }

    /// The same, with room for one more; nothing if there is no memory for that.
    pub(super) fn copy(&self) -> Option<Capacity> {
        let mut reservations = Vec::new();
        reservations.try_reserve_exact(self.reservations.len() + 1).ok()?;
        reservations.extend_from_slice(&self.reservations);
        Some(Capacity {
            reservations,
            ..*self
        })
    }

    /// Undoes the last [`Capacity::carve`], which was out of `from`.
    pub(super) fn take_out_last(&mut self, from: Parent) {
        let Some(last) = self.reservations.pop() else {
            return;
        };
        let taken = taken(last.task, from.period);
        let carved = match from.index {
            None => &mut self.carved,
            Some(index) => &mut self.reservations[index].carved,
        };
        *carved = carved.saturating_sub(taken);
        self.assert_sound();
    }

    /// Whether a context is the root or has its reservation here.
    pub(super) fn has(&self, context: ContextId) -> bool {
        context == self.root || self.find(context).is_some()
    }

    /// Whether these are the same reservations of the same CPU.
    pub(super) fn is_the_same_as(&self, other: &Capacity) -> bool {
        self.cpu == other.cpu
            && self.reservations.len() == other.reservations.len()
            && self
                .reservations
                .iter()
                .zip(&other.reservations)
                .all(|(one, other)| one.is_the_same_as(other))
    }

    /// The same with names.
    pub(super) fn named(&self, context: ContextId, from: Parent, misfit: Option<Misfit>) -> Binding {
        match misfit {
            None => Binding::Parent {
                context,
                left: from.left,
                period: from.period,
                largest: self.largest_child(from),
            },
            Some(Misfit::Overload) => Binding::Overload,
            Some(Misfit::TooLong) => Binding::Undecided,
            Some(Misfit::Due { within, demand }) => Binding::Deadline {
                within,
                demand,
                largest: largest(&self.reservations, within),
            },
        }
    }

    fn largest_child(&self, from: Parent) -> Option<ContextId> {
        let children = self
            .reservations
            .iter()
            .filter(|reservation| reservation.parent.map(|(index, _)| index) == from.index);
        let largest = children.max_by_key(|reservation| taken(reservation.task, from.period));
        largest.map(|reservation| reservation.holder)
    }

    /// Whether what everybody has left and what was carved out of it add up to what it was given.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let taken_from = |index: Option<usize>, period: Nanos| -> u128 {
            let children = self
                .reservations
                .iter()
                .filter(move |reservation| reservation.parent.map(|(parent, _)| parent) == index);
            let taken = children.map(|reservation| u128::from(taken(reservation.task, period).0));
            taken.sum()
        };
        let root = taken_from(None, SECOND) == u128::from(self.carved.0) && self.carved <= self.given;
        root && self.reservations.iter().enumerate().all(|(index, reservation)| {
            let before = reservation.parent.is_none_or(|(parent, _)| parent < index);
            let carved = taken_from(Some(index), reservation.task.period) == u128::from(reservation.carved.0);
            before && carved && reservation.left() >= LEAST_BUDGET
        })
    }

    fn assert_sound(&self) {
        debug_assert!(self.is_sound(), "capacity was made or lost: {self:?}");
    }
}

/// What a task takes from who has that much in each of its own periods, rounded against the task.
pub(super) fn taken(task: Task, period: Nanos) -> Nanos {
    let product = u128::from(task.budget.0) * u128::from(period.0);
    let taken = product.div_ceil(u128::from(task.period.0));
    Nanos(u64::try_from(taken).unwrap_or(u64::MAX))
}

#[cfg(test)]
pub(super) mod tests;
