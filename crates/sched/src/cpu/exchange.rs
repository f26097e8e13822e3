//! Giving a thread a budget and taking it away, while it waits or runs: bound, unbound, lent, given back, revoked (docs/rules/contexts.md). Rules
//! E1, E4 and E6.
//!
//! All of these are one thing: the box that the thread has and the one in the caller's hand change places, after everything up
//! to now was charged to the former. Whoever wants only a certain box to go asks [`Cpu::running_in`] or the entity
//! first, under the same lock.

use alloc::boxed::Box;
use core::mem::swap;

use super::Cpu;
use super::arrive::{Effect, Enqueued};
use super::dispatch::Verdict;
use crate::context::Budget;
use crate::rank::{Rank, Standing};
use crate::time::Instant;

impl<P> Cpu<P> {
    /// Exchanges the budget of the running thread.
    pub fn exchange_running(&mut self, budget: &mut Option<Box<Budget>>, now: Instant) -> Verdict {
        self.settle(now);
        let Some(running) = self.running() else {
            return self.reconsider(now);
        };
        let stood = running.standing;
        swap(&mut self.budget, budget);
        self.budget_is_gone = self.budget.is_none();
        if self.budget.is_none() {
            self.change_running(stood, Standing::Fair, now);
        } else if let Some(budget) = &mut self.budget {
            // It wants to run since now, as far as this budget is concerned.
            budget.release(now);
        }
        self.reconsider(now)
    }

    /// Exchanges the budget of a waiting thread. `None`: no such thread waits here.
    pub fn exchange_queued(
        &mut self,
        rank: Rank,
        budget: &mut Option<Box<Budget>>,
        now: Instant,
    ) -> Option<Enqueued> {
        self.settle(now);
        let mut entity = self.waiting.remove(rank)?;
        let stood = entity.standing;
        swap(&mut entity.budget, budget);
        entity.standing = Standing::Fair;
        if let Some(budget) = &mut entity.budget {
            budget.release(now);
            entity.standing = budget.standing(now);
        }
        self.change_waiting(&mut entity, stood);
        let is_woken = matches!(stood, Standing::Spent(_));
        let rank = self.waiting.insert(entity);
        let effect = match self.effect_of(rank, now) {
            // It was waiting before, so an idle CPU has been woken already, unless it had no reason to be.
            Effect::WakeIdle if !is_woken => Effect::Nothing,
            effect => effect,
        };
        Some(Enqueued { rank, effect })
    }
}
