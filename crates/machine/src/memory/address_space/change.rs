//! Taking pages away and changing what may be done with them: ranges as long as programs wish. The tables are locked for a piece
//! at a time, and not at all while other CPUs are waited for, so that nobody who only wants one page waits for the whole.
//! What keeps the pieces together is a turn ([`Change`]). Rule P4; docs/soundness/memory.md.

use core::sync::atomic::Ordering;

use super::{AddressSpace, Protection};
use crate::lock::LockGuard;
use crate::memory::frames::Frame;
use crate::memory::table;

/// The turn of whoever takes pages away or changes what may be done with them. In each space one has it at a time, so that between the
/// pieces of a range, and while other CPUs are waited for, nobody else changes entries that show a frame; who only reads them, writes
/// through them or shows a page anew waits for a piece at most.
#[must_use = "the turn ends when this is dropped"]
pub struct Change<'a> {
    space: &'a AddressSpace,
    _turn: LockGuard<'a, ()>,
}

impl Change<'_> {
    /// Takes `pages` pages from `start` away and drops their frames once no CPU can reach them. Pages that show
    /// nothing are skipped. Returns how many frames went.
    pub fn unmap(&self, start: u64, pages: u64) -> u64 {
        let space = self.space;
        let mut found = false;
        space.for_each_entry(start, pages, |entry| {
            if entry.load(Ordering::Relaxed) & table::HELD != 0 {
                entry.fetch_and(!table::PRESENT, Ordering::SeqCst);
                found = true;
            }
        });
        if !found {
            return 0;
        }
        space.flush(start, pages);
        let mut gone = 0;
        space.for_each_entry(start, pages, |entry| {
            let held = entry.load(Ordering::Relaxed);
            // What is present was shown meanwhile, where nothing was before.
            if held & (table::HELD | table::PRESENT) == table::HELD {
                entry.store(0, Ordering::Relaxed);
                // SAFETY: HELD entries come from Frame::into_entry in `map`; the tables are locked and this one was taken out once,
                // and `flush` has returned: no CPU translates to the frame any more. Nobody else has made it absent since
                // (`self`), and whoever shows a page finds it taken.
                drop(unsafe { Frame::from_entry(held & table::ADDRESS) });
                gone += 1;
            }
        });
        space.frames.fetch_sub(gone, Ordering::Relaxed);
        gone
    }

    /// Gives `pages` pages from `start` a new permission. Pages that show nothing are skipped.
    pub fn protect(&self, start: u64, pages: u64, protection: Protection) {
        let bits = protection.bits_of_entry();
        let mut changed = false;
        self.space.for_each_entry(start, pages, |entry| {
            let before = entry.load(Ordering::Relaxed);
            if before & table::HELD != 0 {
                entry.store(before & table::ADDRESS | bits, Ordering::SeqCst);
                changed = true;
            }
        });
        if changed {
            self.space.flush(start, pages);
        }
    }
}

impl AddressSpace {
    /// Waits until nobody else changes a range of this space, and begins to.
    #[inline]
    pub fn change(&self) -> Change<'_> {
        Change {
            space: self,
            _turn: self.changes.lock(),
        }
    }
}
