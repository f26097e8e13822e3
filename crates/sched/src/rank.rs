//! Where a waiting thread stands, as a value: its band, its time in that band, and its id. Rules D1, D5 and G2.
//!
//! A band is never stored. What a thread is entitled to, its [`Standing`], and how far its share has come say together
//! where it waits. The value also finds the thread again: it is valid until the thread leaves the queue or is changed.

use crate::ids::ThreadId;
use crate::time::{Instant, VirtualTime};

/// A place among the threads that wait for a CPU. The order is that of bands, then of time, then of ids, so that two runs
/// agree; [`Rank::precedes`] says who is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// It has a reservation and is served before all fair threads, the earliest deadline first.
    Deadline(Instant, ThreadId),
    /// It is served by weight: this is the virtual finish time, or virtual deadline, of its turn.
    Fair(VirtualTime, ThreadId),
    /// It has used what it may use and is not served before this instant.
    Throttled(Instant, ThreadId),
}

impl Rank {
    /// The thread.
    #[must_use]
    pub const fn id(self) -> ThreadId {
        match self {
            Rank::Deadline(_, id) | Rank::Fair(_, id) | Rank::Throttled(_, id) => id,
        }
    }

    /// Whether a thread that stands here is served before one that stands at `other`.
    #[must_use]
    #[inline]
    pub fn precedes(self, other: Rank) -> bool {
        match (self, other) {
            // By far the most frequent: a comparison of two words.
            (Rank::Fair(own, id), Rank::Fair(other, other_id)) => (own, id) < (other, other_id),
            (Rank::Throttled(..), _) => false,
            _ => self < other,
        }
    }

    /// Whether a thread that stands here takes the CPU from one at `other` in the middle of its turn: ids break no ties
    /// there, or threads that are level would interrupt each other for nothing.
    #[must_use]
    #[inline]
    pub fn interrupts(self, other: Rank) -> bool {
        match (self, other) {
            (Rank::Fair(own, _), Rank::Fair(other, _)) => own < other,
            (Rank::Deadline(own, _), Rank::Deadline(other, _)) => own < other,
            _ => self.precedes(other),
        }
    }
}

/// What a thread is entitled to beside its part by weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    #[default]
    Fair,
    /// Service that is due by this instant.
    Reserved(Instant),
    /// Its part by weight until this instant, at which there is a reservation for it again.
    Demoted(Instant),
    /// No service until this instant: what it may use is used up.
    Spent(Instant),
}

impl Standing {
    /// Where a thread of this standing waits, whose turn finishes at `vfinish`.
    #[inline(always)]
    pub(crate) const fn rank(self, vfinish: VirtualTime, id: ThreadId) -> Rank {
        match self {
            Standing::Fair | Standing::Demoted(_) => Rank::Fair(vfinish, id),
            Standing::Reserved(deadline) => Rank::Deadline(deadline, id),
            Standing::Spent(until) => Rank::Throttled(until, id),
        }
    }

    /// Whether it competes with others by weight.
    #[inline(always)]
    pub(crate) const fn is_by_weight(self) -> bool {
        matches!(self, Standing::Fair | Standing::Demoted(_))
    }

    /// The instant by which it waits, where that is not its share's virtual time.
    pub(crate) const fn instant(self) -> Instant {
        match self {
            Standing::Fair | Standing::Demoted(_) => Instant::NEVER,
            Standing::Reserved(at) | Standing::Spent(at) => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [ThreadId; 2] = [ThreadId(1), ThreadId(2)];

    #[test]
    fn g2_a_deadline_goes_before_every_fair_thread_and_the_earliest_first() {
        let [one, two] = BOTH;
        let late = Rank::Deadline(Instant::NEVER, two);
        let early = Rank::Deadline(Instant(5), two);
        let fair = Rank::Fair(VirtualTime::ZERO, one);
        assert!(late.precedes(fair) && late.interrupts(fair) && !fair.precedes(late));
        assert!(early.precedes(late) && early.interrupts(late) && !late.interrupts(early));
    }

    #[test]
    fn e3_whoever_is_throttled_is_served_before_nobody() {
        let [one, two] = BOTH;
        let throttled = Rank::Throttled(Instant::BOOT, one);
        for other in [
            Rank::Deadline(Instant::NEVER, two),
            Rank::Fair(VirtualTime::MAX, two),
            Rank::Throttled(Instant::NEVER, two),
        ] {
            assert!(
                !throttled.precedes(other) && !throttled.interrupts(other),
                "{other:?}"
            );
        }
        assert!(Rank::Fair(VirtualTime::MAX, two).precedes(throttled));
    }

    #[test]
    fn d1_ids_break_ties_at_the_end_of_a_turn_but_not_in_its_middle() {
        for [low, high] in [
            BOTH.map(|id| Rank::Fair(VirtualTime(7), id)),
            BOTH.map(|id| Rank::Deadline(Instant(7), id)),
        ] {
            assert!(low.precedes(high) && !high.precedes(low));
            assert!(!low.precedes(low), "nobody comes before itself");
            assert!(!low.interrupts(high) && !high.interrupts(low));
        }
    }
}
