//! Passing the CPU directly to another thread, as a call to a server and its answer do. Rule B6.
//!
//! A handoff is a preference: it saves the queue, not the rules. It stays inside the caller's turn (two threads that
//! hand the CPU to each other do not get more of it than one), and a thread that is more than a slice ahead of the
//! clock waits in the queue while others are due. What is refused comes back to the caller, who enqueues it.

use alloc::boxed::Box;
use core::fmt;

use super::arrive::{EnqueueReason, Enqueued};
use super::{Cpu, Running};
use crate::entity::{Entity, Home};
use crate::time::Instant;

/// Why a thread cannot be handed the CPU. In each case the queue is the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandoffRefusal {
    /// Another thread is already next.
    SlotTaken,
    /// The thread may not run on this CPU.
    NotAllowedHere,
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

impl<P> Cpu<P> {
    /// Makes a woken thread the next one to run here, ahead of the queue. The running thread should end now, as
    /// [`super::EndReason::HandedOff`]; if it does not, call [`Cpu::demote_handoff`].
    ///
    /// # Errors
    /// Gives the entity back when a rule forbids the handoff; enqueue it instead.
    pub fn offer_handoff(
        &mut self,
        mut entity: Box<Entity<P>>,
        now: Instant,
    ) -> Result<(), HandoffRefused<P>> {
        self.settle(now);
        let share = self.share_on_arrival(&entity, EnqueueReason::Wake);
        let others_wait = !self.queue.is_empty();
        let turn_ends = self.running().map_or(Instant::NEVER, Running::turn_ends);
        let reason = if self.handoff.is_some() {
            HandoffRefusal::SlotTaken
        } else if !entity.affinity().allows(self.id) {
            HandoffRefusal::NotAllowedHere
        } else if others_wait && now >= turn_ends {
            HandoffRefusal::TurnOver
        } else if others_wait && share.vruntime() > self.clock.now().after(share.virtual_slice()) {
            HandoffRefusal::TooFarAhead
        } else {
            entity.share = share;
            entity.home = Some(Home {
                cpu: self.id,
                clock: self.clock.now(),
            });
            entity.ready_since = now;
            self.handoff = Some(entity);
            return Ok(());
        };
        self.counters.handoff_fallbacks += 1;
        Err(HandoffRefused { entity, reason })
    }

    /// Moves an unused handoff into the queue, for instance when the thread that offered it goes on running.
    pub fn demote_handoff(&mut self, now: Instant) -> Option<Enqueued> {
        self.settle(now);
        let entity = self.handoff.take()?;
        self.counters.handoff_fallbacks += 1;
        let waited_since = entity.ready_since;
        let mut entity = entity;
        entity.account.waiting += now.since(waited_since);
        let key = self.insert(entity, now);
        Some(Enqueued {
            key,
            effect: self.effect_of(key, now),
        })
    }
}
