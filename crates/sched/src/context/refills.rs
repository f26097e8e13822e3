//! When a context's time may be used: the nanoseconds of its budget, each with the instant from which it is there. Rules E2, E3
//! and E8.
//!
//! The equation of this file: **the amounts of all refills add up to the budget, always.** Using time does not take it out of
//! the list; it moves it to a later instant. So no order of uses, however late they are noticed, makes or loses time.
//!
//! A nanosecond that is used comes back one period after `since`, but never less than one period after it was there. For a
//! limit, `since` is when the service began that it was part of. Then no stretch as long as a period has more service than the
//! budget: time is used at the pace at which it passes and in the order of the list, so what was used x after the beginning
//! cannot be used again before x after the beginning of a period later. For a reservation `since` does not count, and
//! a nanosecond comes back one period after it was *there*, as the jobs of a sporadic task do; why is said in docs/rules/contexts.md.
//!
//! Who uses more than is there uses the next refills before their time, and they come back a period later still. That is all
//! there is to debts: what is owed is paid before the next time counts.
//!
//! The list is short. When it is full, two neighbours become one, at the later instant: the pair whose earlier part loses least. What
//! is in use stays as it is, because its end was told to somebody.

use crate::time::{Instant, Nanos};

/// How many refills a context has at most.
pub const MOST_REFILLS: usize = 16;

/// Dearer than anything else.
const LEAVES_A_GAP: u64 = 1 << 63;

/// Time that may be used from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refill {
    /// From when.
    pub at: Instant,
    /// How much.
    pub amount: Nanos,
}

/// The refills of one context, the earliest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refills {
    /// The first `len` count. The place behind the last possible one is for a moment's use.
    entries: [Refill; MOST_REFILLS + 1],
    len: usize,
    budget: Nanos,
    period: Nanos,
    /// Of those between the first and the last two, none loses less than this by waiting for the next. Who is served for a moment again and
    /// again has a full list, and this tells without a search that it is the last that loses least.
    dearer: u64,
}

/// What one refill loses by waiting for the next: nanoseconds times how long they are late, halved.
fn late(refill: Refill, next: Refill) -> u64 {
    next.at.since(refill.at).0.saturating_mul(refill.amount.0) / 2
}

impl Refills {
    /// All of the budget from `at` on.
    #[must_use]
    pub const fn new(budget: Nanos, period: Nanos, at: Instant) -> Refills {
        let all = Refill { at, amount: budget };
        Refills {
            entries: [all; MOST_REFILLS + 1],
            len: 1,
            budget,
            period,
            dearer: u64::MAX,
        }
    }

    /// The refills, the earliest first.
    #[must_use]
    pub fn entries(&self) -> &[Refill] {
        &self.entries[..self.len]
    }

    /// What they add up to.
    #[must_use]
    pub const fn budget(&self) -> Nanos {
        self.budget
    }

    /// From when on there is anything.
    #[must_use]
    pub const fn first(&self) -> Instant {
        self.entries[0].at
    }

    /// From when on all of it is there, if none is used.
    #[must_use]
    pub const fn last(&self) -> Instant {
        self.entries[self.len - 1].at
    }

    /// What may be used at `now`.
    #[must_use]
    pub fn available(&self, now: Instant) -> Nanos {
        let there = self.entries().iter().take_while(|refill| refill.at <= now);
        there.fold(Nanos::ZERO, |sum, refill| sum + refill.amount)
    }

    /// When it is used up by who begins to use it at `now` and goes on, with what comes in the meantime.
    #[must_use]
    pub fn lasts_until(&self, now: Instant) -> Instant {
        let mut until = now;
        for refill in self.entries() {
            if refill.at > until {
                break;
            }
            until = until + refill.amount;
        }
        until
    }

    /// Uses `amount` up to the instant `to`, whether or not it is there. It comes back a period after `since`, or after it was there if
    /// that is later. `since` never decreases from one use to the next.
    pub fn spend(&mut self, amount: Nanos, since: Instant, to: Instant) {
        let mut left = self.spend_whole(amount, since);
        while left > Nanos::ZERO {
            let first = self.entries[0];
            let part = first.amount.min(left);
            left = left.saturating_sub(part);
            if part == first.amount {
                self.remove(0);
            } else {
                self.entries[0].amount = first.amount.saturating_sub(part);
            }
            let refill = Refill {
                at: first.at.max(since) + self.period,
                amount: part,
            };
            self.push(refill, to);
        }
        self.assert_sound();
    }

    /// Uses the whole budget as often as `amount` has it; what is left of `amount`. So a debt of any length takes few steps.
    fn spend_whole(&mut self, amount: Nanos, since: Instant) -> Nanos {
        if amount < self.budget {
            return amount;
        }
        let again = amount.0 / self.budget.0 - 1;
        let periods = Nanos(self.period.0.saturating_mul(again)) + self.period;
        for refill in &mut self.entries[..self.len] {
            refill.at = refill.at.max(since) + periods;
        }
        self.join_equals();
        self.dearer = 0;
        Nanos(amount.0 % self.budget.0)
    }

    /// Whoever was to use this did not want to until `now`: what is there counts from now on only. A job is released when it
    /// comes, not when it could have come.
    pub fn release(&mut self, now: Instant) {
        while self.len > 1 && self.entries[1].at <= now {
            self.join(0);
        }
        self.entries[0].at = self.entries[0].at.max(now);
        self.assert_sound();
    }

    /// Has the first refill wait for the next until there are `least` together, so that nobody is served for a moment only.
    pub fn wait_for(&mut self, least: Nanos) {
        while self.len > 1 && self.entries[0].amount < least {
            self.join(0);
        }
        self.assert_sound();
    }

    /// Takes `amount` away, the earliest first; from when on all that was taken would have been there. The budget is that much
    /// smaller. It must be larger than `amount`.
    pub fn take(&mut self, amount: Nanos) -> Instant {
        assert!(amount < self.budget, "a budget does not vanish");
        let mut left = amount;
        let mut from = Instant::BOOT;
        while left > Nanos::ZERO {
            let first = self.entries[0];
            let part = first.amount.min(left);
            from = first.at;
            left = left.saturating_sub(part);
            self.entries[0].amount = first.amount.saturating_sub(part);
            if self.entries[0].amount == Nanos::ZERO {
                self.remove(0);
            }
        }
        self.budget = self.budget.saturating_sub(amount);
        self.assert_sound();
        from
    }

    /// Adds `amount`, to be used from one period after `now` on, or from `from` on, or with the last refill, whichever comes last. The budget is that
    /// much larger.
    pub fn give(&mut self, amount: Nanos, now: Instant, from: Instant) {
        let at = (now + self.period).max(from).max(self.last());
        self.budget += amount;
        if amount > Nanos::ZERO {
            self.push(Refill { at, amount }, now);
        }
        self.assert_sound();
    }

    /// Puts a refill in its place, which mostly is behind the last, while the budget is in use at `now`.
    fn push(&mut self, refill: Refill, now: Instant) {
        let mut place = self.len;
        while place > 0 && self.entries[place - 1].at > refill.at {
            place -= 1;
        }
        if place > 0 && self.entries[place - 1].at == refill.at {
            self.entries[place - 1].amount += refill.amount;
            return;
        }
        if place == self.len && place > 0 {
            let last = self.entries[place - 1];
            let before = if place > 1 {
                late(self.entries[place - 2], last)
            } else {
                u64::MAX
            };
            let dearer = self.dearer.min(before);
            let is_in_use = last.at <= now + self.budget;
            if place == MOST_REFILLS && late(last, refill) < dearer && !is_in_use {
                self.entries[place - 1] = Refill {
                    amount: last.amount + refill.amount,
                    ..refill
                };
                return;
            }
            self.dearer = dearer;
        } else {
            self.dearer = 0;
        }
        self.entries.copy_within(place..self.len, place + 1);
        self.entries[place] = refill;
        self.len += 1;
        if self.len > MOST_REFILLS {
            let cheapest = self.cheapest(now);
            self.dearer = self.least_without(cheapest);
            self.join(cheapest);
        }
    }

    /// Which refill loses least by waiting for the one behind it: nanoseconds times how long they are late. Not the first, nor one that is
    /// in use at `now` and would leave a gap: the end of that was told to somebody. If all would, it is the least gap.
    fn cheapest(&self, now: Instant) -> usize {
        let entries = self.entries();
        let (mut cheapest, mut least) = (1, u64::MAX);
        let (mut index, mut until) = (0, now);
        while index + 1 < entries.len() {
            let (this, next) = (entries[index], entries[index + 1]);
            let mut price = late(this, next);
            if this.at <= until {
                if next.at > until {
                    price |= LEAVES_A_GAP;
                }
                until = until + this.amount;
            } else {
                until = Instant::BOOT;
            }
            if price < least && index > 0 {
                (cheapest, least) = (index, price);
            }
            index += 1;
        }
        cheapest
    }

    /// What none loses less than, of those between the first and the last two, once this one has gone.
    fn least_without(&self, gone: usize) -> u64 {
        let pairs = self.entries().windows(2).enumerate();
        let between = pairs.take(self.len.saturating_sub(2)).skip(1);
        let others = between.filter(|(index, _)| *index != gone);
        others
            .map(|(_, pair)| late(pair[0], pair[1]))
            .min()
            .unwrap_or(u64::MAX)
    }

    /// Has a refill wait for the one behind it.
    fn join(&mut self, index: usize) {
        let amount = self.entries[index].amount;
        self.entries[index + 1].amount += amount;
        self.remove(index);
    }

    fn join_equals(&mut self) {
        for index in (1..self.len).rev() {
            if self.entries[index - 1].at == self.entries[index].at {
                self.join(index - 1);
            }
        }
    }

    fn remove(&mut self, index: usize) {
        self.entries.copy_within(index + 1..self.len, index);
        self.len -= 1;
    }

    /// Whether the amounts add up to the budget, in order and without empty ones.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let entries = self.entries();
        let sum: u128 = entries.iter().map(|refill| u128::from(refill.amount.0)).sum();
        let in_order = entries.windows(2).all(|pair| pair[0].at <= pair[1].at);
        let all_count = entries.iter().all(|refill| refill.amount > Nanos::ZERO);
        let is_bound = self.least_without(MOST_REFILLS) >= self.dearer;
        (1..=MOST_REFILLS).contains(&self.len)
            && is_bound
            && sum == u128::from(self.budget.0)
            && in_order
            && all_count
    }

    #[inline]
    fn assert_sound(&self) {
        debug_assert!(self.is_sound(), "time was made or lost: {self:?}");
    }
}

#[cfg(test)]
mod tests;
