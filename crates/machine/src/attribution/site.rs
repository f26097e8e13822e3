//! The names of what locks guard. A lock is made with its site: `Site::Ring.lock(state)`.

use crate::lock::{Lock, RawLock};

/// What a lock guards. Locks that are made without a site are [`Site::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Site {
    /// Nothing with a name of its own.
    Other,
    /// A CPU's dispatch state.
    Scheduler,
    /// A CPU's deadlines.
    Deadlines,
    /// A CPU's candidate slot.
    Candidate,
    /// The pool of free frames.
    Frames,
    /// The kernel's heap.
    Heap,
    /// A process's capability table.
    Capabilities,
    /// A ring and its operations.
    Ring,
    /// An endpoint.
    Endpoint,
    /// A pipe.
    Pipe,
    /// The regions of an address space.
    AddressSpace,
    /// The turn to change a range of page tables.
    PageChanges,
    /// The page tables of an address space.
    PageTables,
    /// The lists of processes.
    Processes,
    /// A thread's parking cell.
    ParkingCell,
    /// Those who wait on words of memory.
    Park,
    /// The log.
    Log,
    /// A serial line.
    Serial,
}

impl Site {
    /// All sites, in the order of their numbers.
    pub const ALL: [Site; 18] = [
        Site::Other,
        Site::Scheduler,
        Site::Deadlines,
        Site::Candidate,
        Site::Frames,
        Site::Heap,
        Site::Capabilities,
        Site::Ring,
        Site::Endpoint,
        Site::Pipe,
        Site::AddressSpace,
        Site::PageChanges,
        Site::PageTables,
        Site::Processes,
        Site::ParkingCell,
        Site::Park,
        Site::Log,
        Site::Serial,
    ];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Site::Other => "other",
            Site::Scheduler => "scheduler",
            Site::Deadlines => "deadlines",
            Site::Candidate => "candidate",
            Site::Frames => "frames",
            Site::Heap => "heap",
            Site::Capabilities => "capabilities",
            Site::Ring => "ring",
            Site::Endpoint => "endpoint",
            Site::Pipe => "pipe",
            Site::AddressSpace => "address-space",
            Site::PageChanges => "page-changes",
            Site::PageTables => "page-tables",
            Site::Processes => "processes",
            Site::ParkingCell => "parking-cell",
            Site::Park => "park",
            Site::Log => "log",
            Site::Serial => "serial",
        }
    }

    /// A lock of this site around `value`.
    #[inline]
    pub const fn lock<T>(self, value: T) -> Lock<T> {
        Lock::from_raw(RawLock::at(self), value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_sites_are_in_the_order_of_their_numbers() {
        for (number, site) in Site::ALL.into_iter().enumerate() {
            assert_eq!(site as usize, number);
        }
    }
}
