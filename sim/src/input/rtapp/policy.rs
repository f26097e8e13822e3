//! Linux's scheduling policies as weights and classes.
//!
//! A nice level is a factor of 1.25 in CPU time (Linux, Documentation/scheduler/sched-nice-design.rst): the weight is 64 /
//! 1.25^nice, rounded. That is within 1 to 1024 for nice levels from -12 to 19; more weight than 1024 there is not, so
//! from -13 on a thread gets that and a note. SCHED_BATCH is the class `batch`. SCHED_IDLE, which Linux gives 3/1024 of a
//! usual thread's share, is the lightest weight in the class `batch`. SCHED_DEADLINE is a reservation ([`super::deadline`]). There are no
//! priorities above others here: SCHED_FIFO and SCHED_RR are refused, or mapped to `interactive` with the heaviest weight when
//! [`Options::realtime_as_interactive`] says so.

use sched::{LatencyClass, Spec, Weight};

use super::Options;
use super::deadline::Parameters;
use super::json::Member;
use super::keys;
use crate::input::error::{Complaints, Place};
use crate::input::words;

/// A policy of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Other,
    Batch,
    Idle,
    Fifo,
    RoundRobin,
    Deadline,
}

const NAMES: &[(&str, Kind)] = &[
    ("SCHED_OTHER", Kind::Other),
    ("SCHED_BATCH", Kind::Batch),
    ("SCHED_IDLE", Kind::Idle),
    ("SCHED_FIFO", Kind::Fifo),
    ("SCHED_RR", Kind::RoundRobin),
    ("SCHED_DEADLINE", Kind::Deadline),
];

impl Kind {
    /// The policy of that name, which `member` gives.
    pub(super) fn named(name: &str, member: &Member, complaints: &Complaints<'_>) -> Option<Kind> {
        match words::find(name, NAMES) {
            Ok(kind) => Some(kind),
            Err(message) => {
                complaints.error(member.value.place, message);
                None
            }
        }
    }

    const fn is_realtime(self) -> bool {
        matches!(self, Kind::Fifo | Kind::RoundRobin)
    }
}

/// What an object says about how its thread is scheduled.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub(super) policy: Option<(Kind, Place)>,
    pub(super) priority: Option<(i64, Place)>,
    /// Parameters of SCHED_DEADLINE, which have a meaning for no other policy here.
    pub(super) deadline: Parameters,
}

/// The keys that [`Keys::take`] knows.
pub(super) const KEYS: &[&str] = &[
    "policy",
    "priority",
    "dl-runtime",
    "dl-period",
    "dl-deadline",
    "util_min",
    "util_max",
];

impl Keys {
    /// Reads a key if it is one of these. The caller has seen to it that it is the first of its name.
    pub(super) fn take(&mut self, member: &Member, complaints: &Complaints<'_>) {
        match member.key.as_str() {
            "policy" => {
                let kind =
                    keys::text(member, complaints).and_then(|name| Kind::named(name, member, complaints));
                self.policy = kind.map(|kind| (kind, member.value.place));
            }
            "priority" => {
                let number = keys::integer(member, complaints);
                self.priority = number.map(|number| (number, member.value.place));
            }
            "util_min" | "util_max" => complaints.note(
                member.place,
                format!(
                    "`{}` means nothing here: all CPUs are equal and have one speed",
                    member.key
                ),
            ),
            _ => self.deadline.take(member, complaints),
        }
    }

    /// The policy, weight and class that hold from here on, when `before` held so far. `default` is where the policy was
    /// named if not here.
    pub(super) fn resolve(
        &self,
        before: Kind,
        default: Option<Place>,
        complaints: &Complaints<'_>,
        options: &Options,
    ) -> (Kind, Weight, LatencyClass) {
        let (kind, place) = self
            .policy
            .map_or((before, default), |(kind, place)| (kind, Some(place)));
        if kind.is_realtime() {
            self.realtime(kind, place, complaints, options);
            return (kind, Weight::MAX, LatencyClass::Interactive);
        }
        if kind == Kind::Deadline {
            if let Some((_, place)) = self.priority {
                complaints.note(
                    place,
                    "SCHED_DEADLINE has no priorities; rt-app does not hand it on",
                );
            }
            return (kind, Weight::DEFAULT, LatencyClass::Normal);
        }
        for (key, place) in self.deadline.given() {
            complaints.error(
                place,
                format!("`{key}` is for SCHED_DEADLINE; with other policies slices follow from the class"),
            );
        }
        let nice = self.nice(complaints);
        match kind {
            Kind::Idle => {
                if let Some((_, place)) = self.priority {
                    complaints.note(place, "SCHED_IDLE is the lightest weight at every nice level");
                }
                (kind, Weight::MIN, LatencyClass::Batch)
            }
            Kind::Batch => (kind, nice, LatencyClass::Batch),
            _ => (kind, nice, LatencyClass::Normal),
        }
    }

    /// Where the object says something about this.
    pub(super) fn place(&self) -> Option<Place> {
        let parameter = self.deadline.given().next().map(|(_, place)| place);
        let policy = self.policy.map(|(_, place)| place);
        policy.or(self.priority.map(|(_, place)| place)).or(parameter)
    }

    /// The reservation that an object of SCHED_DEADLINE asks for; `place` is where that is named if not here.
    pub(super) fn reservation(&self, place: Place, complaints: &Complaints<'_>) -> Option<Spec> {
        let place = self.policy.map_or(place, |(_, place)| place);
        self.deadline.reservation(place, complaints)
    }

    fn realtime(&self, kind: Kind, place: Option<Place>, complaints: &Complaints<'_>, options: &Options) {
        let name = words::print(&kind, NAMES);
        let place = place.or(self.place()).unwrap_or(Place::START);
        if !options.realtime_as_interactive {
            complaints.error(
                place,
                format!("{name} is not supported: nobody has a priority above others; an option maps it to interactive"),
            );
            return;
        }
        let message = format!("{name} is taken for the class interactive with the heaviest weight");
        complaints.note(place, message);
        for (key, place) in self.deadline.given() {
            complaints.note(place, format!("`{key}` means nothing in the class interactive"));
        }
        if let Some((_, place)) = self.priority {
            complaints.note(place, "real-time priorities are all the same here");
        }
    }

    fn nice(&self, complaints: &Complaints<'_>) -> Weight {
        let Some((nice, place)) = self.priority else {
            return Weight::DEFAULT;
        };
        if !(-20..=19).contains(&nice) {
            complaints.error(place, format!("{nice} is no nice level: they go from -20 to 19"));
            return Weight::DEFAULT;
        }
        let exact = weight_of_nice(nice);
        match u16::try_from(exact).ok().and_then(Weight::new) {
            Some(weight) => weight,
            None => {
                let message = format!(
                    "nice {nice} would be weight {exact}; it gets {}, the heaviest",
                    Weight::MAX.get()
                );
                complaints.note(place, message);
                Weight::MAX
            }
        }
    }
}

/// 64 / 1.25^nice, rounded to the nearest, and 1 at least.
fn weight_of_nice(nice: i64) -> u64 {
    let levels = nice.unsigned_abs().min(20) as u32;
    let (up, down) = (5_u64.pow(levels), 4_u64.pow(levels));
    let usual = u64::from(Weight::DEFAULT.get());
    let (times, over) = if nice < 0 { (up, down) } else { (down, up) };
    ((usual * times + over / 2) / over).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_a_nice_level_is_a_factor_of_one_and_a_quarter() {
        let weights = [-20, -13, -12, -5, -1, 0, 1, 5, 10, 19].map(weight_of_nice);
        assert_eq!(weights, [5551, 1164, 931, 195, 80, 64, 51, 21, 7, 1]);
    }
}
