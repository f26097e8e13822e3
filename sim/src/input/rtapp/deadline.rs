//! The parameters of SCHED_DEADLINE, which become a reservation.
//!
//! rt-app reads them in microseconds and gives them to Linux as they are (src/rt-app_parse_config.c and src/rt-app.c of its
//! repository): the period is usually the runtime, the deadline usually the period. A task, but not a phase, may use the
//! names of older versions, `runtime`, `period` and `deadline`; each is looked at when what is known without it is 0. What Linux
//! refuses is refused here, and so is what a [`Spec`] cannot be.

use sched::context::spec::{LEAST_BUDGET, LONGEST_PERIOD, SpecError};
use sched::{Nanos, Overrun, Spec};

use super::json::Member;
use super::keys;
use crate::input::error::{Complaints, Place};

/// What rt-app calls them today.
pub(super) const KEYS: [&str; 3] = ["dl-runtime", "dl-period", "dl-deadline"];

/// What older versions called them, in the same order.
pub(super) const OLD_KEYS: [&str; 3] = ["runtime", "period", "deadline"];

/// The longest period that Linux has, in microseconds, unless it is told otherwise (`sched_deadline_period_max_us`).
const LONGEST_ON_LINUX: i64 = 1 << 22;

/// A number and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Given {
    number: i64,
    place: Place,
}

/// What an object says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    today: [Option<Given>; 3],
    old: [Option<Given>; 3],
    /// Whether there was one that could not be read.
    broken: bool,
}

impl Parameters {
    /// Reads a key that is one of these.
    pub(super) fn take(&mut self, member: &Member, complaints: &Complaints<'_>) {
        let place = member.place;
        let number = keys::integer(member, complaints);
        let number = number.filter(|number| {
            let is_time = *number >= 0;
            if !is_time {
                complaints.error(
                    member.value.place,
                    format!("`{}` must not be below 0: Linux refuses it", member.key),
                );
            }
            is_time
        });
        self.broken |= number.is_none();
        let given = number.map(|number| Given { number, place });
        let named = |names: &[&str; 3]| names.iter().position(|name| member.key == *name);
        if let Some(index) = named(&KEYS) {
            self.today[index] = given;
        } else if let Some(index) = named(&OLD_KEYS) {
            self.old[index] = given;
        }
    }

    /// The keys that are there, with their places.
    pub(super) fn given(&self) -> impl Iterator<Item = (&'static str, Place)> {
        let today = KEYS.into_iter().zip(self.today);
        let all = today.chain(OLD_KEYS.into_iter().zip(self.old));
        all.filter_map(|(key, given)| given.map(|given| (key, given.place)))
    }

    /// The reservation that they ask for; `place` is where the policy is named.
    pub(super) fn reservation(&self, place: Place, complaints: &Complaints<'_>) -> Option<Spec> {
        if self.broken {
            return None;
        }
        let usual = |number| Given { number, place };
        let today = |index: usize, usual: Given| self.today[index].unwrap_or(usual);
        let runtime = today(0, usual(0));
        let period = today(1, runtime);
        let deadline = today(2, period);
        let runtime = self.or_old(0, runtime, usual(0), complaints);
        let period = self.or_old(1, period, runtime, complaints);
        let deadline = self.or_old(2, deadline, period, complaints);
        if runtime.number == 0 {
            complaints.error(
                runtime.place,
                "SCHED_DEADLINE needs a `dl-runtime` of more than 0: Linux refuses it without",
            );
            return None;
        }
        if period.number > LONGEST_ON_LINUX {
            let message =
                format!("Linux refuses periods above {LONGEST_ON_LINUX} us unless it is told otherwise");
            complaints.note(period.place, message);
        }
        let micros = |given: Given| Nanos::from_micros(given.number.unsigned_abs());
        let spec = Spec::reservation(
            micros(runtime),
            micros(period),
            micros(deadline),
            Overrun::Throttle,
        );
        spec.map_err(|error| {
            let (runtime_us, period_us, deadline_us) = (runtime.number, period.number, deadline.number);
            let (place, message) = match error {
                SpecError::BudgetTooSmall => (
                    runtime.place,
                    format!("a runtime of {runtime_us} us is too small: the least budget is {} us", LEAST_BUDGET.0 / 1_000),
                ),
                SpecError::PeriodTooLong => (
                    period.place,
                    format!("a period of {period_us} us is too long: the longest is {} us", LONGEST_PERIOD.0 / 1_000),
                ),
                SpecError::DeadlineTooLate => (
                    deadline.place,
                    format!("a deadline of {deadline_us} us is after the period of {period_us} us: Linux refuses it, too"),
                ),
                SpecError::BudgetTooLarge | SpecError::LimitCannotDemote => (
                    runtime.place,
                    format!("a runtime of {runtime_us} us is more than the deadline of {deadline_us} us: Linux refuses it, too"),
                ),
            };
            complaints.error(place, message);
        })
        .ok()
    }

    /// What is known already, unless that is 0: then what older versions called it, or what is usual.
    fn or_old(&self, index: usize, known: Given, usual: Given, complaints: &Complaints<'_>) -> Given {
        match self.old[index] {
            None if known.number == 0 => usual,
            Some(old) if known.number == 0 => old,
            Some(old) => {
                let message = format!(
                    "`{}` is not looked at, as by rt-app: the keys that begin with `dl-` say it already",
                    OLD_KEYS[index]
                );
                complaints.note(old.place, message);
                known
            }
            None => known,
        }
    }
}
