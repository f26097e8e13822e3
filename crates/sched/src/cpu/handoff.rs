//! Passing the CPU directly to another thread, as a call to a server and its answer do. Rule B6.
//!
//! A handoff is a preference: it saves the queue, not the rules. It stays inside the caller's turn (two threads that
//! hand the CPU to each other do not get more of it than one), and a thread that is more than a slice ahead of the
//! clock waits in the queue while others are due. What is refused comes back to the caller, who enqueues it.

use alloc::boxed::Box;
use core::fmt;

use super::arrive::EnqueueReason;
use super::dispatch::EndReason;
use super::{Cpu, MIXED, PLAIN, Running, State};
use crate::accounting::Charge;
use crate::entity::Entity;
use crate::fair::Share;
use crate::horizon::Horizon;
use crate::rank::Standing;
use crate::time::Instant;

/// Why a thread cannot be handed the CPU. In each case the queue is the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandoffRefusal {
    /// The thread may not run on this CPU.
    NotAllowedHere,
    /// The thread has used its budget.
    OutOfBudget,
    /// Another one waits here whose service is due before.
    DeadlineWaits,
    /// The caller's turn is used up and others wait.
    TurnOver,
    /// The thread has had more than its share and others wait.
    TooFarAhead,
}

/// A refused handoff: the entity is given back unchanged.
pub struct HandoffRefused<P> {
    /// The thread that was offered.
    pub entity: Box<Entity<P>>,
    /// Why it was refused.
    pub reason: HandoffRefusal,
}

impl<P> fmt::Debug for HandoffRefused<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "handoff of {} refused: {:?}", self.entity.id(), self.reason)
    }
}

/// What a completed handoff leaves in the caller's hands.
#[must_use = "the thread that was handed the CPU runs now"]
#[derive(Debug)]
pub struct HandedOver<P> {
    /// The thread that runs now.
    pub entity: Box<Entity<P>>,
    /// Its horizon, which the timer may be armed for already, since the turn goes on; `None` when nobody waits.
    pub horizon: Option<Horizon>,
    /// What the thread that ran before is charged.
    pub charge: Charge,
}

impl<P> Cpu<P> {
    /// Ends the running thread `from`, which now waits for something, and runs the woken thread `to` in its place, in one
    /// step: `to` goes on with the turn that `from` had begun.
    ///
    /// # Errors
    /// Gives `to` back when a rule forbids the handoff; then `from` still runs.
    pub fn hand_over(
        &mut self,
        from: &mut Entity<P>,
        to: Box<Entity<P>>,
        now: Instant,
    ) -> Result<HandedOver<P>, HandoffRefused<P>> {
        if self.is_plain() && to.is_plain() {
            self.hand_over_as::<PLAIN>(from, to, now)
        } else {
            self.hand_over_mixed(from, to, now)
        }
    }

    #[cold]
    #[inline(never)]
    fn hand_over_mixed(
        &mut self,
        from: &mut Entity<P>,
        to: Box<Entity<P>>,
        now: Instant,
    ) -> Result<HandedOver<P>, HandoffRefused<P>> {
        if self.budget.is_some() || to.budget.is_some() {
            self.settle(now);
            return self.hand_over_in_context(from, to, now);
        }
        self.hand_over_as::<MIXED>(from, to, now)
    }

    /// The same where neither of the two has a budget.
    #[inline(always)]
    fn hand_over_as<const PLAIN: bool>(
        &mut self,
        from: &mut Entity<P>,
        mut to: Box<Entity<P>>,
        now: Instant,
    ) -> Result<HandedOver<P>, HandoffRefused<P>> {
        self.settle_as::<PLAIN>(now);
        if !PLAIN {
            self.count_arrival(&mut to);
        }
        let mut share = to.share;
        self.adapt(&mut share, to.home, EnqueueReason::Wake);
        if let Some(reason) = self.handoff_refusal::<PLAIN>(&to, &share, now) {
            to.discount();
            self.counters.handoff_fallbacks += 1;
            return Err(HandoffRefused { entity: to, reason });
        }
        let charge = self.collect(from);
        self.leaves(&from.share);
        self.count_block(from);
        from.home = Some(self.home());
        to.share = share;
        to.home = Some(self.home());
        self.count_begin(&mut to);
        self.counters.handoffs += 1;
        let is_bounded = self.somebody_waits();
        let State::Busy(running) = &mut self.state else {
            // Nothing ran, so there is no turn to continue.
            let horizon = self.start_as::<PLAIN>(&mut to, now + share.slice(), now);
            return Ok(HandedOver {
                entity: to,
                horizon,
                charge,
            });
        };
        // The turn goes on and is charged up to now: only who runs changes.
        running.id = to.id();
        running.share = share;
        running.outline = to.outline();
        running.sent = None;
        running.standing = to.standing_as::<PLAIN>();
        running.is_bounded = is_bounded;
        let turn_ends = running.turn_ends;
        if !PLAIN {
            self.return_membership(from, false);
            self.lend_membership(&mut to);
        }
        let horizon = self.counted_horizon::<PLAIN>(is_bounded, turn_ends, now);
        Ok(HandedOver {
            entity: to,
            horizon,
            charge,
        })
    }

    /// The same where one of the two has a budget: each keeps its own, and the turn goes on only from one that is served by
    /// weight to another.
    fn hand_over_in_context(
        &mut self,
        from: &mut Entity<P>,
        mut to: Box<Entity<P>>,
        now: Instant,
    ) -> Result<HandedOver<P>, HandoffRefused<P>> {
        let _ = Self::stand(&mut to, EnqueueReason::Wake, now);
        let mut share = to.share;
        self.adapt(&mut share, to.home, EnqueueReason::Wake);
        if let Some(reason) = self.handoff_refusal::<MIXED>(&to, &share, now) {
            self.counters.handoff_fallbacks += 1;
            return Err(HandoffRefused { entity: to, reason });
        }
        let goes_on = self
            .running()
            .filter(|running| running.standing.is_by_weight() && to.standing.is_by_weight())
            .map(Running::turn_ends);
        let charge = self.end(from, now, EndReason::Blocked);
        to.share = share;
        to.home = Some(self.home());
        self.count_arrival(&mut to);
        self.count_begin(&mut to);
        self.counters.handoffs += 1;
        let turn_ends = goes_on.unwrap_or_else(|| now + to.share.slice());
        let horizon = self.start_as::<MIXED>(&mut to, turn_ends, now);
        Ok(HandedOver {
            entity: to,
            horizon,
            charge,
        })
    }

    /// The rule that forbids a handoff to this entity with this share, if one does.
    #[inline(always)]
    fn handoff_refusal<const PLAIN: bool>(
        &self,
        entity: &Entity<P>,
        share: &Share,
        now: Instant,
    ) -> Option<HandoffRefusal> {
        if !entity.affinity().allows(self.id) {
            return Some(HandoffRefusal::NotAllowedHere);
        }
        let standing = entity.standing_as::<PLAIN>();
        if matches!(standing, Standing::Spent(_)) {
            return Some(HandoffRefusal::OutOfBudget);
        }
        if self.waiting.none_is_ready() {
            return None;
        }
        if !PLAIN && self.waiting.has_deadlines() || !standing.is_by_weight() {
            let rank = standing.rank(share.vfinish(), entity.id());
            let is_first = self.head().is_none_or(|head| rank.precedes(head.rank()));
            return (!is_first).then_some(HandoffRefusal::DeadlineWaits);
        }
        if self.running().is_some_and(|running| now >= running.turn_ends) {
            return Some(HandoffRefusal::TurnOver);
        }
        let too_far = self.clock.now().after(share.virtual_slice());
        (share.vruntime() > too_far).then_some(HandoffRefusal::TooFarAhead)
    }
}
