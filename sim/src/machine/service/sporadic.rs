//! A reservation as a sporadic task for each of its nanoseconds: it is there when it is wanted and was not used in the period
//! before.

use std::collections::VecDeque;

use sched::{Instant, Nanos};

/// When how much of a reservation is there, the earliest first. Nothing is ever joined that is there at different instants.
#[derive(Clone, Debug)]
pub(super) struct Sporadic {
    period: Nanos,
    there: VecDeque<(Instant, Nanos)>,
    /// What was used before it was there, by when it is.
    owed: VecDeque<(Instant, Nanos)>,
}

impl Sporadic {
    pub(super) fn new(budget: Nanos, period: Nanos, now: Instant) -> Sporadic {
        Sporadic {
            period,
            there: VecDeque::from([(now, budget)]),
            owed: VecDeque::new(),
        }
    }

    /// What is there and was not wanted counts from now on.
    pub(super) fn release(&mut self, now: Instant) {
        let mut amount = Nanos::ZERO;
        while let Some((_, part)) = self.there.pop_front_if(|(at, _)| *at <= now) {
            amount += part;
        }
        if amount > Nanos::ZERO {
            self.there.push_front((now, amount));
        }
    }

    /// Uses what is there first; how much at most was owed at a moment, because it was used and was not there yet.
    pub(super) fn serve(&mut self, from: Instant, to: Instant) -> Nanos {
        let (mut begin, mut most) = (from, Nanos::ZERO);
        while begin < to
            && let Some((at, amount)) = self.there.pop_front()
        {
            let end = to.min(begin + amount);
            let used = end.since(begin);
            most = most.max(self.owe(at, begin, end));
            if used < amount {
                self.there.push_front((at, amount.saturating_sub(used)));
            }
            self.put(at + self.period, used);
            begin = end;
        }
        most
    }

    /// What is there at `at` was used from `begin` to `end`; what is owed then, or at the moment before it is there.
    fn owe(&mut self, at: Instant, begin: Instant, end: Instant) -> Nanos {
        while self.owed.pop_front_if(|(at, _)| *at <= begin).is_some() {}
        if at > begin {
            self.owed.push_back((at, at.min(end).since(begin)));
        }
        self.owed
            .iter()
            .fold(Nanos::ZERO, |sum, (_, amount)| sum + *amount)
    }

    /// Takes some of it away, what is there first.
    pub(super) fn take(&mut self, amount: Nanos) {
        let mut left = amount;
        while left > Nanos::ZERO
            && let Some((at, part)) = self.there.pop_front()
        {
            if part > left {
                self.there.push_front((at, part.saturating_sub(left)));
            }
            left = left.saturating_sub(part);
        }
    }

    /// Adds some, which is there from a period after `now` on.
    pub(super) fn give(&mut self, amount: Nanos, now: Instant) {
        self.put(now + self.period, amount);
    }

    /// It is there again later, behind what is there before or at the same instant.
    fn put(&mut self, at: Instant, amount: Nanos) {
        let place = self.there.partition_point(|(before, _)| *before <= at);
        match place.checked_sub(1).and_then(|last| self.there.get_mut(last)) {
            Some((same, more)) if *same == at => *more += amount,
            _ => self.there.insert(place, (at, amount)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: u64) -> Instant {
        Instant(time)
    }

    #[test]
    fn e8_what_was_used_is_there_a_period_after_it_was_and_not_after_it_was_used() {
        let mut task = Sporadic::new(Nanos(3), Nanos(10), at(0));
        assert_eq!(task.serve(at(5), at(8)), Nanos(0));
        assert_eq!(task.serve(at(10), at(13)), Nanos(0));
        assert_eq!(task.serve(at(18), at(21)), Nanos(2));
    }

    // A timer that is late twice in a row: what was used of the second part before it was there is had less of it then.
    #[test]
    fn e8_what_was_used_too_early_is_owed_until_it_is_there() {
        let mut task = Sporadic::new(Nanos(4), Nanos(10), at(0));
        let _ = (task.serve(at(0), at(2)), task.serve(at(5), at(7)));
        assert_eq!(task.serve(at(10), at(13)), Nanos(0));
        let mut task = Sporadic::new(Nanos(4), Nanos(10), at(0));
        let _ = task.serve(at(0), at(2));
        task.release(at(5));
        let _ = task.serve(at(5), at(7));
        // Two are there at 10 and two at 15; those used from 12 to 15 are owed until then.
        assert_eq!(task.serve(at(10), at(15)), Nanos(3));
        assert_eq!(task.serve(at(18), at(19)), Nanos(1 + 1));
    }

    #[test]
    fn e8_what_was_not_wanted_counts_from_when_it_is() {
        let mut task = Sporadic::new(Nanos(3), Nanos(10), at(0));
        task.release(at(25));
        assert_eq!(task.serve(at(25), at(27)), Nanos(0));
        task.release(at(30));
        assert_eq!(task.serve(at(30), at(31)), Nanos(0));
        // Two of it are there from 35 on, one from 40.
        assert_eq!(task.serve(at(34), at(36)), Nanos(1));
        assert_eq!(task.serve(at(39), at(40)), Nanos(1));
    }
}
