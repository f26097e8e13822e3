//! The threads that wait on one CPU, in three bands: those with a deadline, those that are served by weight, and those
//! that may not run before an instant. Rules B1, B2, D1, D5, E3 and G2.
//!
//! A thread goes where its [`Rank`] says and is found there by the same value. All three bands wait under the CPU's lock,
//! so that whoever kills, changes or throttles a thread finds it in one way wherever it is.

use alloc::boxed::Box;

use crate::context::comeback::Comebacks;
use crate::entity::{ByInstant, Entity};
use crate::fair::Policy;
use crate::ids::ThreadId;
use crate::rank::{Rank, Standing};
use crate::run_tree::RunTree;
use crate::time::{Instant, VirtualTime};
use crate::treap::Treap;

/// A band beside the one of those that are served by weight.
type Apart<P> = Treap<Entity<P>, ByInstant>;

/// Who waits on a CPU.
#[derive(Debug)]
pub struct Waiting<P> {
    realtime: Apart<P>,
    fair: RunTree<P>,
    throttled: Apart<P>,
    /// When those that are demoted, and wait among the fair, have budget again.
    comebacks: Comebacks,
}

impl<P> Waiting<P> {
    /// Nobody.
    #[must_use]
    pub const fn new() -> Waiting<P> {
        Waiting {
            realtime: Treap::new(),
            fair: RunTree::new(),
            throttled: Treap::new(),
            comebacks: Comebacks::new(),
        }
    }

    /// Those that are served by weight.
    #[must_use]
    pub const fn fair(&self) -> &RunTree<P> {
        &self.fair
    }

    /// The same, to be damaged by the tests of the checks.
    #[cfg(test)]
    pub(crate) const fn fair_mut(&mut self) -> &mut RunTree<P> {
        &mut self.fair
    }

    /// Whether somebody waits for a deadline.
    #[must_use]
    #[inline]
    pub const fn has_deadlines(&self) -> bool {
        !self.realtime.is_empty()
    }

    /// Whether nobody waits for budget.
    #[must_use]
    #[inline]
    pub const fn none_wants_budget(&self) -> bool {
        self.throttled.is_empty() & self.comebacks.is_empty()
    }

    /// Whether all who wait, if anybody does, are served by weight and nothing else.
    #[must_use]
    #[inline(always)]
    pub(crate) const fn is_plain(&self) -> bool {
        self.realtime.is_empty() & self.throttled.is_empty() & self.comebacks.is_empty()
    }

    /// Who has budget again first, and when.
    #[must_use]
    pub fn first_replenished(&self) -> Option<(Instant, Rank)> {
        let throttled = self.throttled.first().map(Entity::rank);
        let throttled = throttled.and_then(|rank| match rank {
            Rank::Throttled(at, _) => Some((at, rank)),
            _ => None,
        });
        let demoted = self
            .comebacks
            .first()
            .map(|comeback| (comeback.at(), comeback.rank()));
        match (throttled, demoted) {
            (Some(first), Some(other)) if first.0 <= other.0 => Some(first),
            (first, None) => first,
            (_, other) => other,
        }
    }

    /// Whether nobody waits that could be served now.
    #[must_use]
    #[inline]
    pub const fn none_is_ready(&self) -> bool {
        self.fair.is_empty() && self.realtime.is_empty()
    }

    /// How many wait that could be served now.
    #[must_use]
    pub const fn ready(&self) -> usize {
        self.fair.len() + self.realtime.len()
    }

    /// How many wait at all.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ready() + self.throttled.len()
    }

    /// Whether nobody waits at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who is served next: the earliest deadline, then whoever `policy` serves when the virtual clock shows `clock`.
    /// Nobody who is throttled.
    #[must_use]
    pub fn first(&self, policy: Policy, clock: VirtualTime) -> Option<&Entity<P>> {
        self.first_as::<false>(policy, clock)
    }

    /// The same, where it may be known that all who wait are served by weight ([`Waiting::is_plain`]).
    #[inline]
    pub(crate) fn first_as<const PLAIN: bool>(
        &self,
        policy: Policy,
        clock: VirtualTime,
    ) -> Option<&Entity<P>> {
        if !PLAIN && let Some(due) = self.realtime.first() {
            return Some(due);
        }
        match policy {
            Policy::WeightedFair => self.fair.first(),
            Policy::Eevdf => self.fair.first_eligible(clock),
        }
    }

    /// Takes out who is served next. With a clock that is not behind the slowest fair thread that is somebody whenever
    /// somebody is ready.
    pub fn take_first(&mut self, policy: Policy, clock: VirtualTime) -> Option<Box<Entity<P>>> {
        if let Some(due) = self.realtime.remove_first() {
            return Some(due);
        }
        let mut first = match policy {
            Policy::WeightedFair => self.fair.remove_first()?,
            Policy::Eevdf => {
                let key = self.fair.first_eligible(clock)?.fair_key();
                self.fair.remove(key)?
            }
        };
        if let Standing::Demoted(_) = first.standing {
            self.forget_comeback(&mut first);
        }
        Some(first)
    }

    /// Puts a thread where its rank says; that rank.
    #[inline]
    pub fn insert(&mut self, entity: Box<Entity<P>>) -> Rank {
        self.insert_as::<false>(entity)
    }

    /// The same, where it may be known that the thread has no budget.
    #[inline]
    pub(crate) fn insert_as<const PLAIN: bool>(&mut self, mut entity: Box<Entity<P>>) -> Rank {
        let rank = entity.rank_as::<PLAIN>();
        if let Standing::Demoted(until) = entity.standing_as::<PLAIN>() {
            self.note_comeback(&mut entity, until);
        }
        match rank {
            Rank::Fair(..) => self.fair.insert(entity),
            Rank::Deadline(..) => insert_apart(&mut self.realtime, entity),
            Rank::Throttled(..) => insert_apart(&mut self.throttled, entity),
        }
        rank
    }

    /// The thread that waits at this rank.
    #[must_use]
    pub fn get(&self, rank: Rank) -> Option<&Entity<P>> {
        match rank {
            Rank::Fair(finish, id) => self.fair.get((finish, id)),
            Rank::Deadline(at, id) => self.realtime.get((at, id)),
            Rank::Throttled(at, id) => self.throttled.get((at, id)),
        }
    }

    /// Takes the thread out that waits at this rank.
    #[inline]
    pub fn remove(&mut self, rank: Rank) -> Option<Box<Entity<P>>> {
        match rank {
            Rank::Fair(finish, id) => {
                let mut entity = self.fair.remove((finish, id))?;
                if let Standing::Demoted(_) = entity.standing {
                    self.forget_comeback(&mut entity);
                }
                Some(entity)
            }
            Rank::Deadline(at, id) => remove_apart(&mut self.realtime, (at, id)),
            Rank::Throttled(at, id) => remove_apart(&mut self.throttled, (at, id)),
        }
    }

    /// A demoted thread waits: its instant is noted.
    #[cold]
    fn note_comeback(&mut self, entity: &mut Entity<P>, until: Instant) {
        let (finish, id) = entity.fair_key();
        let comeback = entity.budget.as_mut().and_then(|budget| budget.comeback.take());
        if let Some(mut comeback) = comeback {
            comeback.set(until, id, finish);
            self.comebacks.insert(comeback);
        }
    }

    /// It waits no more.
    #[cold]
    fn forget_comeback(&mut self, entity: &mut Entity<P>) {
        let Standing::Demoted(until) = entity.standing else {
            return;
        };
        let comeback = self.comebacks.remove((until, entity.id()));
        if let Some(budget) = &mut entity.budget {
            budget.comeback = comeback;
        }
    }

    /// Everybody, in the order of their ranks.
    pub fn iter(&self) -> impl Iterator<Item = &Entity<P>> {
        let throttled = self.throttled.iter();
        self.realtime.iter().chain(self.fair.iter()).chain(throttled)
    }
}

/// What is rare is not in the way of what is frequent.
#[cold]
fn remove_apart<P>(tree: &mut Apart<P>, key: (Instant, ThreadId)) -> Option<Box<Entity<P>>> {
    tree.remove(key)
}

/// What is rare is not in the way of what is frequent.
#[cold]
fn insert_apart<P>(tree: &mut Apart<P>, entity: Box<Entity<P>>) {
    tree.insert(entity);
}

impl<P> Default for Waiting<P> {
    fn default() -> Waiting<P> {
        Waiting::new()
    }
}

#[cfg(test)]
mod tests;
