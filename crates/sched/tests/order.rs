//! The two ordered sets against the simplest model that could be right: a `BTreeMap`.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sched::treap::{Links, Node, Order, Treap};
use sched::{Deadline, DeadlineKey, DeadlineQueue, Instant, Nanos};

/// A node that sums its subtree, to see that every change refreshes every ancestor.
struct Number {
    key: u32,
    sum: u64,
    links: Links<Number>,
}

impl Number {
    fn boxed(key: u32) -> Box<Number> {
        Box::new(Number {
            key,
            sum: 0,
            links: Links::none(),
        })
    }
}

/// By their keys, ascending.
enum Ascending {}

impl Order<Number> for Ascending {
    type Key = u32;

    fn key(node: &Number) -> u32 {
        node.key
    }
}

impl Node for Number {
    fn priority(&self) -> u64 {
        u64::from(self.key)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
    }

    fn links(&self) -> &Links<Number> {
        &self.links
    }

    fn links_mut(&mut self) -> &mut Links<Number> {
        &mut self.links
    }

    fn refresh(&mut self) {
        let below = |child: Option<&Number>| child.map_or(0, |child| child.sum);
        self.sum = u64::from(self.key) + below(self.links.left()) + below(self.links.right());
    }
}

/// The depth of a tree, and whether it is a heap by priority and every sum is right.
fn inspect(node: Option<&Number>) -> (usize, u64) {
    let Some(node) = node else { return (0, 0) };
    let (left, right) = (inspect(node.links().left()), inspect(node.links().right()));
    for child in [node.links().left(), node.links().right()].into_iter().flatten() {
        assert!(child.priority() < node.priority(), "not a heap");
    }
    let sum = u64::from(node.key) + left.1 + right.1;
    assert_eq!(node.sum, sum, "a stale summary");
    (1 + left.0.max(right.0), sum)
}

#[derive(Clone, Debug)]
enum Change {
    Insert(u32),
    Remove(u32),
    RemoveFirst,
    After(u32),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (0..60_u32).prop_map(Change::Insert),
        2 => (0..60_u32).prop_map(Change::Remove),
        1 => Just(Change::RemoveFirst),
        1 => (0..60_u32).prop_map(Change::After),
    ];
    proptest::collection::vec(change, 1..200)
}

proptest! {
    #[test]
    fn d1_the_treap_is_an_ordered_set(changes in changes()) {
        let mut tree = Treap::<Number, Ascending>::new();
        let mut model = BTreeMap::new();
        for change in changes {
            match change {
                Change::Insert(key) => {
                    if model.insert(key, ()).is_none() {
                        tree.insert(Number::boxed(key));
                    }
                }
                Change::Remove(key) => {
                    let removed = tree.remove(key);
                    prop_assert_eq!(removed.as_ref().map(|node| node.key), model.remove(&key).map(|()| key));
                    if let Some(node) = removed {
                        prop_assert!(node.links().left().is_none() && node.links().right().is_none());
                    }
                }
                Change::RemoveFirst => {
                    let first = tree.remove_first().map(|node| node.key);
                    prop_assert_eq!(first, model.pop_first().map(|(key, ())| key));
                }
                Change::After(key) => {
                    let next = tree.after(key).map(|node| node.key);
                    prop_assert_eq!(next, model.range(key + 1..).next().map(|(key, ())| *key));
                }
            }
            prop_assert_eq!(tree.len(), model.len());
            prop_assert_eq!(tree.first().map(|node| node.key), model.keys().next().copied());
            let keys: Vec<u32> = tree.iter().map(|node| node.key).collect();
            prop_assert_eq!(keys, model.keys().copied().collect::<Vec<_>>());
            inspect(tree.root());
        }
    }

    #[test]
    fn deadlines_expire_like_a_sorted_list(
        steps in proptest::collection::vec((0..3_u8, 0..50_u64, any::<usize>()), 1..150),
    ) {
        let mut queue = DeadlineQueue::new();
        let mut model: BTreeMap<DeadlineKey, u64> = BTreeMap::new();
        let mut now = Instant::BOOT;
        for (number, (what, amount, which)) in (0..).zip(steps) {
            match what {
                0 => {
                    let key = queue.insert(now + Nanos(amount), Deadline::new(number));
                    prop_assert_eq!(model.insert(key, number), None);
                }
                1 => {
                    let keys: Vec<_> = model.keys().copied().collect();
                    let Some(key) = which.checked_rem(keys.len()).map(|index| keys[index]) else { continue };
                    let cancelled = queue.cancel(key).map(|deadline| deadline.waiter);
                    prop_assert_eq!(cancelled, model.remove(&key));
                }
                _ => {
                    now = now + Nanos(amount / 4);
                    while let Some(deadline) = queue.pop_due(now) {
                        let (key, waiter) = model.pop_first().unwrap();
                        prop_assert!(key.at() <= now);
                        prop_assert_eq!(deadline.waiter, waiter);
                    }
                    prop_assert!(model.keys().next().is_none_or(|key| key.at() > now));
                }
            }
            prop_assert_eq!(queue.next(), model.keys().next().map(|key| key.at()));
        }
    }
}

#[test]
fn a_tree_of_ten_thousand_is_shallow_even_when_filled_in_order() {
    let mut tree = Treap::<Number, Ascending>::new();
    (0..10_000).for_each(|key| tree.insert(Number::boxed(key)));
    let (depth, _) = inspect(tree.root());
    assert!(depth <= 45, "depth {depth}; log2 of 10,000 is 13.3");
}
