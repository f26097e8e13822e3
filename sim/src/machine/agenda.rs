//! What will happen when: a queue of events, first by time, then in the order in which they were asked for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sched::{Instant, Nanos};

use crate::choose::Chooser;

/// Something that happens at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    /// A one-shot timer interrupts its CPU, unless it was set anew since.
    Timer {
        /// The CPU.
        cpu: u32,
        /// Which setting of its timer this is.
        setting: u32,
    },
    /// The running thread has used the CPU for as long as its step says, unless it was interrupted since.
    Done {
        /// The CPU.
        cpu: u32,
        /// Which stretch of user time this is.
        stint: u32,
    },
    /// A reschedule interrupt arrives.
    Interrupt {
        /// The receiver.
        cpu: u32,
    },
    /// The kernel on this CPU performs its next step.
    Step {
        /// The CPU.
        cpu: u32,
    },
    /// A thread of this kind comes into being.
    Arrival {
        /// The kind.
        kind: u16,
    },
    /// A CPU that was offline comes back.
    Online {
        /// The CPU.
        cpu: u32,
    },
}

impl Happening {
    /// The CPU it happens on; `u32::MAX` for none.
    pub(super) const fn actor(self) -> u32 {
        match self {
            Happening::Timer { cpu, .. }
            | Happening::Done { cpu, .. }
            | Happening::Interrupt { cpu }
            | Happening::Step { cpu }
            | Happening::Online { cpu } => cpu,
            Happening::Arrival { .. } => u32::MAX,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: Instant,
    number: u64,
    what: Happening,
}

/// At most so many events are candidates for one choice.
const CANDIDATES: usize = 12;

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    queue: BinaryHeap<Reverse<Entry>>,
    numbered: u64,
    aside: Vec<Entry>,
}

impl Agenda {
    pub(super) fn add(&mut self, at: Instant, what: Happening) {
        self.numbered += 1;
        self.queue.push(Reverse(Entry {
            at,
            number: self.numbered,
            what,
        }));
    }

    /// The kinds of threads that come sooner or later.
    pub(super) fn kinds_to_come(&self) -> impl Iterator<Item = u16> {
        self.queue.iter().filter_map(|Reverse(entry)| match entry.what {
            Happening::Arrival { kind } => Some(kind),
            _ => None,
        })
    }

    /// The next event that happens: the first, or under exploration any of those that are due within `window` of it.
    pub(super) fn next(&mut self, window: Nanos, chooser: &mut Chooser) -> Option<(Instant, Happening)> {
        let Reverse(first) = self.queue.pop()?;
        if !chooser.explores() {
            return Some((first.at, first.what));
        }
        let until = first.at + window;
        self.aside.push(first);
        while self.aside.len() < CANDIDATES
            && let Some(Reverse(entry)) = self.queue.peek()
            && entry.at <= until
        {
            self.aside.push(*entry);
            self.queue.pop();
        }
        let mut actors = [0; CANDIDATES];
        for (actor, entry) in actors.iter_mut().zip(&self.aside) {
            *actor = entry.what.actor();
        }
        let chosen = self.aside.swap_remove(chooser.pick(&actors[..self.aside.len()]));
        self.queue.extend(self.aside.drain(..).map(Reverse));
        Some((chosen.at, chosen.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Explore, Strategy};

    fn order(explore: &Explore) -> Vec<u32> {
        let mut agenda = Agenda::default();
        for (at, cpu) in [(5, 0), (3, 1), (5, 2), (4, 3), (100, 4)] {
            agenda.add(Instant(at), Happening::Step { cpu });
        }
        let mut chooser = Chooser::new(explore, 5);
        std::iter::from_fn(|| agenda.next(explore.window, &mut chooser))
            .map(|(_, what)| what.actor())
            .collect()
    }

    #[test]
    fn l1_events_happen_in_order_of_time_then_of_asking() {
        assert_eq!(order(&Explore::default()), [1, 3, 0, 2, 4]);
    }

    #[test]
    fn l1_exploration_reorders_within_its_window_only() {
        let explore = |seed| Explore {
            strategy: Strategy::Random,
            seed,
            window: Nanos(10),
        };
        let orders: std::collections::BTreeSet<_> = (0..200).map(|seed| order(&explore(seed))).collect();
        assert_eq!(orders.len(), 24, "all orders of the four that are near");
        assert!(orders.iter().all(|order| order[4] == 4));
    }
}
