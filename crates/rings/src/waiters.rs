//! Threads that wait for completions of one ring, each with the number that it waits for. A thread is in the list once.
//! Every listing has a number of its own, so whoever wakes a thread knows whether it still waits for what it was listed for.

use alloc::vec::Vec;

/// One listing of a thread among its ring's waiters: no two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing(u64);

/// A thread that waits.
#[derive(Debug)]
pub struct Waiter<W> {
    /// It.
    pub thread: W,
    /// As what it was listed.
    pub listing: Listing,
    minimum: u32,
}

/// The list.
pub struct Waiters<W> {
    list: Vec<Waiter<W>>,
    /// How many times a thread was listed.
    listings: u64,
}

impl<W> Waiters<W> {
    /// Nobody, with room for `most`.
    pub fn with_capacity(most: usize) -> Self {
        Waiters {
            list: Vec::with_capacity(most),
            listings: 0,
        }
    }

    /// Whether nobody waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Lists a thread, which is not in the list, to wait for `minimum` completions.
    #[inline]
    pub fn list(&mut self, thread: W, minimum: u32) -> Listing {
        self.listings += 1;
        let listing = Listing(self.listings);
        self.list.push(Waiter {
            thread,
            listing,
            minimum,
        });
        listing
    }

    /// The same for a thread that may be in the list already; `is_it` knows it, `thread` makes another reference to it.
    #[inline]
    pub fn list_anew(
        &mut self,
        minimum: u32,
        is_it: impl FnMut(&W) -> bool,
        thread: impl FnOnce() -> W,
    ) -> Listing {
        let Some(index) = self.place_of(is_it) else {
            return self.list(thread(), minimum);
        };
        self.listings += 1;
        let waiter = &mut self.list[index];
        waiter.minimum = minimum;
        waiter.listing = Listing(self.listings);
        waiter.listing
    }

    #[inline]
    fn place_of(&self, mut is_it: impl FnMut(&W) -> bool) -> Option<usize> {
        self.list.iter().position(|waiter| is_it(&waiter.thread))
    }

    /// Takes a thread off the list, if it is there.
    #[inline]
    pub fn unlist(&mut self, is_it: impl FnMut(&W) -> bool) -> Option<Waiter<W>> {
        self.place_of(is_it).map(|index| self.list.swap_remove(index))
    }

    /// Takes out one whom `available` completions are enough for.
    #[inline]
    pub fn satisfied(&mut self, available: u32) -> Option<Waiter<W>> {
        let index = self.list.iter().position(|waiter| waiter.minimum <= available)?;
        Some(self.list.swap_remove(index))
    }

    /// Whether `available` completions are enough for somebody.
    #[must_use]
    pub fn is_satisfied(&self, available: u32) -> bool {
        self.list.iter().any(|waiter| waiter.minimum <= available)
    }

    /// Everybody, when the ring is closed.
    #[must_use = "they are to be let go of without the ring's lock"]
    pub fn take_all(&mut self) -> Vec<Waiter<W>> {
        core::mem::take(&mut self.list)
    }
}

/// One going through the waiters, by whoever posted something: it takes as many as waited when it began. Who is listed later has looked
/// itself, and who posts or makes room later looks at everybody who is there then. So nobody is forgotten, and nobody wakes without an end
/// those who come to wait anew for what others post (rule P15).
#[derive(Debug)]
pub struct Round {
    left: usize,
}

impl Round {
    /// Before the first has been taken out.
    #[inline]
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "one that has begun is no default of anything"
    )]
    pub const fn new() -> Round {
        Round { left: usize::MAX }
    }

    /// Whether it goes on after one was taken out and these are left.
    #[inline]
    pub fn goes_on<W>(&mut self, waiters: &Waiters<W>) -> bool {
        self.left = (self.left - 1).min(waiters.list.len());
        self.left > 0
    }
}

/// Whether a wait that was listed as `listed`, with or without an armed time-out, is the one that `listing` was made for and
/// may end where its thread is woken. One with a time-out looks again itself: that has to be taken back.
#[inline]
#[must_use]
pub fn ends_here(listed: Option<Listing>, is_armed: bool, listing: Listing) -> bool {
    listed == Some(listing) && !is_armed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b4_a_waiter_is_taken_out_when_there_are_enough_and_not_before() {
        let mut waiters = Waiters::with_capacity(2);
        let (one, two) = (waiters.list('a', 3), waiters.list('b', 2));
        assert!(one != two && waiters.satisfied(1).is_none());
        let woken = waiters.satisfied(2).unwrap();
        assert_eq!((woken.thread, woken.listing), ('b', two));
        assert!(waiters.satisfied(2).is_none());
        assert_eq!(waiters.satisfied(3).unwrap().thread, 'a');
        assert!(waiters.is_empty());
    }

    #[test]
    fn b4_a_thread_that_is_listed_anew_waits_for_the_new_number_under_a_new_listing() {
        let mut waiters = Waiters::with_capacity(1);
        let old = waiters.list('a', 1);
        let new = waiters.list_anew(5, |thread| *thread == 'a', || 'a');
        assert!(new != old && waiters.satisfied(4).is_none());
        assert_eq!(waiters.satisfied(5).unwrap().listing, new);
        assert!(waiters.unlist(|thread| *thread == 'a').is_none());
    }

    #[test]
    fn b4_no_listing_is_like_one_before_and_who_is_taken_off_waits_no_more() {
        let mut waiters = Waiters::with_capacity(2);
        let mut listings = alloc::vec![waiters.list('a', 1), waiters.list('b', 1)];
        for _ in 0..3 {
            listings.push(waiters.list_anew(1, |thread| *thread == 'b', || 'b'));
        }
        assert!((1..listings.len()).all(|at| !listings[..at].contains(&listings[at])));
        assert_eq!(
            waiters.unlist(|thread| *thread == 'a').unwrap().listing,
            listings[0]
        );
        assert!(!waiters.is_empty(), "the other one waits still");
        assert_eq!(waiters.satisfied(1).unwrap().thread, 'b');
        assert!(waiters.satisfied(1).is_none() && waiters.is_empty());
    }

    #[test]
    fn p15_a_round_takes_as_many_as_waited_when_it_began_although_others_come_to_wait() {
        let mut waiters = Waiters::with_capacity(4);
        for thread in 0..4 {
            waiters.list(thread, 1);
        }
        let mut round = Round::new();
        let mut woken = 0;
        // Each that is woken waits anew, and somebody else posts for it at once.
        while let Some(waiter) = waiters.satisfied(1) {
            woken += 1;
            if !round.goes_on(&waiters) {
                break;
            }
            waiters.list(waiter.thread, 1);
        }
        assert_eq!(woken, 4);
    }

    #[test]
    fn p15_a_round_takes_everybody_and_looks_no_more_when_nobody_is_left() {
        let mut waiters = Waiters::with_capacity(3);
        let mut round = Round::new();
        for thread in 0..3 {
            waiters.list(thread, 1);
        }
        let mut goes_on = || {
            assert!(waiters.is_satisfied(1) && !waiters.is_satisfied(0));
            waiters.satisfied(1).is_some() && round.goes_on(&waiters)
        };
        assert_eq!([goes_on(), goes_on(), goes_on()], [true, true, false]);
        // Another one's round may take some out meanwhile.
        let mut round = Round::new();
        for thread in 0..5 {
            waiters.list(thread, 1);
        }
        assert!(waiters.satisfied(1).is_some() && round.goes_on(&waiters));
        assert!(
            [waiters.satisfied(1), waiters.satisfied(1)]
                .iter()
                .all(Option::is_some)
        );
        assert!(waiters.satisfied(1).is_some() && round.goes_on(&waiters));
        assert!(waiters.satisfied(1).is_some() && !round.goes_on(&waiters));
    }

    #[test]
    fn b4_a_wait_ends_for_its_own_listing_alone_and_not_while_its_time_out_is_armed() {
        let mut waiters = Waiters::with_capacity(1);
        let old = waiters.list('a', 1);
        let new = waiters.list_anew(1, |thread| *thread == 'a', || 'a');
        assert!(ends_here(Some(new), false, new));
        assert!(!ends_here(Some(new), false, old));
        assert!(!ends_here(Some(new), true, new));
        assert!(!ends_here(None, false, new));
    }
}
