//! Processes: an address space, a capability table, rings and threads that end together. `thread` is a thread's record,
//! `attention` what it has to see to before it runs on, `image` a program ready to be mapped, `spawn` makes processes, `exit` ends them, `burial` takes them apart, `told` is what
//! those hear who wait for that, `table` lists them. Rule P5.

pub mod attention;
pub mod burial;
pub mod exit;
pub mod image;
pub mod park;
pub mod spawn;
pub mod table;
pub mod thread;
pub mod told;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU32, AtomicUsize};

use caps::Table;
use machine::Lock;
use sched::{Account, Principal, Usage};

use crate::capability::Capability;
use crate::memory::account::{Account as MemoryAccount, Charge as MemoryCharge};
use crate::memory::space::Space;
use crate::ring::Ring;
use crate::ring::operation::{Operation, WaitPlace};
use exit::Ending;
use park::Parking;
use thread::Thread;

/// What a process may have at most.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// Capabilities.
    pub capabilities: usize,
    /// Threads.
    pub threads: usize,
    /// Living children.
    pub children: u32,
    /// Sleeps under way.
    pub sleeps: u32,
    /// Pages of frame grants.
    pub frame_pages: u64,
    /// Pages of committed memory.
    pub committed_pages: u64,
    /// Calls waiting at an endpoint it owns.
    pub endpoint_queue: usize,
    /// Calls received and not answered.
    pub in_flight: usize,
}

impl Default for Quota {
    fn default() -> Quota {
        use abi::limits::default_profile as profile;
        Quota {
            capabilities: profile::CAPS as usize,
            threads: profile::THREADS as usize,
            children: profile::PROCESSES,
            sleeps: profile::TIMER_WAITERS,
            frame_pages: profile::FRAME_GRANT_PAGES,
            committed_pages: profile::MEMORY_COMMIT_BYTES / abi::layout::PAGE_SIZE,
            endpoint_queue: profile::ENDPOINT_QUEUE as usize,
            in_flight: profile::IN_FLIGHT_CALLS as usize,
        }
    }
}

impl Quota {
    /// The account of a process with this quota: for its pages, and a sixteenth of them on top for page tables and for what
    /// waits in the kernel on its behalf.
    pub fn account(&self) -> Arc<MemoryAccount> {
        let pages = self.committed_pages + self.committed_pages / 16;
        MemoryAccount::new(pages * abi::layout::PAGE_SIZE, self.frame_pages)
    }
}

/// Living threads of all processes.
static LIVING: AtomicUsize = AtomicUsize::new(0);

/// How many threads live. Counted as they come and go, so that nobody has to ask every process (rule P15).
pub fn thread_count() -> usize {
    LIVING.load(Relaxed)
}

/// The living threads of a process, and those whose handles may still be asked.
#[derive(Default)]
pub struct Threads {
    /// Living threads, by creation.
    pub living: Vec<Arc<Thread>>,
    /// How many have left the list above and are just being taken apart.
    pub burials: usize,
    /// What those did that have left the list above.
    pub gone: Account,
    /// The number of the last one that was added, 0 before the first.
    pub last_tid: u32,
}

impl Threads {
    /// Adds a living thread.
    pub fn add(&mut self, thread: Arc<Thread>) {
        self.living.push(thread);
        LIVING.fetch_add(1, Relaxed);
    }

    /// Takes a thread that has ended out of the list, for its burial.
    pub fn begin_burial(&mut self, thread: &Thread) {
        let before = self.living.len();
        self.living
            .retain(|living| !core::ptr::eq(&raw const **living, thread));
        LIVING.fetch_sub(before - self.living.len(), Relaxed);
        self.burials += 1;
    }

    /// A number that no thread of the process ever had, from 1; `None` when all are used up. By its number a thread is found
    /// and its end ordered, so none is given twice.
    pub fn next_tid(&mut self) -> Option<u32> {
        self.last_tid = self.last_tid.checked_add(1)?;
        Some(self.last_tid)
    }
}

/// A process.
pub struct Process {
    /// Its number; never used again.
    pub pid: u32,
    /// Its parent's number, 0 for init.
    pub parent: u32,
    /// What its parent called it.
    pub name: String,
    /// What it may have.
    pub quota: Quota,
    /// What its memory is charged to, and what the kernel keeps for it.
    pub account: Arc<MemoryAccount>,
    /// Its memory.
    pub space: Arc<Space>,
    /// What it holds.
    pub capabilities: Lock<Table<Capability>>,
    /// How many owner facets of endpoints have left that table.
    pub facets_lost: AtomicU32,
    /// Names from its capset, by capability id.
    pub labels: Lock<Vec<(u32, String)>>,
    /// Its rings: the shared one first, then threads' own.
    pub rings: Lock<Vec<Arc<Ring>>>,
    /// Its threads.
    pub threads: Lock<Threads>,
    /// Where its threads park.
    pub parking: Parking,
    /// Whether and how it ends.
    pub ending: Lock<Ending>,
    /// Sleeps under way.
    pub sleeps: AtomicU32,
    /// Living children.
    pub children: AtomicU32,
    /// CPU time used.
    pub usage: Arc<Usage>,
    /// What its threads share CPU time through, if processes are what shares it (rule D7).
    pub principal: Option<Arc<Principal>>,
    /// For what it holds as long as it lives.
    pub living: Lock<MemoryCharge>,
    /// For its record.
    pub record: MemoryCharge,
}

impl Process {
    /// Its living threads.
    pub fn living_threads(&self) -> Vec<Arc<Thread>> {
        self.threads.lock().living.clone()
    }

    /// The living thread with the lowest number above `tid`.
    pub fn living_after(&self, tid: u32) -> Option<Arc<Thread>> {
        let threads = self.threads.lock();
        threads.living.iter().find(|thread| thread.tid() > tid).cloned()
    }

    /// What its threads did, living and gone, as of the last time each left a CPU (rule C3). CPU time and switches are shown
    /// from its [`Usage`], which is brought up to date with each stay.
    pub fn tally(&self) -> Account {
        let threads = self.threads.lock();
        let mut tally = threads.gone;
        for thread in &threads.living {
            tally.add(&thread.task().shown());
        }
        tally
    }

    /// The capability with this id.
    pub fn capability(&self, id: u32) -> Option<Capability> {
        self.with_capability(id, Capability::clone)
    }

    /// Looks at the capability with this id; `look` runs under the table's lock.
    #[inline]
    pub fn with_capability<R>(&self, id: u32, look: impl FnOnce(&Capability) -> R) -> Option<R> {
        self.capabilities.lock().get(caps::CapId::from_raw(id)).map(look)
    }

    /// Unmaps and forgets a thread's own ring: the thread has ended, or never began.
    pub fn remove_own_ring(&self, ring: &Arc<Ring>) {
        let page = ring.own_page.lock().take();
        if let Some(page) = page {
            self.space.remove_page(page);
        }
        let mut rings = self.rings.lock();
        let gone = rings
            .iter()
            .position(|other| Arc::ptr_eq(other, ring))
            .map(|index| rings.swap_remove(index));
        drop(rings);
        drop(gone);
    }
}

impl WaitPlace for Process {
    fn forget(&self, operation: &Operation) {
        self.parking.forget(operation);
        self.ending.lock().waiters.retain(|waiter| waiter != operation);
    }
}

/// Counts `counter` up by one if it stays within `limit`.
#[must_use = "nothing was counted if it is false"]
pub fn take_one(counter: &AtomicU32, limit: u32) -> bool {
    counter
        .fetch_update(Relaxed, Relaxed, |value| (value < limit).then_some(value + 1))
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p5_no_thread_gets_the_number_of_another() {
        let mut threads = Threads::default();
        assert_eq!([threads.next_tid(), threads.next_tid()], [Some(1), Some(2)]);
        threads.last_tid = u32::MAX - 1;
        let last = [threads.next_tid(), threads.next_tid(), threads.next_tid()];
        assert_eq!(last, [Some(u32::MAX), None, None]);
    }
}
