//! What must be true of an endpoint whenever nobody has its lock: asserted at every unlocking in checked builds.
//! Rule P18.

#[cfg(any(test, debug_assertions))]
use caps::{CapId, Table};

/// The numbers by which an endpoint is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Its last owner is gone.
    pub(super) closed: bool,
    /// It is on somebody's list of endpoints to see to.
    pub(super) listed: bool,
    /// Receives that wait for a call.
    pub(super) receives: usize,
    /// Calls that wait for a receive.
    pub(super) queued: usize,
    /// Calls received and not answered.
    pub(super) in_flight: usize,
    /// How many of those there may be.
    pub(super) in_flight_limit: usize,
    /// Meetings of a call and a receive that somebody is going to bring about.
    pub(super) attended: usize,
}

impl Waiting {
    /// How many calls could be received now.
    pub(super) fn pairs(&self) -> usize {
        let room = self.in_flight_limit.saturating_sub(self.in_flight);
        self.receives.min(self.queued).min(room)
    }

    /// A queued call and a posted receive do not wait beside each other, unless as many calls are in flight as may be
    /// or somebody is on the way to bring them together.
    pub(super) fn nobody_waits_beside_what_it_waits_for(&self) -> bool {
        self.closed || self.pairs() <= self.attended
    }

    /// Nobody waits at an endpoint without owners, unless somebody is on the way to say so.
    pub(super) fn nobody_waits_at_a_closed_one(&self) -> bool {
        !self.closed || self.listed || (self.receives, self.queued, self.in_flight) == (0, 0, 0)
    }
}

/// Each call in flight has an id of its own, which is not 0.
pub(super) fn calls_have_ids_of_their_own(ids: impl Iterator<Item = u32> + Clone) -> bool {
    let mut rest = ids;
    while let Some(id) = rest.next() {
        if id == 0 || rest.clone().any(|other| other == id) {
            return false;
        }
    }
    true
}

/// A call that can be answered has taken what it moves from its caller: whoever is told that its call was answered holds that no more.
#[cfg(any(test, debug_assertions))]
pub(super) fn what_was_moved_has_left<C: Clone, const GENERATION_BITS: u32>(
    caller: &Table<C, GENERATION_BITS>,
    moved: Option<CapId>,
) -> bool {
    moved.is_none_or(|id| caller.get(id).is_none())
}

/// The id of the next call to be received: after `last`, and of none that is in flight, of which there are few.
#[inline]
pub(super) fn next_id(last: u32, is_taken: impl Fn(u32) -> bool) -> u32 {
    let mut id = last;
    loop {
        id = id.checked_add(1).unwrap_or(1);
        if !is_taken(id) {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caps::{Descriptor, Mode};

    const QUIET: Waiting = Waiting {
        closed: false,
        listed: false,
        receives: 0,
        queued: 0,
        in_flight: 0,
        in_flight_limit: 2,
        attended: 0,
    };

    #[test]
    fn p18_the_check_notices_a_call_and_a_receive_side_by_side() {
        let beside = Waiting {
            receives: 1,
            queued: 14,
            ..QUIET
        };
        assert!(!beside.nobody_waits_beside_what_it_waits_for());
        let attended = Waiting {
            attended: 1,
            ..beside
        };
        assert!(attended.nobody_waits_beside_what_it_waits_for());
        let two = Waiting {
            receives: 3,
            ..attended
        };
        assert!(!two.nobody_waits_beside_what_it_waits_for(), "room for both");
        let full = Waiting {
            in_flight: 2,
            ..beside
        };
        assert!(full.nobody_waits_beside_what_it_waits_for());
        for alone in [Waiting { receives: 9, ..QUIET }, Waiting { queued: 9, ..QUIET }] {
            assert!(alone.nobody_waits_beside_what_it_waits_for());
        }
    }

    #[test]
    fn p18_the_check_notices_who_waits_for_nobody() {
        let closed = Waiting {
            closed: true,
            ..QUIET
        };
        assert!(closed.nobody_waits_at_a_closed_one());
        for left in [
            Waiting {
                receives: 1,
                ..closed
            },
            Waiting { queued: 1, ..closed },
            Waiting {
                in_flight: 1,
                ..closed
            },
        ] {
            assert!(!left.nobody_waits_at_a_closed_one());
            assert!(Waiting { listed: true, ..left }.nobody_waits_at_a_closed_one());
        }
    }

    #[test]
    fn p18_the_check_notices_two_calls_of_one_id() {
        assert!(calls_have_ids_of_their_own([1, 2, u32::MAX].into_iter()));
        assert!(!calls_have_ids_of_their_own([1, 2, 1].into_iter()));
        assert!(!calls_have_ids_of_their_own([0].into_iter()));
    }

    #[test]
    fn p18_the_check_notices_a_capability_that_a_call_moved_and_its_caller_has() {
        let mut table: Table<char> = Table::new(4);
        let (moved, copied) = (table.insert('m').unwrap(), table.insert('c').unwrap());
        let descriptors = [
            Descriptor {
                id: copied,
                mode: Mode::Copy,
            },
            Descriptor {
                id: moved,
                mode: Mode::Move,
            },
        ];
        let parcel = table.stage(&descriptors, |_| true).unwrap();
        let first = parcel.moved().next();
        assert_eq!(first, Some(moved));
        assert!(!what_was_moved_has_left(&table, first), "it is on its way");
        drop(table.commit(parcel));
        assert!(what_was_moved_has_left(&table, first) && table.get(copied).is_some());
        assert!(what_was_moved_has_left(&table, None));
    }

    #[test]
    fn p8_ids_of_calls_that_wrap_pass_over_those_in_flight_and_over_zero() {
        // Two calls have stayed unanswered since the beginning, 2^32 calls ago.
        let old = [1, 3];
        let next = |last| next_id(last, |id| old.contains(&id));
        assert_eq!([u32::MAX - 1, u32::MAX, 2, 3].map(next), [u32::MAX, 2, 4, 4]);
    }
}
