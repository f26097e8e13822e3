//! Changing the time that a thread may use while it waits or runs: bound, unbound, lent, given back, revoked, carved out of,
//! looked at (docs/rules/contexts.md). Rules E1, E4, E6, E7 and E10.
//!
//! All of these are one thing: everything up to now is charged to the box that is there; then the caller does with it what
//! it likes, which may be to take it, to leave another in its place, or to change what is in it; and then the thread is put
//! where it belongs with what it has. Whoever wants only a certain box to go looks at it first, in the same breath.

use alloc::boxed::Box;

use super::arrive::{Effect, Enqueued};
use super::dispatch::Verdict;
use super::{Cpu, State};
use crate::context::{Budget, ContextId};
use crate::entity::Entity;
use crate::outline::Outline;
use crate::rank::{Rank, Standing};
use crate::time::Instant;

/// What became of a waiting thread whose budget was changed.
#[must_use = "the effect still has to be acted on, and a thread may be in here"]
#[derive(Debug)]
pub enum Exchanged<P> {
    /// It waits here still.
    Stays(Enqueued),
    /// It may not wait here: it goes where it may, as [`super::EnqueueReason::Migrated`].
    Leaves(Box<Entity<P>>),
}

/// Changes what is there. Whether it is of another context now, or there is none any more, or the first.
pub(crate) fn change_of_context(
    budget: &mut Option<Box<Budget>>,
    change: impl FnOnce(&mut Option<Box<Budget>>),
) -> bool {
    let of = |budget: &Option<Box<Budget>>| -> Option<ContextId> { Some(budget.as_ref()?.context()) };
    let before = of(budget);
    change(budget);
    before != of(budget)
}

impl<P> Cpu<P> {
    /// Changes the budget of the running thread, if there is one.
    pub fn change_running_budget(
        &mut self,
        now: Instant,
        change: impl FnOnce(&mut Option<Box<Budget>>),
    ) -> Verdict {
        self.settle(now);
        let Some(running) = self.running() else {
            return self.reconsider(now);
        };
        let stood = running.standing;
        let was_confined = is_confined(&self.budget);
        if change_of_context(&mut self.budget, change) {
            self.budget_is_other = true;
            self.was_confined |= was_confined;
            if let State::Busy(running) = &mut self.state {
                running.outline = match &self.budget {
                    Some(budget) if budget.cpus().is_some() => budget.outline(),
                    // Where it may run by itself, its entity knows, which is asked when it makes way.
                    _ if self.was_confined => Outline::EVERYWHERE,
                    _ => running.outline,
                };
            }
            match &mut self.budget {
                // It wants to run since now, as far as this budget is concerned.
                Some(budget) => budget.release(now),
                None => self.change_running(stood, Standing::Fair, now),
            }
        }
        self.reconsider(now)
    }

    /// Changes the budget of a waiting thread. `None`: no such thread waits here.
    pub fn change_queued_budget(
        &mut self,
        rank: Rank,
        now: Instant,
        change: impl FnOnce(&mut Option<Box<Budget>>),
    ) -> Option<Exchanged<P>> {
        self.settle(now);
        let mut entity = self.waiting.remove(rank)?;
        let stood = entity.standing;
        let is_other = entity.change_budget(change);
        entity.standing = match &mut entity.budget {
            None => Standing::Fair,
            Some(budget) => {
                if is_other {
                    budget.release(now);
                }
                budget.catch_up(stood, now);
                budget.standing(now)
            }
        };
        if !entity.affinity().allows(self.id()) {
            self.count_waiting(&mut entity, now);
            if stood.is_by_weight() {
                self.leaves(&entity.share);
            }
            if !entity.standing.is_by_weight() {
                entity.discount();
            }
            return Some(Exchanged::Leaves(entity));
        }
        self.change_waiting(&mut entity, stood);
        let is_woken = matches!(stood, Standing::Spent(_));
        let rank = self.waiting.insert(entity);
        let effect = match self.effect_of(rank, now) {
            // It was waiting before, so an idle CPU has been woken already, unless it had no reason to be.
            Effect::WakeIdle if !is_woken => Effect::Nothing,
            effect => effect,
        };
        Some(Exchanged::Stays(Enqueued { rank, effect }))
    }
}

fn is_confined(budget: &Option<Box<Budget>>) -> bool {
    budget.as_ref().is_some_and(|budget| budget.cpus().is_some())
}
