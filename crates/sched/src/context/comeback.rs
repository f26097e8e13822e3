//! Who is served by weight for a while and when that ends, so that it is found then. Rule E16.
//!
//! A demoted thread waits among those that are served by weight, in their order; its instant is in a list of its own. The node
//! belongs to the budget and goes into the list when the thread begins to wait, so nothing is allocated there.

use alloc::boxed::Box;

use crate::ids::{ThreadId, scatter};
use crate::rank::Rank;
use crate::time::{Instant, VirtualTime};
use crate::treap::{Links, Node, Order, Treap};

/// When a waiting thread has budget again, and where it waits.
#[derive(Debug)]
pub(crate) struct Comeback {
    links: Links<Comeback>,
    at: Instant,
    thread: ThreadId,
    finish: VirtualTime,
}

/// Those of one CPU, by their instants.
pub(crate) type Comebacks = Treap<Comeback, ByInstant>;

impl Comeback {
    /// Of nobody yet.
    pub(crate) fn new() -> Box<Comeback> {
        Box::new(Comeback {
            links: Links::none(),
            at: Instant::NEVER,
            thread: ThreadId(0),
            finish: VirtualTime::ZERO,
        })
    }

    /// Of this thread, at this instant; it waits by this virtual finish time.
    pub(crate) const fn set(&mut self, at: Instant, thread: ThreadId, finish: VirtualTime) {
        self.at = at;
        self.thread = thread;
        self.finish = finish;
    }

    /// When.
    pub(crate) const fn at(&self) -> Instant {
        self.at
    }

    /// Where the thread waits.
    pub(crate) const fn rank(&self) -> Rank {
        Rank::Fair(self.finish, self.thread)
    }
}

/// The order of their instants, then of ids.
#[derive(Debug)]
pub(crate) enum ByInstant {}

impl Order<Comeback> for ByInstant {
    type Key = (Instant, ThreadId);

    fn key(node: &Comeback) -> (Instant, ThreadId) {
        (node.at, node.thread)
    }
}

impl Node for Comeback {
    fn priority(&self) -> u64 {
        scatter(self.thread.0)
    }

    fn links(&self) -> &Links<Self> {
        &self.links
    }

    fn links_mut(&mut self) -> &mut Links<Self> {
        &mut self.links
    }
}
