//! The waiting threads of one CPU, in the order of their virtual finish times. Rules B1, D1 and D5.
//!
//! A treap of entities in which every node knows the smallest virtual runtime below it. The root's value moves the
//! virtual clock; the others let EEVDF find the earliest deadline among the eligible without looking at the rest.

use alloc::boxed::Box;

use crate::entity::{Entity, QueueKey};
use crate::time::VirtualTime;
use crate::treap::{Node, Treap};

/// Waiting entities by [`QueueKey`], with their total weight.
#[derive(Debug)]
pub struct RunTree<P> {
    tree: Treap<Entity<P>>,
    weight: u64,
}

impl<P> RunTree<P> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> RunTree<P> {
        RunTree {
            tree: Treap::new(),
            weight: 0,
        }
    }

    /// How many entities wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// The sum of their weights.
    #[must_use]
    pub const fn weight(&self) -> u64 {
        self.weight
    }

    /// Puts an entity in, at the key its share gives it.
    pub fn insert(&mut self, entity: Box<Entity<P>>) {
        self.weight += u64::from(entity.weight().get());
        self.tree.insert(entity);
    }

    /// The waiting entity with this key.
    #[must_use]
    pub fn get(&self, key: QueueKey) -> Option<&Entity<P>> {
        self.tree.get(key)
    }

    /// Takes one entity out.
    pub fn remove(&mut self, key: QueueKey) -> Option<Box<Entity<P>>> {
        let entity = self.tree.remove(key)?;
        self.weight -= u64::from(entity.weight().get());
        Some(entity)
    }

    /// The entity whose turn finishes first.
    #[must_use]
    pub fn first(&self) -> Option<&Entity<P>> {
        self.tree.first()
    }

    /// The entity whose turn finishes first among those that are not ahead of `clock`.
    #[must_use]
    pub fn first_eligible(&self, clock: VirtualTime) -> Option<&Entity<P>> {
        let mut at = self.tree.root();
        while let Some(node) = at {
            at = match node.links().left() {
                Some(left) if left.slowest() <= clock => Some(left),
                _ if node.share().is_eligible(clock) => return Some(node),
                _ => node.links().right(),
            };
        }
        None
    }

    /// The smallest virtual runtime of all that wait.
    #[must_use]
    pub fn slowest(&self) -> Option<VirtualTime> {
        self.tree.root().map(Entity::slowest)
    }

    /// The entities in queue order.
    pub fn iter(&self) -> impl Iterator<Item = &Entity<P>> {
        self.tree.iter()
    }

    /// The root, to be damaged by the tests of the checks.
    #[cfg(test)]
    pub(crate) fn root_mut(&mut self) -> Option<&mut Entity<P>> {
        self.tree.root_mut()
    }

    /// Makes the queue believe that it is heavier than it is, for the tests of the checks.
    #[cfg(test)]
    pub(crate) const fn falsify_weight(&mut self) {
        self.weight += 1;
    }

    /// Makes the queue believe that it is longer than it is, for the tests of the checks.
    #[cfg(test)]
    pub(crate) const fn falsify_len(&mut self) {
        self.tree.falsify_len();
    }
}

impl<P> Default for RunTree<P> {
    fn default() -> RunTree<P> {
        RunTree::new()
    }
}
