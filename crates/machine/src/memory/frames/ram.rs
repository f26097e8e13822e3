//! From the loader's memory map to free frames: where the bookkeeping lies, and what is free because nobody reserved it.

use core::sync::atomic::Ordering;

use super::pool::{INFO_BASE, INFO_LEN, Info, POOL, block_order};
use super::{FREE, TOTAL};
use crate::memory::{LOW, PAGE, PhysRange, direct_map};

fn add(range: PhysRange, reserved: &[PhysRange]) {
    let mut start = range.start.next_multiple_of(PAGE);
    let end = range.end & !(PAGE - 1);
    while start < end {
        let hit = reserved
            .iter()
            .filter(|r| r.end > start && r.start < end)
            .min_by_key(|r| r.start);
        let stop = hit.map_or(end, |r| r.start & !(PAGE - 1)).max(start);
        let mut pool = POOL.lock();
        let (mut number, last) = (start / PAGE, stop / PAGE);
        FREE.fetch_add(last - number, Ordering::Relaxed);
        TOTAL.fetch_add(last - number, Ordering::Relaxed);
        while number < last {
            let order = block_order(number, last);
            pool.push(number, order);
            number += 1 << order;
        }
        start = hit.map_or(end, |r| r.end.next_multiple_of(PAGE));
    }
}

fn below(range: PhysRange, limit: u64) -> PhysRange {
    PhysRange {
        start: range.start.min(limit),
        end: range.end.min(limit),
    }
}

/// Makes the bookkeeping array and frees all RAM below 4 GiB (all that the boot page table reaches) but `reserved`.
///
/// # Safety
/// Called once, before any other function here; `ram` is real and unused except for `reserved`.
pub(in crate::memory) unsafe fn init(ram: &[PhysRange], reserved: &[PhysRange]) {
    let frames = ram.iter().map(|range| range.end / PAGE).max().unwrap_or(0);
    let bytes = (frames * size_of::<Info>() as u64).next_multiple_of(PAGE);
    let home = ram
        .iter()
        .map(|range| below(*range, LOW))
        .find_map(|range| gap(range, reserved, bytes))
        .expect("no room for the frame table: give the machine more memory");
    // All ones: no frame heads a free block yet.
    // SAFETY: `home` is unused RAM inside the boot page table's reach (found just above), and stays reserved below.
    unsafe { core::ptr::write_bytes(direct_map(home.start).cast::<u64>(), 0xff, (bytes / 8) as usize) };
    INFO_BASE.store(direct_map(home.start) as u64, Ordering::Relaxed);
    INFO_LEN.store(frames, Ordering::Relaxed);
    for range in ram {
        add_except(below(*range, LOW), reserved, home);
    }
}

fn add_except(range: PhysRange, reserved: &[PhysRange], table: PhysRange) {
    let mut all = [PhysRange::EMPTY; 16];
    all[..reserved.len()].copy_from_slice(reserved);
    all[reserved.len()] = table;
    add(range, &all[..=reserved.len()]);
}

/// Room for `bytes` in `range` that touches nothing reserved.
fn gap(range: PhysRange, reserved: &[PhysRange], bytes: u64) -> Option<PhysRange> {
    let mut start = range.start.next_multiple_of(PAGE);
    loop {
        let end = start.checked_add(bytes)?;
        if end > range.end {
            return None;
        }
        match reserved.iter().find(|r| r.end > start && r.start < end) {
            Some(taken) => start = taken.end.next_multiple_of(PAGE),
            None => return Some(PhysRange { start, end }),
        }
    }
}

/// Frees RAM above 4 GiB, once the final direct map reaches it.
///
/// # Safety
/// Called once, after [`init`] and after the kernel's own page table is loaded.
pub(in crate::memory) unsafe fn add_high_memory(ram: &[PhysRange], reserved: &[PhysRange]) {
    for range in ram.iter().filter(|range| range.end > LOW) {
        let high = PhysRange {
            start: range.start.max(LOW),
            end: range.end,
        };
        add_except(high, reserved, PhysRange::EMPTY);
    }
}
