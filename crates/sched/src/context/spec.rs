//! What a scheduling context is asked to be: so much CPU time in each period, as a limit or as a reservation. Rules E1 and E14.
//!
//! A [`Spec`] that exists is sound: every number in it was checked when it was made, so nobody behind it divides by nothing or
//! has to ask again. Bounds are inclusive.

use crate::time::Nanos;

/// The smallest budget. A smaller one would go for the way into the kernel and out of it, and its thread would get nowhere.
pub const LEAST_BUDGET: Nanos = Nanos::from_micros(100);

/// The longest period.
pub const LONGEST_PERIOD: Nanos = Nanos::from_secs(10);

/// What happens to a thread that has used its budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overrun {
    /// It waits until there is budget again.
    #[default]
    Throttle,
    /// It is ended.
    Fault,
    /// It goes on by its weight until there is budget again (E16). For reservations only: a limit that did this would be none.
    Demote,
}

/// What a budget grants beside being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// At most the budget, in no other order than by weight.
    Limit,
    /// The budget before all who are served by weight, each part of it by its deadline.
    Reservation,
}

/// So much time in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    kind: Kind,
    budget: Nanos,
    period: Nanos,
    deadline: Nanos,
    overrun: Overrun,
}

/// Why a spec is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpecError {
    /// The budget is below [`LEAST_BUDGET`]: ask for that.
    BudgetTooSmall,
    /// The budget is longer than the period, or than the deadline of a reservation.
    BudgetTooLarge,
    /// The period is longer than [`LONGEST_PERIOD`].
    PeriodTooLong,
    /// The deadline is later than the period's end.
    DeadlineTooLate,
    /// A limit cannot be overrun by weight.
    LimitCannotDemote,
}

impl Spec {
    /// A cap: at most `budget` in any stretch as long as `period`.
    ///
    /// # Errors
    /// A number that is out of its bounds, or an overrun that makes no limit.
    pub const fn limit(budget: Nanos, period: Nanos, overrun: Overrun) -> Result<Spec, SpecError> {
        if matches!(overrun, Overrun::Demote) {
            return Err(SpecError::LimitCannotDemote);
        }
        Spec::checked(Kind::Limit, budget, period, period, overrun)
    }

    /// A guarantee: `budget` within `deadline` of the moment at which it may be used, again and again after `period`. A
    /// deadline of zero is the period.
    ///
    /// # Errors
    /// A number that is out of its bounds.
    pub const fn reservation(
        budget: Nanos,
        period: Nanos,
        deadline: Nanos,
        overrun: Overrun,
    ) -> Result<Spec, SpecError> {
        let deadline = if deadline.0 == 0 { period } else { deadline };
        Spec::checked(Kind::Reservation, budget, period, deadline, overrun)
    }

    const fn checked(
        kind: Kind,
        budget: Nanos,
        period: Nanos,
        deadline: Nanos,
        overrun: Overrun,
    ) -> Result<Spec, SpecError> {
        if budget.0 < LEAST_BUDGET.0 {
            return Err(SpecError::BudgetTooSmall);
        }
        if period.0 > LONGEST_PERIOD.0 {
            return Err(SpecError::PeriodTooLong);
        }
        if deadline.0 > period.0 {
            return Err(SpecError::DeadlineTooLate);
        }
        let within = match kind {
            Kind::Limit => period,
            Kind::Reservation => deadline,
        };
        if budget.0 > within.0 {
            return Err(SpecError::BudgetTooLarge);
        }
        Ok(Spec {
            kind,
            budget,
            period,
            deadline,
            overrun,
        })
    }

    /// The same with another deadline; zero is the period. That of a limit is only watched: nothing is promised by it.
    ///
    /// # Errors
    /// The deadline is out of its bounds.
    pub const fn with_deadline(self, deadline: Nanos) -> Result<Spec, SpecError> {
        let deadline = if deadline.0 == 0 { self.period } else { deadline };
        Spec::checked(self.kind, self.budget, self.period, deadline, self.overrun)
    }

    /// The same with another budget.
    ///
    /// # Errors
    /// The budget is out of its bounds.
    pub const fn with_budget(self, budget: Nanos) -> Result<Spec, SpecError> {
        Spec::checked(self.kind, budget, self.period, self.deadline, self.overrun)
    }

    /// What it grants.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How much.
    #[must_use]
    pub const fn budget(&self) -> Nanos {
        self.budget
    }

    /// In which time.
    #[must_use]
    pub const fn period(&self) -> Nanos {
        self.period
    }

    /// How soon it is due; of a limit, from when on a deadline counts as missed.
    #[must_use]
    pub const fn deadline(&self) -> Nanos {
        self.deadline
    }

    /// What happens when it is used up.
    #[must_use]
    pub const fn overrun(&self) -> Overrun {
        self.overrun
    }

    /// Whether it is all the time there is, so that it is never used up and needs no timer (E9).
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.budget.0 == self.period.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Nanos = Nanos::from_millis;

    #[test]
    fn e1_the_bounds_of_a_spec_are_inclusive_and_nothing_beyond_them_passes() {
        let limit = |budget, period| Spec::limit(budget, period, Overrun::Throttle).map(|_| ());
        assert_eq!(limit(LEAST_BUDGET, LEAST_BUDGET), Ok(()));
        assert_eq!(limit(LONGEST_PERIOD, LONGEST_PERIOD), Ok(()));
        let less = Nanos(LEAST_BUDGET.0 - 1);
        assert_eq!(limit(less, MS(1)), Err(SpecError::BudgetTooSmall));
        assert_eq!(limit(Nanos::ZERO, Nanos::ZERO), Err(SpecError::BudgetTooSmall));
        assert_eq!(limit(MS(2), Nanos(MS(2).0 - 1)), Err(SpecError::BudgetTooLarge));
        let longer = Nanos(LONGEST_PERIOD.0 + 1);
        assert_eq!(limit(MS(1), longer), Err(SpecError::PeriodTooLong));
        assert_eq!(limit(Nanos::MAX, Nanos::MAX), Err(SpecError::PeriodTooLong));
    }

    #[test]
    fn e1_a_deadline_lies_between_the_budget_and_the_period_and_none_is_the_period() {
        let reserve = |deadline| Spec::reservation(MS(2), MS(10), deadline, Overrun::Demote);
        assert_eq!(reserve(Nanos::ZERO).unwrap().deadline(), MS(10));
        assert_eq!(reserve(MS(2)).unwrap().deadline(), MS(2));
        assert_eq!(reserve(Nanos(MS(2).0 - 1)), Err(SpecError::BudgetTooLarge));
        assert_eq!(reserve(Nanos(MS(10).0 + 1)), Err(SpecError::DeadlineTooLate));
    }

    #[test]
    fn e1_the_deadline_of_a_limit_may_lie_before_its_budget_and_not_behind_its_period() {
        let limit = Spec::limit(MS(2), MS(10), Overrun::Throttle).unwrap();
        let deadline = |deadline| limit.with_deadline(deadline).map(|spec| spec.deadline());
        assert_eq!(deadline(Nanos::ZERO), Ok(MS(10)));
        assert_eq!(deadline(MS(1)), Ok(MS(1)));
        assert_eq!(deadline(MS(11)), Err(SpecError::DeadlineTooLate));
    }

    #[test]
    fn e16_only_a_reservation_can_be_overrun_by_weight() {
        let refused = Spec::limit(MS(2), MS(10), Overrun::Demote);
        assert_eq!(refused, Err(SpecError::LimitCannotDemote));
    }
}
