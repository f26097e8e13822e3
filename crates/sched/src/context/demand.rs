//! Whether the reservations of one CPU fit, exactly: earliest deadline first meets all deadlines if and only if no stretch of
//! time has more work due in it than it is long. Rules E10 and E17.
//!
//! In a stretch of length t that begins with everybody's release, a task of budget C, deadline D and period T has
//! (⌊(t − D) / T⌋ + 1) × C due, from t = D on: its demand (Baruah, Rosier and Howell 1990). It grows in steps, so only steps
//! have to be looked at, and the search of Zhang and Burns ("Schedulability analysis for real-time systems with EDF scheduling",
//! IEEE TC 2009) leaves most of those out: from the end, where t has a demand of h < t, all between h and t is fine.
//!
//! A reservation may be divided among children and have what they took given back, at any time and in any order, and that must
//! never fail. So the demand that is looked at is the largest in *any* of the states into which giving back can lead: of each child, what it
//! demands itself or what its parent would demand in its place, whichever is more. That grows in steps, too, and is all that the
//! search needs.

use super::budget::ContextId;
use crate::time::Nanos;

/// How many steps a search takes before it gives up, and refuses.
const MOST_STEPS: u32 = 20_000;

/// One in numbers with 64 binary places.
const ONE: u128 = 1 << 64;

/// Work that comes at most once a period and is due by its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// How much.
    pub budget: Nanos,
    /// How soon it is due.
    pub deadline: Nanos,
    /// How often it comes.
    pub period: Nanos,
}

impl Task {
    /// How many jobs are due in a stretch of this length.
    const fn due_in(&self, length: u64) -> u64 {
        if length < self.deadline.0 {
            return 0;
        }
        (length - self.deadline.0) / self.period.0 + 1
    }

    /// The latest deadline before the end of a stretch of this length.
    const fn last_due_before(&self, length: u64) -> u64 {
        if length <= self.deadline.0 {
            return 0;
        }
        (length - 1 - self.deadline.0) / self.period.0 * self.period.0 + self.deadline.0
    }
}

/// A reservation among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Whose it is.
    pub holder: ContextId,
    /// What it was given, what its children have of it included.
    pub task: Task,
    /// What its children have of it, in its own period.
    pub carved: Nanos,
    /// Where its parent stands, which is before it, and what it took from it in the parent's period; `None` if that has no demand.
    pub parent: Option<(usize, Nanos)>,
    /// What its children demand in the stretch that is being looked at.
    below: u128,
}

impl Reservation {
    /// A reservation of which nothing has been carved out.
    #[must_use]
    pub const fn new(holder: ContextId, task: Task, parent: Option<(usize, Nanos)>) -> Reservation {
        Reservation {
            holder,
            task,
            carved: Nanos::ZERO,
            parent,
            below: 0,
        }
    }

    /// Whether they are the same, whatever was looked at last.
    pub(super) fn is_the_same_as(&self, other: &Reservation) -> bool {
        *self
            == Reservation {
                below: self.below,
                ..*other
            }
    }

    /// What it has left for itself.
    #[must_use]
    pub const fn left(&self) -> Nanos {
        self.task.budget.saturating_sub(self.carved)
    }
}

/// Why reservations do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// They come to more than all time.
    Overload,
    /// In a stretch of this length, so much is due.
    Due {
        /// The length.
        within: Nanos,
        /// What is due in it; more than that.
        demand: Nanos,
    },
    /// The search was given up. Deadlines equal to periods need none.
    TooLong,
}

/// A search for a stretch in which too much is due, which can be made a piece at a time.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// All longer stretches are fine.
    length: u64,
    steps: u32,
}

impl Search {
    /// Begins to look whether all reservations fit, whichever of them are given back. Parents stand before their children.
    ///
    /// # Errors
    /// Why they do not, if that shows at once.
    pub fn new(reservations: &[Reservation]) -> Result<Search, Misfit> {
        let end = end_of_search(reservations)?;
        Ok(Search {
            length: end.map_or(0, |end| last_due_before(reservations, end)),
            steps: 0,
        })
    }

    /// Goes on among the same reservations for up to so many steps, each of which looks at all of them twice. `None`: there is more to
    /// be done.
    pub fn go_on(&mut self, reservations: &mut [Reservation], steps: u32) -> Option<Result<(), Misfit>> {
        for _ in 0..steps {
            if self.length == 0 {
                return Some(Ok(()));
            }
            if self.steps == MOST_STEPS {
                return Some(Err(Misfit::TooLong));
            }
            self.steps += 1;
            let due = demand(reservations, self.length);
            match u64::try_from(due) {
                Ok(due) if due < self.length => self.length = due,
                Ok(due) if due == self.length => self.length = last_due_before(reservations, self.length),
                _ => {
                    return Some(Err(Misfit::Due {
                        within: Nanos(self.length),
                        demand: Nanos(u64::try_from(due).unwrap_or(u64::MAX)),
                    }));
                }
            }
        }
        None
    }
}

/// Whether all reservations fit, in one go.
///
/// # Errors
/// Why they do not.
#[cfg(test)]
pub(crate) fn fit(reservations: &mut [Reservation]) -> Result<(), Misfit> {
    let mut search = Search::new(reservations)?;
    search
        .go_on(reservations, u32::MAX)
        .unwrap_or(Err(Misfit::TooLong))
}

/// The largest demand in a stretch of this length, over all states into which giving back can lead.
pub fn demand(reservations: &mut [Reservation], length: u64) -> u128 {
    let mut all = 0;
    for index in (0..reservations.len()).rev() {
        let reservation = reservations[index];
        reservations[index].below = 0;
        let own = product(reservation.left(), reservation.task.due_in(length)) + reservation.below;
        match reservation.parent {
            None => all += own,
            Some((parent, taken)) => {
                let given_back = product(taken, reservations[parent].task.due_in(length));
                reservations[parent].below += own.max(given_back);
            }
        }
    }
    all
}

/// Who has most due in a stretch of this length.
#[must_use]
pub fn largest(reservations: &[Reservation], length: Nanos) -> Option<ContextId> {
    let due = |reservation: &&Reservation| product(reservation.left(), reservation.task.due_in(length.0));
    reservations
        .iter()
        .max_by_key(due)
        .map(|reservation| reservation.holder)
}

/// A length from which on no demand can exceed its stretch. `None` if there is no stretch to be looked at.
fn end_of_search(reservations: &[Reservation]) -> Result<Option<u64>, Misfit> {
    let roots = || {
        reservations
            .iter()
            .filter(|reservation| reservation.parent.is_none())
    };
    let common = common_period(roots());
    let exact = common.and_then(|common| {
        let used = roots().try_fold(0_u128, |sum, reservation| {
            let jobs = common / u128::from(reservation.task.period.0);
            sum.checked_add(jobs.checked_mul(u128::from(reservation.task.budget.0))?)
        })?;
        Some((used, common))
    });
    // A demand is at most utilisation × t + this.
    let early = |reservation: &Reservation| {
        let task = &reservation.task;
        let slack = u128::from(task.period.0.saturating_sub(task.deadline.0));
        (u128::from(task.budget.0) * slack).div_ceil(u128::from(task.period.0))
    };
    let ahead: u128 = reservations.iter().map(early).sum();
    let used: u128 = roots()
        .map(|reservation| {
            (u128::from(reservation.task.budget.0) * ONE).div_ceil(u128::from(reservation.task.period.0))
        })
        .sum();
    let (overload, full) = match exact {
        Some((used, common)) => (used > common, used == common),
        None => (used > ONE, used == ONE),
    };
    if overload {
        return Err(Misfit::Overload);
    }
    if ahead == 0 {
        return Ok(None);
    }
    let end = if full || used >= ONE {
        // What is due repeats with the common period, if that is not too long to be known.
        common_period(reservations.iter()).ok_or(Misfit::TooLong)? + 1
    } else {
        (ahead * ONE).div_ceil(ONE - used) + 1
    };
    u64::try_from(end).map(Some).map_err(|_| Misfit::TooLong)
}

/// The shortest stretch that holds whole periods of all, if it can be told.
fn common_period<'c>(mut reservations: impl Iterator<Item = &'c Reservation>) -> Option<u128> {
    reservations.try_fold(1_u128, |common, reservation| {
        let period = u128::from(reservation.task.period.0);
        (common / greatest_common_divisor(common, reservation.task.period.0)).checked_mul(period)
    })
}

fn last_due_before(reservations: &[Reservation], length: u64) -> u64 {
    let last = reservations
        .iter()
        .map(|reservation| reservation.task.last_due_before(length))
        .max();
    last.unwrap_or(0)
}

fn product(amount: Nanos, times: u64) -> u128 {
    u128::from(amount.0) * u128::from(times)
}

/// Of two numbers, neither of which is 0. Only the first step is with 128 bits, which processors do not divide.
const fn greatest_common_divisor(one: u128, other: u64) -> u128 {
    let (mut one, mut other) = (other, (one % other as u128) as u64);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one as u128
}

#[cfg(test)]
mod tests;
