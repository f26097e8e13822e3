//! Making way and beginning the next turn in one step: what happens at the end of every turn and at every yield.

use alloc::boxed::Box;

use super::arrive::EnqueueReason;
use super::dispatch::{EndReason, may_be_served};
use super::{Cpu, MIXED, PLAIN};
use crate::accounting::Charge;
use crate::entity::Entity;
use crate::horizon::Horizon;
use crate::rank::Rank;
use crate::time::Instant;

/// What a rotation leaves in the caller's hands.
#[must_use = "the chosen thread runs now"]
#[derive(Debug)]
pub struct Rotated<P> {
    /// The thread that runs now, which may be the one that made way.
    pub entity: Box<Entity<P>>,
    /// Its horizon; `None` when nobody waits.
    pub horizon: Option<Horizon>,
}

/// Which thread comes next.
enum Next {
    /// The one that has just made way.
    Same,
    /// This one of the queue.
    Queued(Rank),
}

impl<P> Cpu<P> {
    /// The running thread `entity` makes way and stays runnable, and the next one begins: what `end`, `enqueue`, `pick` and
    /// `begin` do one after the other, without the tree being touched for a thread that goes on.
    ///
    /// `left` is called once the thread is charged, with that charge and the rank at which it waits, if it does. The thread has
    /// budget, if it needs any ([`Cpu::running_must_wait`]).
    pub fn rotate(
        &mut self,
        entity: Box<Entity<P>>,
        now: Instant,
        why: EndReason,
        left: impl FnOnce(&mut Entity<P>, Charge, Rank),
    ) -> Rotated<P> {
        if self.is_plain() && entity.is_plain() {
            self.rotate_as::<PLAIN>(entity, now, why, left)
        } else {
            self.rotate_mixed(entity, now, why, left)
        }
    }

    #[cold]
    #[inline(never)]
    fn rotate_mixed(
        &mut self,
        entity: Box<Entity<P>>,
        now: Instant,
        why: EndReason,
        left: impl FnOnce(&mut Entity<P>, Charge, Rank),
    ) -> Rotated<P> {
        self.rotate_as::<MIXED>(entity, now, why, left)
    }

    #[inline(always)]
    fn rotate_as<const PLAIN: bool>(
        &mut self,
        mut entity: Box<Entity<P>>,
        now: Instant,
        why: EndReason,
        left: impl FnOnce(&mut Entity<P>, Charge, Rank),
    ) -> Rotated<P> {
        let charge = self.end_as::<PLAIN>(&mut entity, now, why);
        if !PLAIN {
            self.count_arrival(&mut entity);
        }
        let reason = if why == EndReason::Yielded {
            EnqueueReason::Yielded
        } else {
            EnqueueReason::Preempted
        };
        self.arrive(&mut entity, reason);
        entity.ready_since = now;
        self.counters.enqueues += 1;
        let rank = entity.rank_as::<PLAIN>();
        left(&mut entity, charge, rank);
        let mut next = match self.next_beside::<PLAIN>(&entity, rank) {
            Next::Same => entity,
            Next::Queued(head) => match self.take_next(head, now) {
                Some(next) => {
                    let _ = self.waiting.insert_as::<PLAIN>(entity);
                    next
                }
                None => entity,
            },
        };
        // Who waited by weight may have a limit, or belong to somebody.
        let horizon = if PLAIN && next.is_plain() {
            self.begin_as::<PLAIN>(&mut next, now)
        } else {
            self.begin_mixed(&mut next, now)
        };
        Rotated {
            entity: next,
            horizon,
        }
    }

    /// Takes the thread that was found to be next out of the queue.
    #[inline]
    fn take_next(&mut self, rank: Rank, now: Instant) -> Option<Box<Entity<P>>> {
        let mut next = self.waiting.remove(rank)?;
        next.account.waiting += now.since(next.ready_since);
        Some(next)
    }

    /// Whose turn it is among the waiting threads and `own`, which is in no queue and would wait at `rank`.
    #[inline]
    fn next_beside<const PLAIN: bool>(&mut self, own: &Entity<P>, rank: Rank) -> Next {
        if own.standing_as::<PLAIN>().is_by_weight() {
            let mut slowest = own.share.vruntime();
            if let Some(waiting) = self.queue().slowest() {
                slowest = slowest.min(waiting);
            }
            self.clock.catch_up(slowest);
        }
        let head = self.waiting.first_as::<PLAIN>(self.policy, self.clock.now());
        let Some(head) = head else {
            // With EEVDF: none of those that wait is eligible.
            return Next::Same;
        };
        let head = head.rank_as::<PLAIN>();
        if rank.precedes(head) && may_be_served(self.policy, rank, &own.share, self.clock.now()) {
            Next::Same
        } else {
            Next::Queued(head)
        }
    }
}
