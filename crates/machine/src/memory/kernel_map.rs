//! The kernel's own half: all RAM and the first 4 GiB in large pages (writable, never executable, and read-only
//! where the kernel's code lies), the image with one permission per section, kernel stacks with guard pages, and
//! device registers uncached. Made once at boot; every address space shares these tables by their root entries.

use core::sync::atomic::{AtomicU64, Ordering};

use super::frames::Frame;
use super::table::{self, Table};
use super::{DIRECT_MAP, DYNAMIC, IMAGE_BASE, LOW, PAGE, PhysRange};
use crate::lock::Lock;

const LARGE_PAGE: u64 = 2 << 20;

/// Physical address of the kernel's root table; written once by [`init`].
static ROOT: AtomicU64 = AtomicU64::new(0);
/// Guards changes of the kernel's tables, and holds the next unused address of the dynamic region.
static NEXT_DYNAMIC: Lock<u64> = Lock::new(DYNAMIC);

#[cfg(target_os = "none")]
unsafe extern "C" {
    static __kernel_start: u8;
    static __text_end: u8;
    static __rodata_end: u8;
    static __kernel_end: u8;
}

/// Link addresses: start of the image, end of code, end of read-only data, end of everything.
#[cfg(target_os = "none")]
pub(crate) fn image_bounds() -> [u64; 4] {
    [
        &raw const __kernel_start,
        &raw const __text_end,
        &raw const __rodata_end,
        &raw const __kernel_end,
    ]
    .map(|symbol| symbol as u64)
}

/// The host only lints this crate: there is no image.
#[cfg(not(target_os = "none"))]
pub(crate) fn image_bounds() -> [u64; 4] {
    [0; 4]
}

/// Physical address of the kernel's root table, for CR3.
pub(crate) fn root() -> u64 {
    ROOT.load(Ordering::Relaxed)
}

fn table_entry(entry: &AtomicU64) -> u64 {
    let value = entry.load(Ordering::Relaxed);
    if value & table::PRESENT != 0 {
        return value & table::ADDRESS;
    }
    let made = Frame::zeroed()
        .expect("RAM for the kernel's page tables")
        .into_entry();
    entry.store(made | table::PRESENT | table::WRITE, Ordering::Release);
    made
}

/// Maps the large page at `phys` into the direct map, in small pages where part of it is the kernel's code.
fn map_direct(root: u64, phys: u64, read_only: PhysRange) {
    let virt = DIRECT_MAP + phys;
    // SAFETY: the kernel's tables live for ever.
    let upper = table_entry(unsafe { Table::at(root) }.entry(table::index(virt, 4)));
    // SAFETY: as above.
    let middle = table_entry(unsafe { Table::at(upper) }.entry(table::index(virt, 3)));
    // SAFETY: as above.
    let middle = unsafe { Table::at(middle) };
    let entry = middle.entry(table::index(virt, 2));
    let data = table::PRESENT | table::WRITE | table::GLOBAL | table::NO_EXECUTE;
    if phys >= read_only.end || phys + LARGE_PAGE <= read_only.start {
        entry.store(phys | data | table::LARGE, Ordering::Relaxed);
        return;
    }
    let small = table_entry(entry);
    for page in (phys..phys + LARGE_PAGE).step_by(PAGE as usize) {
        let code = page >= read_only.start && page < read_only.end;
        let bits = if code { data & !table::WRITE } else { data };
        // SAFETY: as above.
        unsafe { Table::at(small) }
            .entry(table::index(page, 1))
            .store(page | bits, Ordering::Relaxed);
    }
}

/// Makes and loads the kernel's page table.
///
/// # Safety
/// Called once, on the boot CPU, on the boot page table, when frames exist.
pub(super) unsafe fn init(ram: &[PhysRange]) {
    let root = Frame::zeroed().expect("RAM for the root page table").into_entry();
    ROOT.store(root, Ordering::Relaxed);
    let [start, text_end, rodata_end, end] = image_bounds();
    let code = PhysRange {
        start: start - IMAGE_BASE,
        end: rodata_end - IMAGE_BASE,
    };
    let high = ram.iter().map(|range| range.end).max().unwrap_or(0).max(LOW);
    for phys in (0..LOW).step_by(LARGE_PAGE as usize) {
        map_direct(root, phys, code);
    }
    for range in ram.iter().filter(|range| range.end > LOW) {
        let from = range.start.max(LOW) & !(LARGE_PAGE - 1);
        for phys in (from..range.end.min(high)).step_by(LARGE_PAGE as usize) {
            map_direct(root, phys, code);
        }
    }
    let base = table::PRESENT | table::GLOBAL;
    for (from, to, bits) in [
        (start, text_end, base),
        (text_end, rodata_end, base | table::NO_EXECUTE),
        (rodata_end, end, base | table::WRITE | table::NO_EXECUTE),
    ] {
        for virt in (from..to).step_by(PAGE as usize) {
            set(virt, (virt - IMAGE_BASE) | bits);
        }
    }
    // The dynamic region's root entry must exist before address spaces copy the root.
    // SAFETY: the kernel's tables live for ever.
    table_entry(unsafe { Table::at(root) }.entry(table::index(DYNAMIC, 4)));
    // SAFETY: the new table maps the running code, the boot stack through the direct map, and all that Rust knows.
    unsafe { crate::registers::write_cr3(root) };
}

fn set(virt: u64, value: u64) {
    // SAFETY: the kernel's tables live for ever; changes happen at boot or under NEXT_DYNAMIC's lock.
    let entry = unsafe { table::find_or_make(root(), virt, table::WRITE) };
    entry
        .expect("RAM for the kernel's page tables")
        .store(value, Ordering::Release);
}

/// A new kernel stack of `pages` pages with an unmapped guard page below it; its top, or `None` when RAM is full.
/// It is never freed: it belongs to a CPU.
pub(crate) fn new_stack(pages: u64) -> Option<u64> {
    let mut next = NEXT_DYNAMIC.lock();
    let bottom = *next + PAGE;
    let top = bottom + pages * PAGE;
    for virt in (bottom..top).step_by(PAGE as usize) {
        let frame = Frame::zeroed()?.into_entry();
        set(
            virt,
            frame | table::PRESENT | table::WRITE | table::GLOBAL | table::NO_EXECUTE,
        );
    }
    *next = top;
    Some(top)
}

/// Maps device registers, uncached. The mapping is never undone.
pub fn map_mmio(phys: u64, len: usize) -> *mut u8 {
    let mut next = NEXT_DYNAMIC.lock();
    let base = *next + PAGE;
    let first = phys & !(PAGE - 1);
    let bytes = (phys + len as u64).next_multiple_of(PAGE) - first;
    let bits = table::PRESENT
        | table::WRITE
        | table::GLOBAL
        | table::NO_EXECUTE
        | table::CACHE_OFF
        | table::WRITE_THROUGH;
    for offset in (0..bytes).step_by(PAGE as usize) {
        set(base + offset, (first + offset) | bits);
    }
    *next = base + bytes;
    (base + (phys - first)) as *mut u8
}

/// Maps the low page at `phys` (below 1 MiB) at its own address, executable, for starting processors.
pub fn identity_map_low(phys: u64) {
    assert!(phys < 1 << 20 && phys.is_multiple_of(PAGE));
    let _guard = NEXT_DYNAMIC.lock();
    set(phys, phys | table::PRESENT | table::WRITE);
}

/// Undoes [`identity_map_low`].
pub fn unmap_low(phys: u64) {
    assert!(phys < 1 << 20 && phys.is_multiple_of(PAGE));
    let _guard = NEXT_DYNAMIC.lock();
    set(phys, 0);
    crate::registers::flush_page(phys);
}
