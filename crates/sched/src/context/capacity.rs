//! Who may reserve how much of one CPU, and what a refusal says. Rules E10, E14 and G2.
//!
//! All that may be reserved on a CPU is given to one context at first, the root, which has no demand of its own. What others get
//! is carved out: by the root's holder from that, by theirs from what they got. The equation of this file: **what a context has left
//! and what its children took add up to what it was given**, and what a child took, in its parent's period and rounded up, is never less than what it
//! may use.
//!
//! What is never given away is the floor of those that are served by weight (G2): [`USUAL_MOST`] leaves them a twentieth.
//!
//! Not for hard paths: one list grows here, and [`Capacity::reserve`] may test tens of sets before it can say what it would
//! grant.

use alloc::vec::Vec;

use super::budget::ContextId;
use super::demand::{Misfit, Reservation, Task, fit, largest};
use super::spec::{Kind, LEAST_BUDGET, Spec};
use crate::ids::CpuId;
use crate::time::Nanos;

/// The root's period: its capacity is so much of every second.
pub const SECOND: Nanos = Nanos::from_secs(1);

/// What may be reserved of every second, unless something else is said.
pub const USUAL_MOST: Nanos = Nanos::from_millis(950);

/// The reservations of one CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    cpu: CpuId,
    root: ContextId,
    given: Nanos,
    carved: Nanos,
    reservations: Vec<Reservation>,
}

/// What was granted.
#[must_use = "the parent's budget is smaller by this now"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What the parent has less in each of its periods.
    pub taken: Nanos,
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
#[derive(Clone, Copy)]
struct Parent {
    index: Option<usize>,
    period: Nanos,
    left: Nanos,
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
    /// back later.
    ///
    /// # Errors
    /// Why not, and how much would be granted; then nothing has changed.
    pub fn reserve(&mut self, parent: ContextId, holder: ContextId, spec: &Spec) -> Result<Granted, Refused> {
        if spec.kind() != Kind::Reservation {
            return Err(Refused::NotAReservation);
        }
        if holder == self.root || self.find(holder).is_some() {
            return Err(Refused::AlreadyReserved);
        }
        let from = self.parent(parent).ok_or(Refused::NoCapacity)?;
        self.reservations.try_reserve(1).map_err(|_| Refused::NoMemory)?;
        let asked = self.task(spec);
        self.attempt(from, holder, asked).map_err(|binding| {
            let most = self.most(from, holder, asked);
            let binding = self.named(parent, from, binding);
            Refused::DoesNotFit {
                cpu: self.cpu,
                binding,
                most,
            }
        })
    }

    /// Gives a reservation back to whom it was carved out of.
    ///
    /// # Errors
    /// It is not there, or others were carved out of it.
    pub fn give_back(&mut self, holder: ContextId) -> Result<Returned, NotReturned> {
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

    fn task(&self, spec: &Spec) -> Task {
        Task {
            budget: spec.budget(),
            deadline: spec.deadline(),
            period: spec.period(),
        }
    }

    fn find(&self, holder: ContextId) -> Option<usize> {
        self.reservations
            .iter()
            .position(|reservation| reservation.holder == holder)
    }

    fn parent(&self, context: ContextId) -> Option<Parent> {
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

    /// Adds a reservation if it fits.
    fn attempt(&mut self, from: Parent, holder: ContextId, task: Task) -> Result<Granted, Option<Misfit>> {
        let taken = taken(task, from.period);
        if taken > from.left {
            return Err(None);
        }
        let place = from.index.map(|index| (index, taken));
        self.reservations.push(Reservation::new(holder, task, place));
        self.carve(from, taken);
        match fit(&mut self.reservations) {
            Ok(()) => {
                self.assert_sound();
                Ok(Granted { taken })
            }
            Err(misfit) => {
                self.take_out_last(from, taken);
                Err(Some(misfit))
            }
        }
    }

    fn carve(&mut self, from: Parent, taken: Nanos) {
        match from.index {
            None => self.carved += taken,
            Some(index) => self.reservations[index].carved += taken,
        }
    }

    /// Undoes the last attempt.
    fn take_out_last(&mut self, from: Parent, taken: Nanos) {
        self.reservations.pop();
        let carved = match from.index {
            None => &mut self.carved,
            Some(index) => &mut self.reservations[index].carved,
        };
        *carved = carved.saturating_sub(taken);
        self.assert_sound();
    }

    /// The largest budget below the one of `asked`, which is too large, that would be granted.
    fn most(&mut self, from: Parent, holder: ContextId, asked: Task) -> Option<Nanos> {
        let fits = |capacity: &mut Capacity, budget| {
            let task = Task {
                budget: Nanos(budget),
                ..asked
            };
            let granted = capacity.attempt(from, holder, task);
            granted
                .map(|granted| capacity.take_out_last(from, granted.taken))
                .is_ok()
        };
        let (mut good, mut bad) = (LEAST_BUDGET.0, asked.budget.0);
        if good >= bad || !fits(self, good) {
            return None;
        }
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            if fits(self, middle) {
                good = middle;
            } else {
                bad = middle;
            }
        }
        Some(Nanos(good))
    }

    /// The same with names.
    fn named(&self, context: ContextId, from: Parent, misfit: Option<Misfit>) -> Binding {
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
fn taken(task: Task, period: Nanos) -> Nanos {
    let product = u128::from(task.budget.0) * u128::from(period.0);
    let taken = product.div_ceil(u128::from(task.period.0));
    Nanos(u64::try_from(taken).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
