//! Deadlines that cannot fail to be set: the caller brings the memory. Rules B3 and X1.
//!
//! One queue per CPU holds everything that waits for a point in time: sleeps, time-outs, replenishments. The box is
//! made when the waiter is made; arming, cancelling and expiring only move it. Equal instants expire in the order
//! in which they were set.

use alloc::boxed::Box;

use crate::ids::scatter;
use crate::time::Instant;
use crate::treap::{Links, Node, Order, Treap};

/// Names one armed deadline in one queue, never reused there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadlineKey {
    at: Instant,
    sequence: u64,
}

impl DeadlineKey {
    /// The instant it stands for.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }
}

/// The memory of one deadline, reusable for ever.
#[derive(Debug)]
pub struct Deadline<T> {
    key: DeadlineKey,
    links: Links<Deadline<T>>,
    /// Who waits.
    pub waiter: T,
}

impl<T> Deadline<T> {
    /// Allocates the memory for one waiter.
    #[must_use]
    pub fn new(waiter: T) -> Box<Deadline<T>> {
        let key = DeadlineKey {
            at: Instant::NEVER,
            sequence: 0,
        };
        Box::new(Deadline {
            key,
            links: Links::none(),
            waiter,
        })
    }

    /// The instant it was last armed for.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.key.at
    }
}

/// Earliest first.
#[derive(Debug)]
enum ByDeadline {}

impl<T> Order<Deadline<T>> for ByDeadline {
    type Key = DeadlineKey;

    fn key(node: &Deadline<T>) -> DeadlineKey {
        node.key
    }
}

impl<T> Node for Deadline<T> {
    fn priority(&self) -> u64 {
        scatter(self.key.sequence)
    }

    fn links(&self) -> &Links<Self> {
        &self.links
    }

    fn links_mut(&mut self) -> &mut Links<Self> {
        &mut self.links
    }
}

/// Armed deadlines, earliest first.
#[derive(Debug)]
pub struct DeadlineQueue<T> {
    tree: Treap<Deadline<T>, ByDeadline>,
    next_sequence: u64,
}

impl<T> DeadlineQueue<T> {
    /// A queue with nothing armed.
    #[must_use]
    pub const fn new() -> DeadlineQueue<T> {
        DeadlineQueue {
            tree: Treap::new(),
            next_sequence: 0,
        }
    }

    /// How many are armed.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// Arms `deadline` for `at`, which may lie in the past: it is then due at once.
    pub fn insert(&mut self, at: Instant, mut deadline: Box<Deadline<T>>) -> DeadlineKey {
        let key = DeadlineKey {
            at,
            sequence: self.next_sequence,
        };
        self.next_sequence += 1;
        deadline.key = key;
        self.tree.insert(deadline);
        key
    }

    /// Disarms a deadline and gives its memory back; `None` if it has expired or was cancelled before.
    pub fn cancel(&mut self, key: DeadlineKey) -> Option<Box<Deadline<T>>> {
        self.tree.remove(key)
    }

    /// The earliest deadline that has come, if any. Call again until `None`, or stop early to bound the work.
    pub fn pop_due(&mut self, now: Instant) -> Option<Box<Deadline<T>>> {
        if self.tree.first()?.at() > now {
            return None;
        }
        self.tree.remove_first()
    }

    /// The instant to arm the timer for. What is armed for [`Instant::NEVER`] needs no timer (F3).
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let first = self.tree.first().map(Deadline::at);
        first.filter(|at| *at != Instant::NEVER)
    }

    /// The armed deadlines in the order they will expire.
    pub fn iter(&self) -> impl Iterator<Item = &Deadline<T>> {
        self.tree.iter()
    }
}

impl<T> Default for DeadlineQueue<T> {
    fn default() -> DeadlineQueue<T> {
        DeadlineQueue::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::horizon::{OneShot, Setting};
    use crate::time::Nanos;
    use std::vec::Vec;

    #[test]
    fn deadlines_expire_in_order_of_time_then_of_arming() {
        let mut queue = DeadlineQueue::new();
        for (at, waiter) in [(30, 'c'), (10, 'a'), (30, 'd'), (20, 'b')] {
            let _ = queue.insert(Instant(at), Deadline::new(waiter));
        }
        assert_eq!(queue.next(), Some(Instant(10)));
        assert_eq!((queue.len(), queue.is_empty()), (4, false));
        let mut expired = Vec::new();
        while let Some(deadline) = queue.pop_due(Instant(30)) {
            expired.push(deadline.waiter);
        }
        assert_eq!(expired, ['a', 'b', 'c', 'd']);
        assert_eq!((queue.next(), queue.len(), queue.is_empty()), (None, 0, true));
    }

    #[test]
    fn b3_a_thousand_deadlines_are_found_in_some_dozen_steps_whatever_the_order_of_their_coming() {
        let mut queue = DeadlineQueue::new();
        for at in 0..1_000 {
            let _ = queue.insert(Instant(at), Deadline::new(()));
        }
        let depth = queue.tree.depth();
        assert!((10..=40).contains(&depth), "{depth}");
    }

    #[test]
    fn nothing_expires_early() {
        let mut queue = DeadlineQueue::new();
        let _ = queue.insert(Instant(10), Deadline::new(()));
        assert!(queue.pop_due(Instant(9)).is_none());
        assert!(queue.pop_due(Instant(10)).is_some());
    }

    // A sleep that is longer than time goes on saturates at the last instant there is.
    #[test]
    fn f3_a_deadline_that_never_comes_arms_no_timer_and_is_there_all_the_same() {
        let mut queue = DeadlineQueue::new();
        let key = queue.insert(Instant(10) + Nanos(u64::MAX), Deadline::new("never"));
        assert_eq!((queue.next(), queue.len()), (None, 1));
        assert_eq!(OneShot::new().idle(queue.next()), Setting::Same);
        let _ = queue.insert(Instant(20), Deadline::new("soon"));
        assert_eq!(queue.next(), Some(Instant(20)));
        assert_eq!(queue.pop_due(Instant(30)).unwrap().waiter, "soon");
        assert!(queue.pop_due(Instant(u64::MAX - 1)).is_none());
        assert_eq!(queue.cancel(key).unwrap().waiter, "never");
    }

    #[test]
    fn b3_a_cancelled_deadline_gives_its_memory_back_once() {
        let mut queue = DeadlineQueue::new();
        let first = queue.insert(Instant(10), Deadline::new("first"));
        let memory = queue.cancel(first).unwrap();
        assert!(queue.cancel(first).is_none());
        let second = queue.insert(Instant(10), memory);
        assert!(
            queue.cancel(first).is_none(),
            "an old key never names a new deadline"
        );
        assert_eq!(queue.cancel(second).unwrap().waiter, "first");
    }
}
