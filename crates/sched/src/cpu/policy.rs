//! Changing the weight or class of a thread while it waits or runs; both take effect at once. Rule D3.

use super::arrive::{Effect, Enqueued};
use super::dispatch::Verdict;
use super::{Cpu, State};
use crate::entity::effective;
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
        if let Some(next) = &mut self.handoff
            && next.id() == rank.id()
        {
            let effective = effective(next.membership.as_mut(), weight);
            next.share.reweigh_as(weight, class, effective, clock);
            return Some(Enqueued {
                rank: next.rank(),
                effect: Effect::Nothing,
            });
        }
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
}
