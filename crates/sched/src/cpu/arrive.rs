//! Threads arriving in the queue: new, woken, moved here, or put back. Rules B4, D3, D4 and X1.

use alloc::boxed::Box;

use super::{Cpu, SHORTEST_TURN, State};
use crate::balance::{MOST_CREDIT, MOST_CREDIT_THERE, virtual_slice};
use crate::entity::{Entity, Home};
use crate::fair::{Policy, Share};
use crate::horizon::Horizon;
use crate::rank::Rank;
use crate::time::Instant;

/// Why a thread is put into a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EnqueueReason {
    /// It has just been created.
    New,
    /// What it waited for has happened.
    Wake,
    /// It was interrupted and wants to go on. The caller is about to `pick`.
    Preempted,
    /// It gave way of its own accord. The caller is about to `pick`.
    Yielded,
    /// It was taken out of another CPU's queue by one that was idle.
    Migrated,
    /// Another CPU, which lags behind this one, gave it away ([`crate::balance`]).
    Balanced,
}

/// What the caller has to do after an arrival.
#[must_use = "the caller still has to act on this"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: the thread's time will come.
    Nothing,
    /// The running thread has to make way: reschedule this CPU.
    Preempt,
    /// The running thread was alone and had no horizon; this CPU has to arm its timer for this one.
    Arm(Horizon),
    /// The CPU runs nothing: wake it.
    WakeIdle,
}

/// The outcome of an arrival.
#[must_use = "the effect still has to be acted on"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// Where the thread waits now.
    pub rank: Rank,
    /// What the caller has to do.
    pub effect: Effect,
}

impl<P> Cpu<P> {
    /// Puts a runnable thread into this CPU's queue.
    #[inline]
    pub fn enqueue(&mut self, entity: Box<Entity<P>>, why: EnqueueReason, now: Instant) -> Enqueued {
        self.enqueue_noted(entity, why, now, |_, _| {})
    }

    /// The same; `note` is called with the rank at which the thread will wait, before it goes out of reach.
    pub fn enqueue_noted(
        &mut self,
        mut entity: Box<Entity<P>>,
        why: EnqueueReason,
        now: Instant,
        note: impl FnOnce(&Entity<P>, Rank),
    ) -> Enqueued {
        self.settle(now);
        let joins = entity.budget.is_some() && Self::stand(&mut entity, why, now);
        self.count_arrival(&mut entity);
        if why == EnqueueReason::Balanced {
            self.take_over(&mut entity);
        }
        self.arrive(&mut entity, if joins { EnqueueReason::Wake } else { why });
        self.counters.enqueues += 1;
        self.counters.wakes += u64::from(why == EnqueueReason::Wake);
        note(&entity, entity.rank());
        let rank = self.insert(entity, now);
        let effect = match why {
            EnqueueReason::Preempted | EnqueueReason::Yielded => Effect::Nothing,
            EnqueueReason::Balanced | EnqueueReason::New | EnqueueReason::Wake | EnqueueReason::Migrated => {
                self.effect_of(rank, now)
            }
        };
        Enqueued { rank, effect }
    }

    /// A thread that belongs to somebody competes by weight from now on, if it does and did not already.
    #[inline]
    pub(super) fn count_arrival(&self, entity: &mut Entity<P>) {
        if entity.membership.is_some() && entity.standing.is_by_weight() {
            entity.count(self.id, self.clock.now());
        }
    }

    /// Gives a thread the share that it has once it is here: measured on this CPU's clock, with its turn decided.
    #[inline]
    pub(super) fn arrive(&self, entity: &mut Entity<P>, why: EnqueueReason) {
        let home = entity.home;
        self.adapt(&mut entity.share, home, why);
    }

    /// The share of a thread with this `home`, as it is once the thread is here.
    #[inline]
    pub(super) fn adapt(&self, share: &mut Share, home: Option<Home>, why: EnqueueReason) {
        let clock = self.clock.now();
        match home {
            None => share.start_at(clock),
            Some(home) if home.cpu != self.id => share.rebase(home.clock, clock),
            Some(_) => {}
        }
        match why {
            EnqueueReason::New | EnqueueReason::Wake => {
                share.limit_credit(clock);
                share.renew();
            }
            EnqueueReason::Preempted | EnqueueReason::Migrated | EnqueueReason::Balanced => {
                if self.policy == Policy::WeightedFair || !share.turn_is_open(SHORTEST_TURN) {
                    share.renew();
                }
            }
            EnqueueReason::Yielded => {
                // Whoever gives way again and again must not save up what it does not take (D4).
                share.limit_credit(clock);
                share.renew();
                if let Some(head) = self.queue().first() {
                    share.finish_after(head.share.vfinish());
                }
            }
        }
    }

    /// Measures a thread that another CPU gave away by how far the threads here have come, and lets the clock wait for it.
    #[cold]
    fn take_over(&mut self, entity: &mut Entity<P>) {
        let level = self.level();
        let left = entity.home.map_or(level, |home| home.clock);
        entity.share.rebase(left, level);
        let there = MOST_CREDIT_THERE * virtual_slice(self.total_weight());
        let most = there.max(MOST_CREDIT * entity.share.virtual_slice());
        entity.share.limit_credit_to(most, level);
        entity.home = Some(self.home());
        let behind = self.clock.now().offset_from(entity.share.vruntime());
        self.clock.wait_for(entity.share.effective(), behind);
    }

    /// Queues an entity whose share is already right for this CPU.
    pub(super) fn insert(&mut self, mut entity: Box<Entity<P>>, now: Instant) -> Rank {
        entity.home = Some(self.home());
        entity.ready_since = now;
        self.waiting.insert(entity)
    }

    /// What the presence of the thread that is queued at `rank` means for the thread that runs.
    pub(super) fn effect_of(&mut self, rank: Rank, now: Instant) -> Effect {
        let effect = self.effect_on_running(rank, now);
        if self.waiting.none_wants_budget() || effect == Effect::Preempt || effect == Effect::WakeIdle {
            return effect;
        }
        self.with_replenishment(rank, effect, now)
    }

    /// The same where somebody waits for budget: if it is the arrival, and is the first, the timer is set for that.
    #[cold]
    fn with_replenishment(&self, rank: Rank, effect: Effect, now: Instant) -> Effect {
        let is_first = self
            .waiting
            .first_replenished()
            .is_some_and(|(_, first)| first == rank);
        match self.horizon(now) {
            Some(horizon) if is_first || effect != Effect::Nothing => Effect::Arm(horizon),
            _ => effect,
        }
    }

    /// What it means for the thread that runs, budgets that come back aside.
    fn effect_on_running(&mut self, rank: Rank, now: Instant) -> Effect {
        if let Rank::Throttled(..) = rank {
            return Effect::Nothing;
        }
        let State::Busy(running) = &mut self.state else {
            self.counters.wakes_of_idle += 1;
            return Effect::WakeIdle;
        };
        let clock = self.clock.now();
        let eligible = match (rank, self.policy) {
            (Rank::Deadline(..) | Rank::Throttled(..), _) | (Rank::Fair(..), Policy::WeightedFair) => true,
            // It need not be the first itself: whoever is before it has an earlier deadline still, and an arrival that
            // comes before the running thread must not wait for the end of that one's turn behind somebody with a
            // moment left to run.
            (Rank::Fair(finish, id), Policy::Eevdf) => self
                .waiting
                .fair()
                .get((finish, id))
                .is_some_and(|arrived| arrived.share.is_eligible(clock)),
        };
        let by_weight = running.standing.is_by_weight();
        if !running.is_bounded && now >= running.turn_ends {
            // It ran alone past the end of its turn, which nobody wanted: it is in a fresh one.
            running.share.renew();
            running.turn_ends = now + running.share.slice();
        }
        if eligible && rank.interrupts(running.rank()) {
            self.counters.wakes_that_preempt += 1;
            return Effect::Preempt;
        }
        if running.is_bounded || !by_weight {
            return Effect::Nothing;
        }
        running.is_bounded = true;
        self.counters.slices_begun_by_arrival += 1;
        self.counters.slices_armed += 1;
        let turn = Horizon::turn_end(running.turn_ends);
        Effect::Arm(self.earliest(Some(turn), now).unwrap_or(turn))
    }
}
