//! A lane: one thread's own side of one ring. It submits, collects completions, and keeps the books on what
//! is in flight, so that no buffer is freed while the kernel may still write to it.
//!
//! Every thread of this runtime has a ring of its own, so a lane is never shared and needs no lock. At most 32
//! operations are in flight per lane: then the completion queue, which has 32 places, cannot overflow.
//! [`crate::pending`] makes owned operations from this; [`crate::thread_block`] says how a thread finds its lane.

use alloc::vec::Vec;

use abi::ring::{CQ_ENTRIES, Cqe, SQ_ENTRIES, Sqe};

use crate::ring::RingPage;
use crate::syscall::{Entered, enter};

/// As many operations as the completion queue has places.
const SLOTS: usize = CQ_ENTRIES as usize;

/// Names one operation in flight in this thread's lane. It travels as `user_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl Ticket {
    fn index(self) -> usize {
        (self.0 & 0xff) as usize
    }

    /// The number that stands in the submission.
    pub(crate) fn user_data(self) -> u64 {
        self.0
    }
}

/// Memory that an operation in flight may still touch.
#[derive(Default)]
pub(crate) struct Buffers {
    pub(crate) params: Vec<u8>,
    pub(crate) result: Vec<u64>,
}

/// What became of one place in the table.
enum State {
    Free,
    Flying,
    /// Nobody waits for it any more; its buffers stay here until the kernel is done with them.
    Abandoned {
        _until_completion: Buffers,
    },
    Done(Cqe),
}

struct Slot {
    state: State,
    /// Counts the uses of this place, so that every ticket is different.
    uses: u64,
}

/// One thread's side of a ring.
pub(crate) struct Lane {
    pub(crate) page: RingPage,
    sq_tail: u32,
    cq_head: u32,
    slots: [Slot; SLOTS],
    /// Completions collected since `wait_any` last returned, without those that somebody waited for by name.
    news: u32,
}

/// More operations in flight than the ring has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyInFlight;

impl Lane {
    pub(crate) fn new(page: RingPage) -> Lane {
        let (sq_tail, cq_head) = page.start_indices();
        Lane {
            page,
            sq_tail,
            cq_head,
            slots: [const {
                Slot {
                    state: State::Free,
                    uses: 0,
                }
            }; SLOTS],
            news: 0,
        }
    }

    /// Queues `sqe` under a new ticket, written into its `user_data`. It starts at the next entry into the kernel.
    ///
    /// # Safety
    /// The memory that `sqe` names must stay valid, and untouched if the kernel may write it, until the
    /// ticket's completion was taken (`wait`, `take`), or be handed over with [`Lane::abandon`].
    pub(crate) unsafe fn submit(&mut self, mut sqe: Sqe) -> Result<Ticket, TooManyInFlight> {
        if self.free_slot().is_none() {
            self.collect();
        }
        let index = self.free_slot().ok_or(TooManyInFlight)?;
        while self.page.queued(self.sq_tail) >= SQ_ENTRIES {
            must_enter(enter(0, 0));
        }
        let slot = &mut self.slots[index];
        slot.uses += 1;
        slot.state = State::Flying;
        let ticket = Ticket(slot.uses << 8 | index as u64);
        sqe.user_data = ticket.user_data();
        self.page.push(self.sq_tail, &sqe);
        self.sq_tail = self.sq_tail.wrapping_add(1);
        Ok(ticket)
    }

    fn free_slot(&self) -> Option<usize> {
        self.slots
            .iter()
            .position(|slot| matches!(slot.state, State::Free))
    }

    /// Moves every unread completion into the table.
    pub(crate) fn collect(&mut self) {
        while let Some(cqe) = self.page.pop(self.cq_head) {
            self.cq_head = self.cq_head.wrapping_add(1);
            self.news += 1;
            let ticket = Ticket(cqe.user_data);
            let Some(slot) = self.slots.get_mut(ticket.index()) else {
                continue;
            };
            // A completion for something we did not submit would be the kernel's mistake; it helps nobody to
            // take it for an answer to something else.
            if slot.uses == cqe.user_data >> 8 {
                slot.state = match slot.state {
                    State::Flying => State::Done(cqe),
                    State::Abandoned { .. } | State::Free => State::Free,
                    State::Done(first) => State::Done(first),
                };
            }
        }
    }

    /// The completion of `ticket` if it has been collected; the place is free afterwards.
    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<Cqe> {
        let slot = &mut self.slots[ticket.index()];
        let State::Done(cqe) = slot.state else { return None };
        debug_assert!(cqe.user_data == ticket.user_data());
        slot.state = State::Free;
        Some(cqe)
    }

    /// Whether the completion of `ticket` is here; collects first, does not enter the kernel.
    pub(crate) fn is_done(&mut self, ticket: Ticket) -> bool {
        self.collect();
        matches!(self.slots[ticket.index()].state, State::Done(_))
    }

    /// Enters the kernel until `ticket` is done.
    pub(crate) fn wait(&mut self, ticket: Ticket) -> Cqe {
        if let Some(cqe) = self.take(ticket) {
            return cqe;
        }
        loop {
            must_enter(enter(1, u64::MAX));
            self.collect();
            if let Some(cqe) = self.take(ticket) {
                self.news -= 1; // This one is no news to anybody else.
                return cqe;
            }
        }
    }

    /// Like [`Lane::wait`] for two operations that are worth a single entry: the second usually waits.
    pub(crate) fn wait_both(&mut self, first: Ticket, second: Ticket) -> (Cqe, Cqe) {
        must_enter(enter(2, u64::MAX));
        self.collect();
        while !(self.is_done(first) && self.is_done(second)) {
            must_enter(enter(1, u64::MAX));
        }
        let taken = (self.take(first), self.take(second));
        let (Some(first), Some(second)) = taken else {
            unreachable!("both were just seen done")
        };
        self.news -= 2;
        (first, second)
    }

    /// Runs what is queued and waits for news, at most `timeout_ns`: for any completion that came since the
    /// last call returned, whether or not a look at some other operation has collected it already.
    pub(crate) fn wait_any(&mut self, timeout_ns: u64) -> bool {
        self.collect();
        must_enter(enter(u32::from(self.news == 0), timeout_ns));
        self.collect();
        core::mem::take(&mut self.news) > 0
    }

    /// The page and both indices, for a stretch of work that keeps its own books ([`crate::raw`]). Whoever takes them
    /// leaves nothing in flight and both indices as the page has them.
    ///
    /// # Panics
    /// When something is in flight: its completion would be taken by the wrong reader.
    pub(crate) fn bare(&mut self) -> (&mut RingPage, &mut u32, &mut u32) {
        self.collect();
        let idle = |slot: &Slot| matches!(slot.state, State::Free | State::Done(_));
        assert!(self.slots.iter().all(idle), "operations are in flight");
        (&mut self.page, &mut self.sq_tail, &mut self.cq_head)
    }

    /// Gives up on `ticket`. If the kernel may still use its buffers, they are kept until it no longer does.
    pub(crate) fn abandon(&mut self, ticket: Ticket, buffers: Buffers) {
        if !self.is_done(ticket) {
            self.slots[ticket.index()].state = State::Abandoned {
                _until_completion: buffers,
            };
        } else {
            self.slots[ticket.index()].state = State::Free;
        }
    }
}

/// Sleeps for about `duration_ns` without needing any capability: waits for more completions than can be.
pub fn nap(duration_ns: u64) {
    enter(CQ_ENTRIES, duration_ns);
}

/// A kernel that refuses the entry itself leaves nothing to go on with.
fn must_enter(entered: Entered) {
    match entered {
        Entered::Available(_) => {}
        Entered::HeadOwnedElsewhere | Entered::ConsumerBusy => core::hint::spin_loop(),
        Entered::Rejected => crate::syscall::exit(abi::syscall::exit_code::RING_PROTOCOL),
    }
}
