//! Finding out whether a reservation fits, and, if not, how much would: a piece at a time. Rules E10, E14 and P15.
//!
//! Whoever asks keeps a copy of the CPU's reservations, so what others reserve and give back meanwhile does not wait and changes
//! nothing in it; in the end what was found counts only if the reservations are those that were looked at.
//!
//! The largest budget that fits is found by halving. Of any set the demand grows with each of its budgets, so what is less than a budget that
//! fits does fit, unless the search for that is given up, which is taken for a no.

use super::budget::ContextId;
use super::capacity::{Binding, Capacity, Granted, MOST_RESERVATIONS, Parent, Refused, taken};
use super::demand::{Misfit, Search, Task};
use super::spec::{Kind, LEAST_BUDGET, Spec};
use crate::time::Nanos;

/// A question under way: may this be reserved?
#[derive(Debug)]
pub struct Admission {
    /// The reservations, and while a search is under way what it tries behind them.
    tried: Capacity,
    parent: ContextId,
    from: Parent,
    holder: ContextId,
    asked: Task,
    /// The budget that is tried now.
    budget: Nanos,
    search: Option<Search>,
    /// What was asked for does not fit, for this reason: the largest that does is looked for.
    refused: Option<Binding>,
    /// The largest that is known to fit, if any.
    good: Option<Nanos>,
    /// The smallest that is known not to.
    bad: Nanos,
}

/// Why what fits was not reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCarved {
    /// The reservations are others than those that were looked at.
    Changed,
    /// There is no memory for one more.
    NoMemory,
}

impl Admission {
    /// Begins to ask whether a reservation for `holder` may be carved out of what `parent` has.
    ///
    /// # Errors
    /// If it shows at once that it may not. That it does not fit is found out later.
    pub fn new(
        capacity: &Capacity,
        parent: ContextId,
        holder: ContextId,
        spec: &Spec,
    ) -> Result<Admission, Refused> {
        if spec.kind() != Kind::Reservation {
            return Err(Refused::NotAReservation);
        }
        if capacity.has(holder) {
            return Err(Refused::AlreadyReserved);
        }
        let from = capacity.parent(parent).ok_or(Refused::NoCapacity)?;
        if !capacity.has_place(from) {
            return Err(Refused::TooMany);
        }
        Ok(Admission {
            tried: capacity.copy().ok_or(Refused::NoMemory)?,
            parent,
            from,
            holder,
            asked: Task {
                budget: spec.budget(),
                deadline: spec.deadline(),
                period: spec.period(),
            },
            budget: spec.budget(),
            search: None,
            refused: None,
            good: None,
            bad: spec.budget(),
        })
    }

    /// Goes on, for up to so many steps, each of which looks at every reservation. `None`: there is more to be done.
    ///
    /// # Errors
    /// That it does not fit, why, and how much would.
    pub fn go_on(&mut self, steps: u32) -> Option<Result<(), Refused>> {
        let found = match &mut self.search {
            Some(search) => {
                let found = search.go_on(&mut self.tried.reservations, steps)?;
                self.search = None;
                self.tried.take_out_last(self.from);
                found.map_err(Some)
            }
            None => match self.try_out() {
                Ok(search) => {
                    self.search = Some(search);
                    return None;
                }
                Err(misfit) => Err(misfit),
            },
        };
        self.conclude(found)
    }

    /// How often it may go on by a few steps in one go: more often among few reservations.
    #[must_use]
    pub fn rounds(&self) -> usize {
        (2 * MOST_RESERVATIONS / self.tried.reservations.len().max(1)).clamp(2, 16)
    }

    /// Reserves what was found to fit.
    ///
    /// # Errors
    /// Nothing has changed then.
    pub fn carve(&self, capacity: &mut Capacity) -> Result<Granted, NotCarved> {
        if !capacity.is_the_same_as(&self.tried) {
            return Err(NotCarved::Changed);
        }
        capacity
            .reservations
            .try_reserve(1)
            .map_err(|_| NotCarved::NoMemory)?;
        Ok(capacity.carve(self.from, self.holder, self.asked))
    }

    /// Begins to look whether the budget fits that is tried now. `None`: the parent has not so much.
    fn try_out(&mut self) -> Result<Search, Option<Misfit>> {
        let task = Task {
            budget: self.budget,
            ..self.asked
        };
        if taken(task, self.from.period) > self.from.left {
            return Err(None);
        }
        let Granted { .. } = self.tried.carve(self.from, self.holder, task);
        Search::new(&self.tried.reservations).map_err(|misfit| {
            self.tried.take_out_last(self.from);
            Some(misfit)
        })
    }

    /// Whether the budget that was tried fits is known.
    fn conclude(&mut self, found: Result<(), Option<Misfit>>) -> Option<Result<(), Refused>> {
        match (found, self.refused) {
            (Ok(()), None) => return Some(Ok(())),
            (Ok(()), Some(_)) => self.good = Some(self.budget),
            (Err(misfit), None) => {
                self.refused = Some(self.tried.named(self.parent, self.from, misfit));
            }
            (Err(_), Some(_)) => self.bad = self.budget,
        }
        self.budget = match self.good {
            None => LEAST_BUDGET,
            Some(good) => Nanos(good.0 + self.bad.0.saturating_sub(good.0) / 2),
        };
        let is_known = self.budget >= self.bad || self.good == Some(self.budget);
        is_known.then(|| {
            Err(Refused::DoesNotFit {
                cpu: self.tried.cpu,
                binding: self.refused.unwrap_or(Binding::Undecided),
                most: self.good,
            })
        })
    }
}

#[cfg(test)]
mod tests;
