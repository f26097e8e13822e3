//! Parking: a thread waits until another says so, or a word in memory has changed. Comparing the word and joining the
//! queue happen under one lock, which waking takes too, so no wake-up falls between (docs/mutants.md, row 3). docs/abi.md, section 10.

use alloc::sync::Arc;
use alloc::vec::Vec;

use machine::Lock;
use machine::attribution::Site;

use crate::memory::account::{Account, Short};
use crate::memory::waiting_list::WaitingList;
use crate::ring::operation::{self, Operation};

struct Parked {
    address: u64,
    tid: u32,
    /// How many had come before it.
    arrival: u64,
    operation: Operation,
}

struct State {
    /// Oldest first. The ring that all threads of the process share pays for the first places, as long as the process lives.
    waiters: WaitingList<Parked>,
    /// How many have come.
    arrivals: u64,
}

/// The waiters of one address space.
pub struct Parking {
    state: Lock<State>,
}

impl Default for Parking {
    fn default() -> Parking {
        Parking {
            state: Site::Park.lock(State {
                waiters: WaitingList::with_first_places(operation::LIMIT),
                arrivals: 0,
            }),
        }
    }
}

impl Parking {
    /// Joins the queue of `address` if `still_wanted` says so under the lock. `begin` makes the operation, for which `account`
    /// makes the queue longer.
    ///
    /// # Errors
    /// What `still_wanted` or `begin` return, and [`Short`].
    pub fn park<E: From<Short>>(
        &self,
        address: u64,
        tid: u32,
        account: &Arc<Account>,
        still_wanted: impl FnOnce() -> Result<(), E>,
        begin: impl FnOnce() -> Result<Operation, E>,
    ) -> Result<Operation, E> {
        let mut state = self.state.lock();
        state.waiters.room_for_one_more(account)?;
        still_wanted()?;
        let operation = begin()?;
        let arrival = state.arrivals;
        state.arrivals += 1;
        state.waiters.push_back(Parked {
            address,
            tid,
            arrival,
            operation: operation.clone(),
        });
        Ok(operation)
    }

    /// How many have come so far, those included that have gone.
    #[inline]
    pub fn arrivals(&self) -> u64 {
        self.state.lock().arrivals
    }

    /// Takes the longest waiter of `address` out of the queue, if it came among the `before` first.
    #[inline(always)]
    pub fn unpark(&self, address: u64, before: u64) -> Option<Operation> {
        let waiters = &mut self.state.lock().waiters;
        // By index: an iterator first works out where both halves of the list lie, for a list of one most often.
        let found = (0..waiters.len()).find(|index| waiters[*index].address == address)?;
        if waiters[found].arrival >= before {
            return None;
        }
        let parked = if found == 0 {
            // As most often: nothing has to be moved.
            waiters.pop_front()?
        } else {
            waiters.remove(found)?
        };
        Some(parked.operation)
    }

    /// Takes an operation out of the queue: it has ended in another way.
    pub fn forget(&self, operation: &Operation) {
        let mut state = self.state.lock();
        let found = state
            .waiters
            .iter()
            .position(|waiter| waiter.operation == *operation);
        let gone = found.and_then(|index| state.waiters.remove(index));
        drop(state);
        drop(gone);
    }

    /// Takes out everything that a thread waits for here.
    pub fn take_thread(&self, tid: u32) -> Vec<Operation> {
        let waiters = &mut self.state.lock().waiters;
        let mut taken = Vec::new();
        while let Some(found) = waiters.iter().position(|waiter| waiter.tid == tid)
            && let Some(parked) = waiters.remove(found)
        {
            taken.push(parked.operation);
        }
        taken
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.state.lock().waiters.is_empty()
    }
}
