//! Making way and beginning the next turn in one step: what happens at the end of every turn and at every yield.

use alloc::boxed::Box;

use super::Cpu;
use super::arrive::EnqueueReason;
use super::dispatch::{EndReason, may_be_served};
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
        mut entity: Box<Entity<P>>,
        now: Instant,
        why: EndReason,
        left: impl FnOnce(&mut Entity<P>, Charge, Rank),
    ) -> Rotated<P> {
        let charge = self.end(&mut entity, now, why);
        self.count_arrival(&mut entity);
        let reason = if why == EndReason::Yielded {
            EnqueueReason::Yielded
        } else {
            EnqueueReason::Preempted
        };
        self.arrive(&mut entity, reason);
        entity.ready_since = now;
        self.counters.enqueues += 1;
        let rank = entity.rank();
        left(&mut entity, charge, rank);
        let mut next = match self.next_beside(&entity, rank) {
            Next::Same => entity,
            Next::Queued(head) => match self.take_next(head, now) {
                Some(next) => {
                    let _ = self.waiting.insert(entity);
                    next
                }
                None => entity,
            },
        };
        let horizon = self.begin(&mut next, now);
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
    fn next_beside(&mut self, own: &Entity<P>, rank: Rank) -> Next {
        if own.standing.is_by_weight() {
            let mut slowest = own.share.vruntime();
            if let Some(waiting) = self.queue().slowest() {
                slowest = slowest.min(waiting);
            }
            self.clock.catch_up(slowest);
        }
        let Some(head) = self.head() else {
            // With EEVDF: none of those that wait is eligible.
            return Next::Same;
        };
        let head = head.rank();
        if rank.precedes(head) && may_be_served(self.policy, rank, &own.share, self.clock.now()) {
            Next::Same
        } else {
            Next::Queued(head)
        }
    }
}
