//! Memory: where things lie in the address space, and the start-up order of its parts. `frames` owns physical
//! pages, `commitment` says who may have them, `heap` and `slab` are the kernel's allocator, `kernel_map` holds the kernel's
//! own page table, `address_space` one process's, `tlb` keeps other CPUs' translations honest. Rules P4, P16 and B3; docs/soundness/memory.md.
//!
//! The map: user half below [`USER_END`]; all RAM and the first 4 GiB at [`DIRECT_MAP`]; kernel stacks and device
//! registers at [`DYNAMIC`]; the image in the last two GiB.

pub mod address_space;
pub mod commitment;
pub mod frames;
pub mod heap;
pub mod kernel_map;
mod slab;
pub mod table;
pub mod tlb;

/// Bytes in a page or frame.
pub const PAGE: u64 = 4096;
/// First address that user space may not have. The last canonical page stays unmapped so that no `syscall`
/// instruction can leave a non-canonical return address behind.
pub const USER_END: u64 = 0x0000_7fff_ffff_f000;
/// Physical address 0 in the kernel's half.
pub const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;
/// Kernel stacks with guard pages, and device registers.
pub const DYNAMIC: u64 = 0xffff_ff00_0000_0000;
/// Link address of physical address 0 for the kernel image.
pub const IMAGE_BASE: u64 = 0xffff_ffff_8000_0000;
/// The direct map covers at least this much, RAM or not: device registers live below it.
pub const LOW: u64 = 4 << 30;

/// Physical addresses from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhysRange {
    /// First address.
    pub start: u64,
    /// One past the last.
    pub end: u64,
}

impl PhysRange {
    /// No addresses.
    pub const EMPTY: PhysRange = PhysRange { start: 0, end: 0 };
}

/// Where the kernel sees physical address `phys`.
#[inline]
pub fn direct_map(phys: u64) -> *mut u8 {
    (DIRECT_MAP + phys) as *mut u8
}

/// The physical address behind a direct-map pointer.
#[inline]
pub(crate) fn phys_of_direct(pointer: *const u8) -> u64 {
    pointer as u64 - DIRECT_MAP
}

pub use kernel_map::{identity_map_low, map_mmio, unmap_low};

/// Starts memory management from the loader's description: frames, then the kernel's own page table, then the
/// heap. `reserved` stays untouched for ever.
///
/// # Safety
/// Called once, on the boot CPU, on the boot page table, before anything allocates.
pub(crate) unsafe fn init(ram: &[PhysRange], reserved: &[PhysRange]) {
    // SAFETY: once and first, as our caller promises; RAM above the boot page table's reach is added below.
    unsafe { frames::init(ram, reserved) };
    // SAFETY: as above; frames exist now.
    unsafe { kernel_map::init(ram) };
    // SAFETY: the final direct map is loaded, so every frame is reachable now.
    unsafe { frames::add_high_memory(ram, reserved) };
}
