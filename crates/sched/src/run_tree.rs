//! The waiting threads of one CPU that are served by weight, in the order of their virtual finish times. Rules B1, D1 and D5.
//!
//! A treap of entities in which every node knows the smallest virtual runtime below it. The root's value moves the
//! virtual clock; the others let EEVDF find the earliest deadline among the eligible without looking at the rest. Every
//! node also knows where the entities below it may run, so that a CPU that looks for work finds the one waiting
//! thread that it may run behind any number of those that it may not.

use alloc::boxed::Box;

use crate::entity::{ByFinish, Entity};
use crate::ids::{CpuId, ThreadId};
use crate::outline::Outline;
use crate::time::VirtualTime;
use crate::treap::{Node, Treap};

/// Where a thread is in the tree: its virtual finish time, then its id.
type Key = (VirtualTime, ThreadId);

/// Waiting entities by virtual finish time, with their total weight.
#[derive(Debug)]
pub struct RunTree<P> {
    tree: Treap<Entity<P>, ByFinish>,
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
    #[inline]
    pub fn insert(&mut self, entity: Box<Entity<P>>) {
        self.weight += entity.share().effective().wide();
        self.tree.insert(entity);
    }

    /// The waiting entity with this key.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&Entity<P>> {
        self.tree.get(key)
    }

    /// Takes one entity out.
    #[inline]
    pub fn remove(&mut self, key: Key) -> Option<Box<Entity<P>>> {
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

    /// Where the entities here may run, all together; `None` when there are none.
    pub(crate) fn outline(&self) -> Option<Outline> {
        self.tree.root().map(Entity::outline_below)
    }

    /// The entities that may run on `cpu`, in queue order. Each step takes the height of the tree, however many
    /// entities of other CPUs lie between; beyond 64 CPUs, a few of those are looked at.
    pub fn allowed_on(&self, cpu: CpuId) -> impl Iterator<Item = &Entity<P>> {
        core::iter::successors(leftmost_within(self.tree.root(), cpu), move |entity| {
            self.next_within(entity.fair_key(), cpu)
        })
        .filter(move |entity| entity.affinity().allows(cpu))
    }

    /// The first entity behind `key` that may be allowed on `cpu`.
    fn next_within(&self, key: Key, cpu: CpuId) -> Option<&Entity<P>> {
        // The lowest ancestor that lies behind the key and has what we look for, itself or to its right.
        let mut above: Option<&Entity<P>> = None;
        let mut at = self.tree.root();
        while let Some(node) = at {
            at = if key < node.fair_key() {
                let right = node
                    .links()
                    .right()
                    .is_some_and(|right| right.outline_below().may_include(cpu));
                if right || node.outline().may_include(cpu) {
                    above = Some(node);
                }
                node.links().left()
            } else if node.fair_key() == key {
                if let Some(found) = leftmost_within(node.links().right(), cpu) {
                    return Some(found);
                }
                break;
            } else {
                node.links().right()
            };
        }
        let above = above?;
        if above.outline().may_include(cpu) {
            return Some(above);
        }
        leftmost_within(above.links().right(), cpu)
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

    /// How many threads the longest way down has.
    #[cfg(test)]
    pub(crate) fn depth(&self) -> usize {
        self.tree.depth()
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

    /// Has the root look at itself and its children again.
    #[cfg(test)]
    pub(crate) fn falsify_reach(&mut self) {
        use crate::treap::Node;
        self.tree.root_mut().into_iter().for_each(Entity::refresh);
    }

    /// Makes the queue believe that it is longer than it is, for the tests of the checks.
    #[cfg(test)]
    pub(crate) const fn falsify_len(&mut self) {
        self.tree.falsify_len();
    }
}

/// The first entity of a subtree that may be allowed on `cpu`.
fn leftmost_within<P>(subtree: Option<&Entity<P>>, cpu: CpuId) -> Option<&Entity<P>> {
    let mut at = subtree.filter(|root| root.outline_below().may_include(cpu))?;
    loop {
        let left = at
            .links()
            .left()
            .filter(|left| left.outline_below().may_include(cpu));
        at = match left {
            Some(left) => left,
            None if at.outline().may_include(cpu) => return Some(at),
            None => at.links().right()?,
        };
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
    use crate::entity::Affinity;
    use crate::ids::{CpuId, ThreadId, scatter};
    use crate::time::Nanos;
    use crate::weight::{LatencyClass, Weight};
    use std::vec::Vec;

    fn drain(mut tree: RunTree<()>) -> impl Iterator<Item = Box<Entity<()>>> {
        core::iter::from_fn(move || tree.remove_first())
    }

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
    fn b1_whoever_may_run_elsewhere_is_found_as_a_search_through_all_would() {
        for (seed, cpus) in (0..300).zip([2, 3, 8, 64, 100, 1_000].into_iter().cycle()) {
            let mut tree = RunTree::<()>::new();
            for mut entity in drain(crowd(seed, seed % 50)) {
                let dice = scatter(seed << 20 | entity.id().0);
                let one = CpuId((dice % cpus) as u32);
                let other = CpuId((dice >> 32) as u32 % cpus as u32);
                entity.set_affinity(match dice >> 60 {
                    0 => Affinity::Any,
                    1..=4 => Affinity::Mask([one, other].into_iter().collect()),
                    _ => Affinity::One(one),
                });
                tree.insert(entity);
            }
            for cpu in (0..cpus as u32).map(CpuId).take(70) {
                let searched = tree.iter().filter(|entity| entity.affinity().allows(cpu));
                let found = tree.allowed_on(cpu);
                assert!(
                    searched.map(Entity::id).eq(found.map(Entity::id)),
                    "seed {seed}, {cpu} of {cpus}"
                );
            }
        }
    }

    // In one crowd the root may happen to be the slowest, and then nobody notices that it is never asked anew.
    #[test]
    fn the_summaries_stay_right_while_threads_leave() {
        for seed in 0..20 {
            let mut tree = crowd(seed, 50);
            let mut keys: Vec<Key> = tree.iter().map(Entity::fair_key).collect();
            keys.sort_by_key(|key| scatter(!key.1.0));
            for key in keys {
                assert!(tree.remove(key).is_some());
                let slowest = tree.iter().map(|entity| entity.share().vruntime()).min();
                assert_eq!(tree.slowest(), slowest, "seed {seed}");
                let weights = tree.iter().map(|entity| entity.share().effective().wide());
                assert_eq!(tree.weight(), weights.sum::<u64>(), "seed {seed}");
            }
            assert!(tree.is_empty());
        }
    }

    #[test]
    fn b1_the_queue_is_ordered_by_virtual_finish_then_id() {
        let tree = crowd(3, 60);
        let keys: Vec<Key> = tree.iter().map(Entity::fair_key).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(keys.len(), 60);
    }
}
