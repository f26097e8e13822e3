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

    /// The sum of their effective weights.
    #[must_use]
    pub const fn weight(&self) -> u64 {
        self.weight
    }

    /// Puts an entity in, at the key its share gives it.
    pub fn insert(&mut self, entity: Box<Entity<P>>) {
        self.weight += entity.share().effective().wide();
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
        self.weight -= entity.share().effective().wide();
        Some(entity)
    }

    /// Takes the entity out whose turn finishes first.
    pub fn remove_first(&mut self) -> Option<Box<Entity<P>>> {
        let entity = self.tree.remove_first()?;
        self.weight -= entity.share().effective().wide();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ThreadId, scatter};
    use crate::time::Nanos;
    use crate::weight::{LatencyClass, Weight};
    use std::vec::Vec;

    /// Threads with scattered virtual runtimes and finishes, the same for the same seed.
    fn crowd(seed: u64, count: u64) -> RunTree<()> {
        let mut tree = RunTree::new();
        for id in 0..count {
            let dice = scatter(seed << 16 | id);
            let weight = Weight::new(1 + (dice % 1024) as u16).unwrap();
            let mut entity = Entity::new(ThreadId(id), weight, LatencyClass::Normal, ());
            entity.share.start_at(VirtualTime(1_000 + (dice >> 20) % 500));
            entity.set_request(Nanos::from_micros(1 + (dice >> 40) % 50));
            entity.share.renew();
            tree.insert(entity);
        }
        tree
    }

    #[test]
    fn d5_the_first_eligible_thread_is_the_one_a_search_through_all_would_find() {
        for seed in 0..200 {
            let tree = crowd(seed, seed % 40);
            for clock in (900..1_600).step_by(50).map(VirtualTime) {
                let searched = tree
                    .iter()
                    .find(|entity| entity.share().is_eligible(clock))
                    .map(Entity::id);
                assert_eq!(
                    tree.first_eligible(clock).map(Entity::id),
                    searched,
                    "seed {seed} at {clock:?}"
                );
            }
        }
    }

    #[test]
    fn the_summaries_stay_right_while_threads_leave() {
        let mut tree = crowd(7, 100);
        let mut keys: Vec<QueueKey> = tree.iter().map(Node::key).collect();
        keys.sort_by_key(|key| scatter(key.id.0));
        for key in keys {
            assert!(tree.remove(key).is_some());
            assert_eq!(
                tree.slowest(),
                tree.iter().map(|entity| entity.share().vruntime()).min()
            );
            assert_eq!(
                tree.weight(),
                tree.iter()
                    .map(|entity| entity.share().effective().wide())
                    .sum::<u64>()
            );
        }
        assert!(tree.is_empty());
    }

    #[test]
    fn b1_the_queue_is_ordered_by_virtual_finish_then_id() {
        let tree = crowd(3, 60);
        let keys: Vec<QueueKey> = tree.iter().map(Node::key).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(keys.len(), 60);
    }
}
