//! A context's time as one owned value. Rules E2, E3, E8 and E16; the letters are those of docs/rules/contexts.md.
//!
//! The box of a budget sits with one holder: the context's record while nobody has it (A), a thread (B to E), or a server that
//! works for one (F). Moving the box is binding, lending and giving back; nothing can copy it, so nothing can make time. With it go the
//! CPUs that its thread runs on meanwhile (E7), and what is told of it (E5). What it
//! means for a thread that has it, its [`Standing`], follows from its refills and the time, and is asked for where a thread
//! changes its place.

use alloc::boxed::Box;

use super::comeback::Comeback;
use super::news::{Happening, News};
use super::refills::Refills;
use super::spec::{Kind, Overrun, Spec, SpecError};
use crate::entity::Affinity;
use crate::ids::ThreadId;
use crate::outline::Outline;
use crate::rank::Standing;
use crate::time::{Instant, Nanos};

/// The least that a thread is woken up for: what is there before waits until there is as much. Ends of service in one period
/// are at most budget / this.
pub const LEAST_SERVICE: Nanos = Nanos::from_micros(20);

/// A context, for all time: neither the id nor the generation comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextId {
    /// Which one.
    pub number: u64,
    /// Counts its revocations.
    pub generation: u64,
}

/// The time of one context.
#[derive(Debug)]
pub struct Budget {
    context: ContextId,
    spec: Spec,
    refills: Refills,
    /// When the service began that ended at `served_to` and had no gap.
    began: Instant,
    /// Everything before this has been charged.
    served_to: Instant,
    used: Nanos,
    overruns: u64,
    misses: u64,
    /// The deadline that was missed last.
    missed: Instant,
    news: News,
    /// A server has it, which works for its owner and perhaps for others.
    is_lent: bool,
    /// Where its thread runs; everywhere means where the thread may without it.
    cpus: Affinity,
    outline: Outline,
    /// It has been used up since there was something.
    is_overrun: bool,
    /// And it was not used, but taken away or owed.
    is_taken: bool,
    /// For a time of demotion; not here while its thread waits in one.
    pub(crate) comeback: Option<Box<Comeback>>,
}

impl Budget {
    /// The whole budget, from `now` on. Nothing in a context's scheduling life allocates but this.
    #[must_use]
    pub fn new(context: ContextId, spec: Spec, now: Instant) -> Box<Budget> {
        Box::new(Budget {
            context,
            spec,
            refills: Refills::new(spec.budget(), spec.period(), now),
            began: now,
            served_to: now,
            used: Nanos::ZERO,
            overruns: 0,
            misses: 0,
            missed: Instant::BOOT,
            news: News::default(),
            is_lent: false,
            cpus: Affinity::Any,
            outline: Outline::EVERYWHERE,
            is_overrun: false,
            is_taken: false,
            comeback: matches!(spec.overrun(), Overrun::Demote).then(Comeback::new),
        })
    }

    /// The same, to be used on these CPUs only: whoever has it runs there, and nowhere else.
    #[must_use]
    pub fn confined_to(mut self: Box<Budget>, cpus: Affinity) -> Box<Budget> {
        self.outline = Outline::of(&cpus);
        self.cpus = cpus;
        self
    }

    /// Where its thread runs while it has this; `None`: where it may without it.
    #[must_use]
    pub const fn cpus(&self) -> Option<&Affinity> {
        match &self.cpus {
            Affinity::Any => None,
            cpus => Some(cpus),
        }
    }

    /// The same in outline.
    pub(crate) const fn outline(&self) -> Outline {
        self.outline
    }

    /// A server gets it from its owner, or the owner gets it back. A server that has used it up goes on by its own weight, because others may
    /// wait for it, and what it uses is charged all the same: the owner owes that (E11).
    pub const fn lend(&mut self, is_lent: bool) {
        self.is_lent = is_lent;
    }

    /// Whether a server has it.
    #[must_use]
    pub const fn is_lent(&self) -> bool {
        self.is_lent
    }

    /// What has been told of it, and not been read.
    #[must_use]
    pub const fn news(&self) -> &News {
        &self.news
    }

    /// Reads what there is.
    pub const fn read_news(&mut self) -> News {
        self.news.read()
    }

    /// Whether somebody waits for news from now on, and is to be told at once. What there is already it looks at itself.
    pub const fn await_news(&mut self, is_awaited: bool) {
        self.news.is_awaited = is_awaited;
        self.news.is_new = false;
    }

    /// Somebody waits for news, and has not looked at what there is.
    pub(crate) const fn await_any_news(&mut self) {
        self.news.is_awaited = true;
        self.news.is_new = self.news.is_any();
    }

    /// Whether something was noted since somebody waits for news.
    #[must_use]
    pub const fn has_awaited_news(&self) -> bool {
        self.news.is_awaited && self.news.is_new
    }

    /// Whose time it is.
    #[must_use]
    pub const fn context(&self) -> ContextId {
        self.context
    }

    /// What was asked for.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// When which part of it may be used.
    #[must_use]
    pub const fn refills(&self) -> &Refills {
        &self.refills
    }

    /// All that was ever charged to it.
    #[must_use]
    pub const fn used(&self) -> Nanos {
        self.used
    }

    /// How often it was used up.
    #[must_use]
    pub const fn overruns(&self) -> u64 {
        self.overruns
    }

    /// How often a deadline passed while its thread still wanted what was due by it.
    #[must_use]
    pub const fn misses(&self) -> u64 {
        self.misses
    }

    /// Whether this thread has used it up, or does now. What others used up, and what was carved out or is owed, it has not.
    pub(crate) fn is_overrun_by(&self, thread: ThreadId) -> bool {
        !self.is_overrun || self.news.used_up.thread == thread && !self.is_taken
    }

    /// What may be used at `now`.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Nanos {
        if self.spec.is_everything() {
            return self.spec.budget();
        }
        self.refills.available(now)
    }

    /// Whether nothing may be used at `now`.
    #[must_use]
    pub const fn is_empty(&self, now: Instant) -> bool {
        !self.spec.is_everything() && self.refills.first().0 > now.0
    }

    /// Until when who begins to use it at `now` may go on without being looked at; for ever, if it is all there is. Each part
    /// of a reservation has a deadline of its own.
    #[must_use]
    pub fn lasts_until(&self, now: Instant) -> Instant {
        if self.spec.is_everything() {
            return Instant::NEVER;
        }
        match self.spec.kind() {
            // It is looked at again when there is some: of a reservation that is served before others, and of both it ends again.
            Kind::Reservation | Kind::Limit if self.is_lent && self.is_empty(now) => self.refills.first(),
            Kind::Limit => self.refills.lasts_until(now),
            Kind::Reservation if self.is_empty(now) => now,
            Kind::Reservation => now + self.refills.entries()[0].amount,
        }
    }

    /// What a thread that has it is entitled to.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Standing {
        if self.is_empty(now) {
            if self.is_lent {
                return Standing::Fair;
            }
            return match self.spec.overrun() {
                Overrun::Demote => Standing::Demoted(self.refills.first()),
                Overrun::Throttle | Overrun::Fault => Standing::Spent(self.refills.first()),
            };
        }
        match self.spec.kind() {
            Kind::Limit => Standing::Fair,
            Kind::Reservation => Standing::Reserved(self.refills.first() + self.spec.deadline()),
        }
    }

    /// Charges service of `thread` that began at `from`. What another CPU's clock has charged already is not charged twice.
    pub fn charge(&mut self, from: Instant, ran: Nanos, thread: ThreadId) {
        if from > self.served_to {
            self.began = from;
            self.served_to = from;
        }
        self.served_to = self.served_to + ran;
        self.used += ran;
        if self.spec.is_everything() {
            return;
        }
        self.look_for_misses(from, thread);
        self.spend(ran);
    }

    /// Somebody else's time was used for its owner: as much is there later, as if it had been used.
    pub fn owe(&mut self, amount: Nanos) {
        if !self.spec.is_everything() {
            let now = self.served_to;
            let had_some = !self.is_empty(now);
            self.spend(amount);
            self.is_emptied(had_some, now);
        }
    }

    /// It may have been emptied by other things than use, which is no overrun.
    fn is_emptied(&mut self, had_some: bool, now: Instant) {
        if had_some && self.is_empty(now) {
            self.is_overrun = true;
            self.is_taken = true;
            self.refills.wait_for(LEAST_SERVICE);
        }
    }

    fn spend(&mut self, amount: Nanos) {
        match self.spec.kind() {
            Kind::Limit => self.refills.spend(amount, self.began, self.served_to),
            // Nobody was told of more than the first part, which stays in any case.
            Kind::Reservation => self.refills.spend(amount, Instant::BOOT, Instant::BOOT),
        }
    }

    /// What may be used first is due a deadline after it was there. Being served still when that has passed is a miss, one for each
    /// deadline.
    fn look_for_misses(&mut self, from: Instant, thread: ThreadId) {
        let first = self.refills.first();
        let due = first + self.spec.deadline();
        if first <= from && self.served_to > due && self.missed != due {
            self.missed = due;
            self.misses += 1;
            let remaining = self.refills.available(self.served_to);
            self.news
                .note(Happening::DeadlineMissed, thread, remaining, first);
        }
    }

    /// Who has it wants to use it from `now` on, and did not before: it was at rest or its time has come. Crumbs wait.
    pub fn release(&mut self, now: Instant) {
        self.refills.release(now);
        self.refills.wait_for(LEAST_SERVICE);
        if !self.is_empty(now) {
            self.is_overrun = false;
            self.is_taken = false;
        }
    }

    /// Who has it and stood like this is about to be entitled to something else. A server that had used up a reservation may have waited by
    /// weight for longer than until there was some again: that counts from now on, or a backlog of periods would go before everybody.
    pub(crate) fn catch_up(&mut self, stood: Standing, now: Instant) {
        if stood == Standing::Fair && matches!(self.spec.kind(), Kind::Reservation) && !self.is_empty(now) {
            self.refills.release(now);
        }
    }

    /// What `thread` is entitled to, which has used it up to `now`. If nothing is left this counts as an overrun, once until there
    /// is something again, and crumbs wait.
    pub(crate) fn settle_down(&mut self, now: Instant, thread: ThreadId) -> Standing {
        if !self.is_empty(now) {
            self.is_overrun = false;
            self.is_taken = false;
        } else if !self.is_overrun {
            self.is_overrun = true;
            self.overruns += 1;
            self.refills.wait_for(LEAST_SERVICE);
            let next = self.refills.first();
            self.news.note(Happening::UsedUp, thread, Nanos::ZERO, next);
        }
        self.standing(now)
    }

    /// Takes `amount` away for another context; from when on that may have it. The rest must be a budget.
    pub fn carve(&mut self, amount: Nanos, now: Instant) -> Option<Instant> {
        let rest = self.spec.budget().saturating_sub(amount);
        let was_everything = self.spec.is_everything();
        self.spec = self.spec.with_budget(rest).ok()?;
        if was_everything {
            // What was used of that was never counted.
            self.refills.release(now);
        }
        let had_some = !self.is_empty(now);
        let from = self.refills.take(amount).max(now);
        self.is_emptied(had_some, now);
        Some(from)
    }

    /// From when on all of it is there, if nobody uses it: until then some of what it granted has been used. Whoever gets its capacity waits for
    /// that.
    #[must_use]
    pub fn whole_from(&self) -> Instant {
        if self.spec.is_everything() {
            return self.served_to + self.spec.period();
        }
        self.refills.last()
    }

    /// What was carved comes back, whose last user had not used anything from `from` on: it counts from a period later on, or from then on, so
    /// nobody uses it twice.
    ///
    /// # Errors
    /// The budget would not fit into its period any more: this was never carved out of it.
    pub fn restore(&mut self, amount: Nanos, now: Instant, from: Instant) -> Result<(), SpecError> {
        self.spec = self.spec.with_budget(self.spec.budget() + amount)?;
        self.refills.give(amount, now, from);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
