//! Those whose time is limited or reserved: charging it, taking the CPU away when it is used up, and giving it back when it is
//! there again. Rules E2, E3, E9, E16 and G2 (docs/rules/contexts.md, whose letters are cited).
//!
//! What a thread is entitled to is looked at when it comes to its place and at its CPU's horizon; in between nothing
//! changes it but time that passes, and the horizon is where that would matter. None of this is on the way of threads without a budget: each
//! operation asks once whether there is one.

use core::mem::swap;

use super::arrive::EnqueueReason;
use super::{Cpu, Running, SHORTEST_TURN, State};
use crate::accounting::CpuCounters;
use crate::context::{Budget, Overrun};
use crate::entity::Entity;
use crate::horizon::{Horizon, HorizonReason};
use crate::rank::{Rank, Standing};
use crate::time::{Instant, Nanos};

/// How many threads are looked at in one go when their budgets come back: what is left then is due at once, and
/// interrupts get their turn in between.
const MOST_REPLENISHED: usize = 16;

/// What becomes of a running thread with a budget.
pub(super) enum Stands {
    /// It may go on.
    GoesOn,
    /// It waits until there is budget again (D to E).
    MustWait,
    /// It has used more than it may, and ends for that.
    Faults,
    /// It may go on, and somebody waits to be told what was noted of its budget.
    HasNews,
}

/// Charges service that began at `from`; whether it is service by weight as well.
#[cold]
pub(super) fn charge(
    budget: &mut Budget,
    running: &mut Running,
    counters: &mut CpuCounters,
    from: Instant,
    ran: Nanos,
) -> bool {
    if let Standing::Demoted(_) = running.standing {
        return true;
    }
    budget.charge(from, ran, running.id);
    counters.in_contexts += ran;
    if running.standing.is_by_weight() {
        return true;
    }
    // Reserved service moves no virtual clock and no share; what the thread is shown goes by its own weight all the same (C2).
    let weight = u64::from(running.share.weight().get());
    running.uncollected.virtual_ran += ran.0.saturating_mul(64).div_ceil(weight);
    false
}

impl<P> Cpu<P> {
    /// A thread with a budget wants to run from now on, or is moved while it does: what it is entitled to is decided (B to C). Whether it
    /// competes by weight from now on and did not before: then its credit is limited as if it had slept.
    #[cold]
    pub(super) fn stand(entity: &mut Entity<P>, why: EnqueueReason, now: Instant) -> bool {
        let stood = entity.standing;
        if let Some(budget) = &mut entity.budget {
            if matches!(why, EnqueueReason::New | EnqueueReason::Wake) {
                budget.release(now);
            }
            budget.catch_up(stood, now);
            entity.standing = budget.standing(now);
        }
        !stood.is_by_weight() && entity.standing.is_by_weight()
    }

    /// The running thread ends and gets its budget back; whether it competes by weight no longer.
    #[cold]
    pub(super) fn return_budget(&mut self, entity: &mut Entity<P>, stays: bool, now: Instant) -> bool {
        let stood = self.running().map_or(entity.standing, |running| running.standing);
        swap(&mut entity.budget, &mut self.budget);
        let id = entity.id();
        if stays && let Some(budget) = &mut entity.budget {
            budget.catch_up(stood, now);
            entity.standing = budget.settle_down(now, id);
            if !stood.is_by_weight() && entity.standing.is_by_weight() {
                entity.share.limit_credit(self.clock.now());
                entity.share.renew();
            }
        }
        stood.is_by_weight() && !(stays && entity.standing.is_by_weight())
    }

    /// Whether the running thread has used what it may use: then it does not begin again, and waits in the queue.
    pub fn running_must_wait(&mut self, now: Instant) -> bool {
        if self.budget.is_none() {
            return false;
        }
        self.settle(now);
        let standing = self.budget.as_ref().map(|budget| budget.standing(now));
        matches!(standing, Some(Standing::Spent(_)))
    }

    /// What the running thread is entitled to at `now`, up to when everything is charged.
    #[cold]
    pub(super) fn stand_running(&mut self, now: Instant) -> Stands {
        let (Some(budget), State::Busy(running)) = (&mut self.budget, &mut self.state) else {
            return Stands::GoesOn;
        };
        let stood = running.standing;
        let is_overrun = budget.is_overrun_by(running.id);
        budget.catch_up(stood, now);
        let stands = budget.settle_down(now, running.id);
        if let Standing::Spent(_) = stands {
            return match budget.spec().overrun() {
                // Whoever was given a budget that others had used up has not overrun it. That others have looked at it since changes nothing.
                Overrun::Fault if is_overrun => Stands::Faults,
                Overrun::Fault | Overrun::Throttle | Overrun::Demote => Stands::MustWait,
            };
        }
        let has_news = budget.has_awaited_news();
        self.change_running(stood, stands, now);
        if has_news { Stands::HasNews } else { Stands::GoesOn }
    }

    /// The running thread is entitled to something else from now on.
    pub(super) fn change_running(&mut self, stood: Standing, stands: Standing, now: Instant) {
        let clock = self.clock.now();
        let State::Busy(running) = &mut self.state else {
            return;
        };
        running.standing = stands;
        let share = running.share;
        match (stood.is_by_weight(), stands.is_by_weight()) {
            (true, false) => {
                running.is_bounded = false;
                if let Some(membership) = &mut self.membership {
                    membership.discount();
                }
                self.leaves(&share);
            }
            (false, true) => {
                running.share.limit_credit(clock);
                running.share.renew();
                running.turn_ends = now + running.share.slice().max(SHORTEST_TURN);
                if let Some(membership) = &mut self.membership {
                    membership.count(share.weight());
                }
            }
            _ => {}
        }
    }

    /// Whether the instant has come from which somebody who waits here has budget again.
    #[must_use]
    #[inline]
    pub fn has_to_replenish(&self, now: Instant) -> bool {
        if self.waiting.none_wants_budget() {
            return false;
        }
        self.waiting.first_replenished().is_some_and(|(at, _)| at <= now)
    }

    /// Those whose budget is there again wait where it entitles them to (E to C, G to C); to be called before the queue is asked who is next. `note` is
    /// called with each and its rank. A bounded number in one go: if more are due, the horizon says so.
    #[cold]
    pub fn replenish(&mut self, now: Instant, mut note: impl FnMut(&Entity<P>, Rank)) {
        self.settle(now);
        for _ in 0..MOST_REPLENISHED {
            let due = self.waiting.first_replenished().filter(|(at, _)| *at <= now);
            let Some(mut entity) = due.and_then(|(_, rank)| self.waiting.remove(rank)) else {
                return;
            };
            let stood = entity.standing;
            let id = entity.id();
            if let Some(budget) = &mut entity.budget {
                entity.standing = budget.settle_down(now, id);
            }
            self.change_waiting(&mut entity, stood);
            // Its wait for budget is over, and its wait for the CPU begins.
            entity.account.waiting += now.since(entity.ready_since);
            entity.ready_since = now;
            note(&entity, entity.rank());
            let _ = self.waiting.insert(entity);
        }
    }

    /// A thread that waits here is entitled to something else from now on; it is in no queue at the moment.
    pub(super) fn change_waiting(&mut self, entity: &mut Entity<P>, stood: Standing) {
        match (stood.is_by_weight(), entity.standing.is_by_weight()) {
            (true, false) => {
                self.leaves(&entity.share);
                entity.discount();
            }
            (false, true) => {
                self.count_arrival(entity);
                self.arrive(entity, EnqueueReason::Wake);
            }
            _ => {}
        }
        entity.home = Some(self.home());
    }

    /// When this CPU has to look again, and why, everything being charged up to `now`: what ends the turn, the budget, or the
    /// wait of somebody for budget.
    #[must_use]
    #[inline]
    pub fn horizon(&self, now: Instant) -> Option<Horizon> {
        self.earliest(self.running().and_then(Running::horizon), now)
    }

    /// The same, where it may be known that weights alone decide: with a turn that ends as given.
    #[inline(always)]
    pub(super) fn earliest_as<const PLAIN: bool>(
        &self,
        turn: Option<Horizon>,
        now: Instant,
    ) -> Option<Horizon> {
        if PLAIN { turn } else { self.earliest(turn, now) }
    }

    /// The same with a turn that ends as given.
    #[inline(always)]
    pub(super) fn earliest(&self, turn: Option<Horizon>, now: Instant) -> Option<Horizon> {
        if self.budget.is_none() & self.waiting.none_wants_budget() {
            return turn;
        }
        self.earliest_of_all(turn, now)
    }

    #[cold]
    fn earliest_of_all(&self, turn: Option<Horizon>, now: Instant) -> Option<Horizon> {
        let mut earliest = turn;
        let mut ends = |at: Instant, why| {
            let horizon = Horizon {
                at: at.max(now + SHORTEST_TURN),
                why,
            };
            if at != Instant::NEVER && earliest.is_none_or(|before| horizon.at < before.at) {
                earliest = Some(horizon);
            }
        };
        if let (Some(budget), Some(running)) = (&self.budget, self.running()) {
            match running.standing {
                Standing::Demoted(until) => ends(until, HorizonReason::Replenishment),
                _ => ends(budget.lasts_until(now), HorizonReason::BudgetEnd),
            }
        }
        if let Some((at, _)) = self.waiting.first_replenished() {
            ends(at, HorizonReason::Replenishment);
        }
        earliest
    }
}
