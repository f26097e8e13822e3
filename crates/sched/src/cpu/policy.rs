//! Changing the weight or class of a thread while it waits or runs, or where it may run; all take effect at once. Rules B5 and D3.

use alloc::boxed::Box;
use core::mem::swap;

use super::arrive::{Effect, Enqueued};
use super::dispatch::{EndReason, Verdict};
use super::{Cpu, State};
use crate::accounting::Charge;
use crate::entity::{Affinity, Entity, effective};
use crate::outline::Outline;
use crate::rank::Rank;
use crate::time::Instant;
use crate::weight::{LatencyClass, Weight};

impl<P> Cpu<P> {
    /// Changes a waiting thread and moves it to its new place in the queue. `None`: no such thread waits here.
    pub fn reweigh_queued(
        &mut self,
        rank: Rank,
        weight: Weight,
        class: LatencyClass,
        now: Instant,
    ) -> Option<Enqueued> {
        self.settle(now);
        let clock = self.clock.now();
        let mut entity = self.waiting.remove(rank)?;
        let effective = effective(entity.membership.as_mut(), weight);
        entity.share.reweigh_as(weight, class, effective, clock);
        let rank = self.waiting.insert(entity);
        let effect = match self.effect_of(rank, now) {
            // It was waiting before, so an idle CPU has been woken already.
            Effect::WakeIdle => Effect::Nothing,
            effect => effect,
        };
        Some(Enqueued { rank, effect })
    }

    /// Changes the running thread: what it used so far was used at the old weight. A new turn begins, but only if it
    /// still finishes before those of the threads that wait, so changing the weight again and again buys no time.
    pub fn reweigh_running(&mut self, weight: Weight, class: LatencyClass, now: Instant) -> Verdict {
        self.settle(now);
        let clock = self.clock.now();
        if let State::Busy(running) = &mut self.state {
            let effective = effective(self.membership.as_mut(), weight);
            running.share.reweigh_as(weight, class, effective, clock);
            running.turn_ends = now + running.share.slice();
        }
        self.reconsider(now)
    }

    /// Changes where a waiting thread may run. `None`: no such thread waits here. `affinity` is then the one that it had.
    pub fn restrict_queued(
        &mut self,
        rank: Rank,
        affinity: &mut Affinity,
        now: Instant,
    ) -> Option<Restricted<P>> {
        let mut entity = self.take(rank, now)?;
        entity.swap_affinity(affinity);
        if entity.affinity().allows(self.id) {
            let _ = self.waiting.insert(entity);
            return Some(Restricted::Stays);
        }
        if entity.standing.is_by_weight() {
            self.leaves(&entity.share);
        }
        Some(Restricted::Leaves(entity))
    }

    /// Changes where the running thread may run, from its end on; what its entity had before is given up later. The verdict is
    /// to switch if it may not stay: then it leaves by [`Cpu::move_out`].
    pub fn restrict_running(&mut self, affinity: &mut Affinity, now: Instant) -> Verdict {
        swap(&mut self.affinity, affinity);
        self.affinity_is_new = true;
        let confined = self.budget.as_ref().is_some_and(|budget| budget.cpus().is_some());
        if let State::Busy(running) = &mut self.state
            && !confined
        {
            running.outline = Outline::of(&self.affinity);
            running.sent = None;
        }
        if self.running_may_have_to_leave() {
            self.settle(now);
            return Verdict::Switch;
        }
        self.reconsider(now)
    }

    /// Whether the running thread may not stay here or has been sent elsewhere, and has to leave by [`Cpu::move_out`] or
    /// [`Cpu::move_to`] when it makes way.
    #[must_use]
    #[inline]
    pub fn running_must_leave(&self, entity: &Entity<P>) -> bool {
        if self.sent_to().is_some() {
            return true;
        }
        if !(self.affinity_is_new | self.budget_is_other) {
            return false;
        }
        let own = if self.affinity_is_new {
            &self.affinity
        } else {
            entity.own_affinity()
        };
        let cpus = self.budget.as_ref().and_then(|budget| budget.cpus());
        !cpus.unwrap_or(own).allows(self.id)
    }

    /// The same, as far as it can be told without its entity: then that has to be asked.
    #[inline]
    pub(super) fn running_may_have_to_leave(&self) -> bool {
        if self.sent_to().is_some() {
            return true;
        }
        if !(self.affinity_is_new | self.budget_is_other) {
            return false;
        }
        match self.budget.as_ref().and_then(|budget| budget.cpus()) {
            Some(cpus) => !cpus.allows(self.id),
            None if self.affinity_is_new => !self.affinity.allows(self.id),
            None => self.was_confined,
        }
    }

    /// The running thread, which may not stay, makes way and stays runnable. It arrives elsewhere as
    /// [`super::EnqueueReason::Migrated`].
    pub fn move_out(&mut self, entity: &mut Entity<P>, now: Instant) -> Charge {
        let charge = self.end(entity, now, EndReason::Preempted);
        if entity.standing.is_by_weight() {
            self.leaves(&entity.share);
        }
        charge
    }
}

/// What became of a waiting thread that may run elsewhere than before.
#[must_use = "a thread may be in here"]
#[derive(Debug)]
pub enum Restricted<P> {
    /// It stays, at the same rank.
    Stays,
    /// It may not wait here: it goes where it may, as [`super::EnqueueReason::Migrated`].
    Leaves(Box<Entity<P>>),
}
