//! Page tables as the processor reads them (Intel SDM volume 3, section 4.5): four levels of 512 entries. Entries are
//! atomics because the processor writes accessed and dirty bits, and other CPUs walk them, at any time.

use core::sync::atomic::{AtomicU64, Ordering};

use super::direct_map;
use super::frames::Frame;

pub(crate) const PRESENT: u64 = 1 << 0;
pub(crate) const WRITE: u64 = 1 << 1;
pub(crate) const USER: u64 = 1 << 2;
pub(crate) const WRITE_THROUGH: u64 = 1 << 3;
pub(crate) const CACHE_OFF: u64 = 1 << 4;
pub(crate) const LARGE: u64 = 1 << 7;
pub(crate) const GLOBAL: u64 = 1 << 8;
/// Ours: the entry holds a frame reference although it may not be present (a page without any permission).
pub(crate) const HELD: u64 = 1 << 9;
pub(crate) const NO_EXECUTE: u64 = 1 << 63;
pub(crate) const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// One table of 512 entries, somewhere in the direct map.
#[derive(Clone, Copy)]
pub(crate) struct Table(*const [AtomicU64; 512]);

impl Table {
    /// # Safety
    /// `address` is the physical address of a page table that outlives every use of the result.
    #[inline]
    pub(crate) unsafe fn at(address: u64) -> Table {
        Table(direct_map(address).cast())
    }

    #[inline]
    pub(crate) fn entry(&self, index: usize) -> &AtomicU64 {
        // SAFETY: `at` was promised a live table; entries are atomics, valid for any bits.
        unsafe { &(*self.0)[index & 511] }
    }
}

/// The index into the table of `level` (4 = root, 1 = last) for address `virt`.
#[inline]
pub(crate) fn index(virt: u64, level: u32) -> usize {
    (virt >> (12 + 9 * (level - 1))) as usize & 511
}

/// Bytes that one entry of a table of `level` stands for.
#[inline]
pub(crate) const fn reach(level: u32) -> u64 {
    1 << (12 + 9 * (level - 1))
}

/// The last-level table that holds the entry of `virt`; where it does not exist, the level of the entry that is missing:
/// nothing is mapped in that entry's whole [`reach`].
///
/// # Safety
/// As for [`find`].
#[inline]
pub(crate) unsafe fn last_table(root: u64, virt: u64) -> Result<Table, u32> {
    let mut address = root;
    for level in [4, 3, 2] {
        // SAFETY: a present non-large entry of a live table points to a live table.
        let entry = unsafe { Table::at(address) }
            .entry(index(virt, level))
            .load(Ordering::Relaxed);
        if entry & PRESENT == 0 || entry & LARGE != 0 {
            return Err(level);
        }
        address = entry & ADDRESS;
    }
    // SAFETY: as above; the caller keeps the table alive while it uses it.
    Ok(unsafe { Table::at(address) })
}

/// The last-level entry of `virt`, if all tables above it exist.
///
/// # Safety
/// `root` is the physical address of a live root table, and the caller keeps its tables from being freed while it
/// uses the result (it holds the address space's lock, or the tables are the kernel's and eternal).
#[inline]
pub(crate) unsafe fn find<'a>(root: u64, virt: u64) -> Option<&'a AtomicU64> {
    // SAFETY: our caller's promise, passed on.
    let table = unsafe { last_table(root, virt) }.ok()?;
    // SAFETY: in bounds by the mask; the caller keeps the table alive for 'a.
    Some(unsafe { &(*table.0)[index(virt, 1)] })
}

/// As [`find`], making missing tables. `upper` are the permission bits of new upper entries. `None` when RAM is full.
///
/// # Safety
/// As [`find`]; additionally nobody else makes tables under `root` at the same time.
pub(crate) unsafe fn find_or_make<'a>(root: u64, virt: u64, upper: u64) -> Option<&'a AtomicU64> {
    let mut address = root;
    for level in [4, 3, 2] {
        // SAFETY: as in `find`.
        let table = unsafe { Table::at(address) };
        let entry = table.entry(index(virt, level));
        let mut value = entry.load(Ordering::Relaxed);
        if value & PRESENT == 0 {
            value = Frame::zeroed()?.into_entry() | PRESENT | upper;
            entry.store(value, Ordering::Release);
        }
        assert!(
            value & LARGE == 0,
            "a large page is where a table should be, at {virt:#x}"
        );
        address = value & ADDRESS;
    }
    // SAFETY: as in `find`.
    let table = unsafe { Table::at(address) };
    // SAFETY: as in `find`.
    Some(unsafe { &(*table.0)[index(virt, 1)] })
}

/// How many tables [`find_or_make`] would have to make for all pages in `start..end`. Where a table is missing, all under
/// it are.
///
/// # Safety
/// As for [`find`].
pub(crate) unsafe fn missing(root: u64, start: u64, end: u64) -> u64 {
    let mut missing = 0;
    for level in [4, 3, 2] {
        // What one entry of a table of this level reaches.
        let reach = 1_u64 << (12 + 9 * (level - 1));
        let mut virt = start & !(reach - 1);
        while virt < end {
            // SAFETY: our caller's promise, passed on.
            missing += u64::from(!unsafe { is_there(root, virt, level) });
            virt += reach;
        }
    }
    missing
}

/// Whether the entry of `virt` in a table of `level` leads to a table.
///
/// # Safety
/// As for [`find`].
unsafe fn is_there(root: u64, virt: u64, level: u32) -> bool {
    let mut address = root;
    for above in (level..=4).rev() {
        // SAFETY: a present entry of a live table points to a live table; user tables have no large pages.
        let entry = unsafe { Table::at(address) }
            .entry(index(virt, above))
            .load(Ordering::Relaxed);
        if entry & PRESENT == 0 {
            return false;
        }
        address = entry & ADDRESS;
    }
    true
}

/// Frees the tables under a table of `level` and the frames its last level holds.
///
/// # Safety
/// The table was reached from a root that no CPU uses any more, and it is not used again.
pub(crate) unsafe fn free_below(address: u64, level: u32) {
    for slot in 0..512 {
        // SAFETY: live until our caller drops it, after this.
        let entry = unsafe { Table::at(address) }
            .entry(slot)
            .swap(0, Ordering::Relaxed);
        if level == 1 {
            if entry & HELD != 0 {
                // SAFETY: HELD entries got their address from Frame::into_entry; the swap took it out once.
                drop(unsafe { Frame::from_entry(entry & ADDRESS) });
            }
        } else if entry & PRESENT != 0 {
            // SAFETY: a present upper entry of a dead root; nobody walks it any more.
            unsafe { free_below(entry & ADDRESS, level - 1) };
            // SAFETY: tables come from Frame::into_entry (find_or_make).
            drop(unsafe { Frame::from_entry(entry & ADDRESS) });
        }
    }
}
