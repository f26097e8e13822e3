//! Threads leaving for elsewhere: killed, taken away to be changed, stolen by an idle CPU, or given to one that is ahead. Rules
//! B1, B2 and D3.

use alloc::boxed::Box;

use super::dispatch::EndReason;
use super::{Cpu, Running, State};
use crate::accounting::Charge;
use crate::entity::Entity;
use crate::ids::CpuId;
use crate::rank::Rank;
use crate::time::{Instant, VirtualTime};

impl<P> Cpu<P> {
    /// Takes a waiting thread out; it is not runnable until it is queued again. `None`: no such thread waits here.
    pub fn remove(&mut self, rank: Rank, now: Instant) -> Option<Box<Entity<P>>> {
        let mut entity = self.take(rank, now)?;
        if entity.standing.is_by_weight() {
            self.leaves(&entity.share);
        }
        entity.discount();
        Some(entity)
    }

    /// Takes a waiting thread out that another CPU will queue.
    pub(super) fn take(&mut self, rank: Rank, now: Instant) -> Option<Box<Entity<P>>> {
        self.settle(now);
        let mut entity = self.waiting.remove(rank)?;
        self.count_waiting(&mut entity, now);
        Some(entity)
    }

    /// A thread that has waited here is about to be elsewhere.
    pub(super) fn count_waiting(&self, entity: &mut Entity<P>, now: Instant) {
        entity.account.waiting += now.since(entity.ready_since);
        entity.ready_since = now;
        // The lag it leaves with is what it takes to its next queue.
        entity.home = Some(self.home());
    }

    /// Gives the most overdue waiting thread that may run on `thief` away; it arrives there as
    /// [`super::EnqueueReason::Migrated`].
    ///
    /// A CPU that has been woken for its only thread keeps it: taking that would turn one wake-up into two.
    pub fn steal_for(&mut self, thief: CpuId, now: Instant) -> Option<Box<Entity<P>>> {
        if self.running().is_none() && self.waiting.ready() <= 1 {
            return None;
        }
        let victim = self.queued_for(thief).next()?.rank();
        let entity = self.take(victim, now)?;
        self.leaves(&entity.share);
        self.counters.stolen_from += 1;
        Some(entity)
    }

    /// Gives a waiting thread to a CPU that is `lead` ahead of this one ([`crate::balance`]); it arrives there as
    /// [`super::EnqueueReason::Balanced`], as far behind as it really is. The running thread is charged up to `now`.
    pub(crate) fn give(&mut self, rank: Rank, lead: i64, now: Instant) -> Option<Box<Entity<P>>> {
        let level = self.level();
        let mut entity = self.take(rank, now)?;
        self.given(&mut entity, level.moved(lead));
        Some(entity)
    }

    /// Where the running thread has been sent.
    #[must_use]
    pub fn sent_to(&self) -> Option<CpuId> {
        match self.running() {
            Some(running) if self.budget.is_none() => running.sent,
            _ => None,
        }
    }

    /// The running thread, if it may be sent to another CPU: it is served by weight and has no budget, whose CPUs might be
    /// others, and where it may run has not just changed.
    pub(crate) fn sendable(&self) -> Option<&Running> {
        let plain = self.budget.is_none() && !self.affinity_is_new;
        self.running().filter(|running| plain && running.is_by_weight())
    }

    /// Sends the running thread, which is [`Cpu::sendable`], to another CPU: it leaves by [`Cpu::move_to`] when its CPU looks
    /// at it next.
    pub(crate) const fn send_running(&mut self, to: CpuId) {
        if let State::Busy(running) = &mut self.state {
            running.sent = Some(to);
        }
    }

    /// The running thread, which was sent to a CPU that is `lead` ahead of this one, makes way and stays runnable. It arrives
    /// there as [`super::EnqueueReason::Balanced`].
    pub fn move_to(&mut self, entity: &mut Entity<P>, lead: i64, now: Instant) -> Charge {
        self.settle(now);
        let level = self.level();
        let charge = self.end(entity, now, EndReason::Preempted);
        self.given(entity, level.moved(lead));
        charge
    }

    /// A thread goes to a CPU whose level is this one on the clock here.
    fn given(&mut self, entity: &mut Entity<P>, level: VirtualTime) {
        if entity.standing.is_by_weight() {
            let ahead = entity.share.vruntime().offset_from(self.clock.now());
            self.clock.wait_for(entity.share.effective(), ahead);
        }
        if let Some(home) = &mut entity.home {
            home.clock = level;
        }
        self.counters.given_away += 1;
    }
}
