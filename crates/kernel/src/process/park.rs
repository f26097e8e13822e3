//! Parking: a thread waits until another says so, or a word in memory has changed. Comparing the word and joining the
//! queue happen under one lock, which waking takes too, so no wake-up falls between (docs/mutants.md, row 3). docs/abi.md, section 10.

use alloc::vec::Vec;

use machine::Lock;
use machine::attribution::Site;

use crate::ring::operation::Operation;

struct Parked {
    address: u64,
    tid: u32,
    operation: Operation,
}

/// The waiters of one address space, oldest first.
pub struct Parking {
    waiters: Lock<Vec<Parked>>,
}

impl Default for Parking {
    fn default() -> Parking {
        Parking {
            waiters: Site::Park.lock(Vec::new()),
        }
    }
}

impl Parking {
    /// Joins the queue of `address` if `still_wanted` says so under the lock. `begin` makes the operation.
    ///
    /// # Errors
    /// What `still_wanted` or `begin` return.
    pub fn park<E>(
        &self,
        address: u64,
        tid: u32,
        still_wanted: impl FnOnce() -> Result<(), E>,
        begin: impl FnOnce() -> Result<Operation, E>,
    ) -> Result<Operation, E> {
        let mut waiters = self.waiters.lock();
        if waiters.len() == waiters.capacity() {
            waiters.reserve(16);
        }
        still_wanted()?;
        let operation = begin()?;
        waiters.push(Parked {
            address,
            tid,
            operation: operation.clone(),
        });
        Ok(operation)
    }

    /// Takes the longest waiter of `address` out of the queue.
    pub fn unpark(&self, address: u64) -> Option<Operation> {
        let mut waiters = self.waiters.lock();
        let found = waiters.iter().position(|waiter| waiter.address == address)?;
        let parked = if found + 1 == waiters.len() {
            // As most often: nothing has to be moved.
            waiters.pop()?
        } else {
            waiters.remove(found)
        };
        Some(parked.operation)
    }

    /// Takes an operation out of the queue: it has ended in another way.
    pub fn forget(&self, operation: &Operation) {
        let mut waiters = self.waiters.lock();
        let found = waiters.iter().position(|waiter| waiter.operation == *operation);
        let gone = found.map(|index| waiters.remove(index));
        drop(waiters);
        drop(gone);
    }

    /// Takes out everything that a thread waits for here.
    pub fn take_thread(&self, tid: u32) -> Vec<Operation> {
        let mut waiters = self.waiters.lock();
        let mut taken = Vec::new();
        while let Some(found) = waiters.iter().position(|waiter| waiter.tid == tid) {
            taken.push(waiters.remove(found).operation);
        }
        taken
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiters.lock().is_empty()
    }
}
