//! One process's user half: which page shows which frame with which permission. The kernel keeps the ranges and their
//! rules (kernel::memory); this file keeps the processor's tables true and memory sound: a frame that a page shows is
//! referenced by its entry, and the reference is given back only after every CPU has dropped the translation.

mod change;

pub use change::Change;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering, fence};

use super::frames::Frame;
use super::table::{self, Table};
use super::{PAGE, USER_END, kernel_map, tlb};
use crate::attribution::Site;
use crate::copy::copy_bytes;
use crate::lock::Lock;

/// Pages whose entries are looked at while the tables are locked once. Ranges are as long as programs wish, and other CPUs wait for
/// the tables with interrupts off.
const PIECE: u64 = 64;

bitflags::bitflags! {
    /// What user space may do with a page. Writing and executing exclude each other (rule P4).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Protection: u8 {
        /// Loads.
        const READ = 1;
        /// Stores; implies loads on this architecture.
        const WRITE = 2;
        /// Instruction fetches; implies loads on this architecture.
        const EXECUTE = 4;
    }
}

impl Protection {
    fn bits_of_entry(self) -> u64 {
        assert!(
            !self.contains(Protection::WRITE | Protection::EXECUTE),
            "writable code"
        );
        let mut entry = table::HELD | table::USER;
        if !self.is_empty() {
            entry |= table::PRESENT;
        }
        if self.contains(Protection::WRITE) {
            entry |= table::WRITE;
        }
        if !self.contains(Protection::EXECUTE) {
            entry |= table::NO_EXECUTE;
        }
        entry
    }
}

/// Entries of the root for the user half.
const USER_SLOTS: usize = 256;

/// Why a page could not be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// The page shows a frame already, or lies outside the user half.
    Taken,
    /// No RAM for a page table.
    OutOfMemory,
}

/// A user address at which memory is not there, or not with the wanted permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMapped {
    /// The first such address, or the page that holds it.
    pub address: u64,
}

/// The page tables of one process.
pub struct AddressSpace {
    root: Frame,
    /// Held by whoever takes pages away or changes permissions, for a whole range; see [`Change`].
    changes: Lock<()>,
    /// Held while entries change or frames are reached through them: for a piece of a range at most.
    tables: Lock<()>,
    /// One bit per CPU that may hold translations of this space.
    active: Box<[AtomicU64]>,
    /// Frames that are shown; changes under `tables`.
    frames: AtomicU64,
}

impl AddressSpace {
    /// An empty user half over the kernel's half. `None` when RAM is full.
    pub fn new() -> Option<Arc<AddressSpace>> {
        let root = Frame::zeroed()?;
        for slot in USER_SLOTS..512 {
            // SAFETY: both roots are live; the kernel's never dies.
            let (ours, kernel) = unsafe { (Table::at(root.address()), Table::at(kernel_map::root())) };
            ours.entry(slot)
                .store(kernel.entry(slot).load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let words = crate::cpu::count().div_ceil(64);
        let active = (0..words).map(|_| AtomicU64::new(0)).collect();
        Some(Arc::new(AddressSpace {
            root,
            changes: Site::PageChanges.lock(()),
            tables: Site::PageTables.lock(()),
            active,
            frames: AtomicU64::new(0),
        }))
    }

    pub(crate) fn root(&self) -> u64 {
        self.root.address()
    }

    pub(crate) fn set_active(&self, cpu: usize, active: bool) {
        let bit = 1 << (cpu % 64);
        if active {
            self.active[cpu / 64].fetch_or(bit, Ordering::SeqCst);
        } else {
            self.active[cpu / 64].fetch_and(!bit, Ordering::SeqCst);
        }
    }

    #[inline(always)]
    fn entry(&self, virt: u64) -> Option<&AtomicU64> {
        if virt >= USER_END {
            return None;
        }
        // SAFETY: callers hold `tables`, which every change of the tables takes too.
        unsafe { table::find(self.root.address(), virt) }
    }

    /// How many page tables are missing for `pages` pages from `start`: what [`Self::make_tables`] will take.
    pub fn missing_tables(&self, start: u64, pages: u64) -> u64 {
        let _guard = self.tables.lock();
        // SAFETY: the lock is held, and only who holds it frees tables.
        unsafe { table::missing(self.root.address(), start, end_of(start, pages)) }
    }

    /// Makes the page tables for `pages` pages from `start`, so that showing frames there needs no more.
    ///
    /// # Errors
    /// When RAM is full. Those that were made stay, until the space goes or is cleared.
    pub fn make_tables(&self, start: u64, pages: u64) -> Result<(), MapError> {
        let end = end_of(start, pages);
        let mut virt = start;
        while virt < end {
            let _guard = self.tables.lock();
            // SAFETY: the lock is held, so nobody else makes tables here.
            unsafe { table::find_or_make(self.root.address(), virt, table::WRITE | table::USER) }
                .ok_or(MapError::OutOfMemory)?;
            virt = next_multiple(virt, table::reach(2));
        }
        Ok(())
    }

    /// Shows `frame` at page `virt`.
    ///
    /// # Errors
    /// When the page is taken or no table could be made; the frame reference is dropped then.
    pub fn map(&self, virt: u64, frame: Frame, protection: Protection) -> Result<(), MapError> {
        if virt >= USER_END || !virt.is_multiple_of(PAGE) {
            return Err(MapError::Taken);
        }
        let _guard = self.tables.lock();
        // SAFETY: the lock is held, so nobody else makes tables here.
        let entry = unsafe { table::find_or_make(self.root.address(), virt, table::WRITE | table::USER) }
            .ok_or(MapError::OutOfMemory)?;
        if entry.load(Ordering::Relaxed) & table::HELD != 0 {
            return Err(MapError::Taken);
        }
        entry.store(frame.into_entry() | protection.bits_of_entry(), Ordering::Release);
        self.frames.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// How many pages show a frame now.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Calls `each` with the last-level entries of these pages that exist, with the tables locked for a piece at a time. Where a
    /// table is missing, all its pages are passed over at once: much of what is promised to a process is never touched.
    fn for_each_entry(&self, start: u64, pages: u64, mut each: impl FnMut(&AtomicU64)) {
        let end = end_of(start, pages);
        let mut virt = start & !(PAGE - 1);
        while virt < end {
            let _guard = self.tables.lock();
            // SAFETY: the lock is held, which every change of the tables takes too.
            virt = match unsafe { table::last_table(self.root.address(), virt) } {
                Ok(table) => {
                    let stop = next_multiple(virt, PIECE * PAGE).min(end);
                    for page in (virt..stop).step_by(PAGE as usize) {
                        each(table.entry(table::index(page, 1)));
                    }
                    stop
                }
                Err(level) => next_multiple(virt, table::reach(level)),
            };
        }
    }

    fn pages(&self, start: u64, pages: u64) -> impl Iterator<Item = u64> + use<> {
        let end = end_of(start, pages);
        (start & !(PAGE - 1)..end).step_by(PAGE as usize)
    }

    /// Returns when no CPU holds a translation of these pages from before the call.
    fn flush(&self, start: u64, pages: u64) {
        fence(Ordering::SeqCst);
        if pages <= 32 {
            self.pages(start, pages).for_each(crate::registers::flush_page);
        } else {
            crate::registers::flush_all();
        }
        tlb::shoot_down(&self.active);
    }

    /// The frame shown at the page of `virt`, if it is there with all of `wanted`.
    pub fn frame_at(&self, virt: u64, wanted: Protection) -> Option<Frame> {
        let _guard = self.tables.lock();
        let entry = self.entry(virt)?.load(Ordering::Acquire);
        let need = (wanted.bits_of_entry() & (table::PRESENT | table::WRITE)) | table::PRESENT;
        if entry & need != need {
            return None;
        }
        // SAFETY: the entry holds a reference and the lock keeps it there while we count one more: take it out as a
        // Frame, clone, and put it back.
        let held = unsafe { Frame::from_entry(entry & table::ADDRESS) };
        let copy = held.clone();
        let _ = held.into_entry();
        Some(copy)
    }

    /// Copies `bytes` to user address `to` of this space, which need not be the loaded one.
    ///
    /// # Errors
    /// The first address that is not writable there; pages before it have been written.
    #[inline]
    pub fn write(&self, to: u64, bytes: &[u8]) -> Result<(), NotMapped> {
        if to >= USER_END || bytes.len() as u64 > PAGE - (to & (PAGE - 1)) {
            return self.write_pages(to, bytes);
        }
        // As most messages: within one page.
        let _guard = self.tables.lock();
        let entry = self.entry(to).map_or(0, |entry| entry.load(Ordering::Acquire));
        let need = table::PRESENT | table::WRITE;
        if entry & need != need {
            return Err(NotMapped { address: to });
        }
        let pointer = super::direct_map((entry & table::ADDRESS) + (to & (PAGE - 1)));
        // SAFETY: the entry holds a reference to the frame, the lock keeps it there, and the range ends with the page.
        unsafe { copy_bytes(pointer, bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    /// The same for a range that may lie on several pages, or outside the user half.
    #[inline(never)]
    fn write_pages(&self, to: u64, bytes: &[u8]) -> Result<(), NotMapped> {
        self.walk(to, bytes.len(), Protection::WRITE, |pointer, range| {
            // SAFETY: `walk` gives pointers into frames that it keeps mapped during the call; ranges lie in `bytes`.
            unsafe { copy_bytes(pointer, bytes[range.clone()].as_ptr(), range.len()) };
        })
    }

    /// Copies from user address `from` of this space into `bytes`.
    ///
    /// # Errors
    /// The first address that is not readable there.
    pub fn read(&self, from: u64, bytes: &mut [u8]) -> Result<(), NotMapped> {
        let len = bytes.len();
        self.walk(from, len, Protection::READ, |pointer, range| {
            // SAFETY: as in `write`.
            unsafe { copy_bytes(bytes[range.clone()].as_mut_ptr(), pointer, range.len()) };
        })
    }

    /// Calls `each` with a direct-map pointer and the part of `0..len` it stands for, page by page, each with the tables locked.
    #[inline]
    fn walk(
        &self,
        from: u64,
        len: usize,
        wanted: Protection,
        mut each: impl FnMut(*mut u8, core::ops::Range<usize>),
    ) -> Result<(), NotMapped> {
        let end = from.checked_add(len as u64).filter(|end| *end <= USER_END);
        if end.is_none() {
            return Err(NotMapped { address: from });
        }
        let need = table::PRESENT
            | if wanted.contains(Protection::WRITE) {
                table::WRITE
            } else {
                0
            };
        let mut done = 0;
        while done < len {
            let _guard = self.tables.lock();
            let virt = from + done as u64;
            let within = virt & (PAGE - 1);
            let part = (len - done).min((PAGE - within) as usize);
            let entry = self.entry(virt).map_or(0, |entry| entry.load(Ordering::Acquire));
            if entry & need != need {
                return Err(NotMapped { address: virt });
            }
            each(
                super::direct_map((entry & table::ADDRESS) + within),
                done..done + part,
            );
            done += part;
        }
        Ok(())
    }

    /// Takes all pages and page tables away, and drops them once no CPU can reach them. Who has this space loaded finds
    /// nothing in it from then on.
    pub fn clear(&self) {
        let _turn = self.change();
        let mut tables = [0; USER_SLOTS];
        {
            let _guard = self.tables.lock();
            // SAFETY: the root is ours, and the lock keeps others from using what it leads to.
            let root = unsafe { Table::at(self.root.address()) };
            for (slot, table) in tables.iter_mut().enumerate() {
                *table = root.entry(slot).swap(0, Ordering::SeqCst) & table::ADDRESS;
            }
            self.frames.store(0, Ordering::Relaxed);
        }
        if tables == [0; USER_SLOTS] {
            return;
        }
        crate::registers::flush_all();
        tlb::shoot_down(&self.active);
        for table in tables.into_iter().filter(|table| *table != 0) {
            // SAFETY: tables in the user half come from Frame::into_entry (find_or_make), and the swap took this one out once.
            // No CPU walks it any more: all have flushed since, and who took the lock since found nothing.
            unsafe {
                table::free_below(table, 3);
                drop(Frame::from_entry(table));
            }
        }
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        // The last reference is gone: a CPU that has this space loaded holds one (cpu.rs), so none has, and nobody is asked
        // to flush.
        self.clear();
    }
}

/// The smallest multiple of `of`, a power of two, above `address`.
fn next_multiple(address: u64, of: u64) -> u64 {
    (address | (of - 1)) + 1
}

/// The first address behind these pages, within the user half.
fn end_of(start: u64, pages: u64) -> u64 {
    start.saturating_add(pages.saturating_mul(PAGE)).min(USER_END)
}
