//! What the loader tells us: `hvm_start_info` of the PVH boot ABI, version 1 (Xen's public/arch-x86/hvm/start_info.h
//! describes the fields): command line, boot modules, memory map, ACPI root pointer. Read through the direct map
//! while the boot page table is still loaded; nothing is trusted to lie inside RAM before it is checked.

use crate::memory::{self, PhysRange};

const MAGIC: u32 = 0x336e_c578;
const MEMORY_IS_RAM: u32 = 1;
/// Memory map entries looked at. QEMU gives fewer than ten.
const MEMORY_MAP_MAX: usize = 64;
/// Bytes of a text looked at, with the zero at its end.
const TEXT_MAX: usize = 4096;
/// Boot page tables reach this far; the loader puts its tables below.
const REACHABLE: u64 = 4 << 30;

#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    module_count: u32,
    modules: u64,
    command_line: u64,
    rsdp: u64,
    memory_map: u64,
    memory_map_entries: u32,
    reserved: u32,
}

#[repr(C)]
struct Module {
    address: u64,
    size: u64,
    command_line: u64,
    reserved: u64,
}

#[repr(C)]
struct MemoryMapEntry {
    address: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

/// What the boot loader handed over and this kernel does not use, so that somebody says so.
#[derive(Clone, Copy, Default)]
pub struct Unused {
    /// There is a command line, and it is longer than 4,095 bytes, not UTF-8, or out of reach.
    pub command_line: bool,
    /// Modules after the first.
    pub modules: u32,
    /// Entries of the memory map after the first 64: if they are RAM, that is lost.
    pub memory_map_entries: u32,
}

/// What the boot loader handed over.
#[derive(Clone, Copy)]
pub struct Handover {
    /// The kernel command line, "" if there is none that can be read.
    pub command_line: &'static str,
    /// What else there was.
    pub unused: Unused,
    /// The first boot module: the manifest. Empty if there is none.
    pub module: &'static [u8],
    /// Where the first module lies, so that its frames stay reserved.
    pub module_range: PhysRange,
    /// Physical address of the ACPI root pointer, 0 if the loader gave none.
    pub rsdp: u64,
    ram: [PhysRange; MEMORY_MAP_MAX],
    ram_len: usize,
}

impl Handover {
    /// RAM as the loader reported it.
    pub fn ram(&self) -> &[PhysRange] {
        &self.ram[..self.ram_len]
    }
}

/// Why the hand-over could not be read.
#[derive(Debug, Clone, Copy)]
pub(super) enum HandoverError {
    /// The pointer or the magic number is not one of PVH.
    NotPvh,
    /// Version 0 hands no memory map over.
    NoMemoryMap,
}

/// One value of the loader's tables.
///
/// # Safety
/// `address..+size_of::<T>()` is inside the first 4 GiB, and `T` is valid for every bit pattern.
unsafe fn peek<T>(address: u64) -> T {
    // SAFETY: the caller promises reachability; the boot page table maps the first 4 GiB (start.rs). The loader's
    // tables have no promised alignment, hence the unaligned read.
    unsafe { core::ptr::read_unaligned(memory::direct_map(address).cast::<T>()) }
}

fn reachable<T>(address: u64, count: usize) -> bool {
    address != 0
        && (count as u64)
            .checked_mul(size_of::<T>() as u64)
            .and_then(|bytes| address.checked_add(bytes))
            .is_some_and(|end| end <= REACHABLE)
}

/// The text at an address; `None` if it cannot be read.
fn text_at(address: u64) -> Option<&'static str> {
    if !reachable::<[u8; TEXT_MAX]>(address, 1) {
        return None;
    }
    // SAFETY: in reach (checked above); the loader's memory is never written again, and frames.rs keeps the first
    // MiB and the page that holds this text out of the allocator (memory::init reserves it).
    let bytes = unsafe { core::slice::from_raw_parts(memory::direct_map(address), TEXT_MAX) };
    text_in(bytes)
}

/// The text before the first zero; `None` if there is no zero, or if it is no text.
fn text_in(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    core::str::from_utf8(&bytes[..end]).ok()
}

/// Reads the hand-over that `start_info` (a physical address) points to.
///
/// # Errors
/// When it is not a PVH version 1 structure.
pub(super) fn read(start_info: u64) -> Result<Handover, HandoverError> {
    if !reachable::<StartInfo>(start_info, 1) {
        return Err(HandoverError::NotPvh);
    }
    // SAFETY: reachable (checked above), plain integers.
    let info: StartInfo = unsafe { peek(start_info) };
    if info.magic != MAGIC {
        return Err(HandoverError::NotPvh);
    }
    let entries = (info.memory_map_entries as usize).min(MEMORY_MAP_MAX);
    if info.version < 1 || entries == 0 || !reachable::<MemoryMapEntry>(info.memory_map, entries) {
        return Err(HandoverError::NoMemoryMap);
    }
    let mut ram = [PhysRange::EMPTY; MEMORY_MAP_MAX];
    let mut ram_len = 0;
    for index in 0..entries {
        // SAFETY: all entries are reachable (checked above), plain integers.
        let entry: MemoryMapEntry =
            unsafe { peek(info.memory_map + (index * size_of::<MemoryMapEntry>()) as u64) };
        if entry.kind == MEMORY_IS_RAM {
            ram[ram_len] = PhysRange {
                start: entry.address,
                end: entry.address.saturating_add(entry.size),
            };
            ram_len += 1;
        }
    }
    let mut module: &'static [u8] = &[];
    let mut module_range = PhysRange::EMPTY;
    if info.module_count > 0 && reachable::<Module>(info.modules, 1) {
        // SAFETY: reachable (checked above), plain integers.
        let first: Module = unsafe { peek(info.modules) };
        if reachable::<u8>(first.address, first.size as usize) {
            module_range = PhysRange {
                start: first.address,
                end: first.address + first.size,
            };
            // SAFETY: reachable, and memory::init keeps `module_range` out of the frame allocator, so nobody ever
            // writes it again: it may be borrowed for the kernel's whole life.
            module = unsafe {
                core::slice::from_raw_parts(memory::direct_map(first.address), first.size as usize)
            };
        }
    }
    let command_line = text_at(info.command_line);
    Ok(Handover {
        command_line: command_line.unwrap_or(""),
        unused: Unused {
            command_line: info.command_line != 0 && command_line.is_none(),
            modules: info.module_count.saturating_sub(1),
            memory_map_entries: info.memory_map_entries.saturating_sub(MEMORY_MAP_MAX as u32),
        },
        module,
        module_range,
        rsdp: info.rsdp,
        ram,
        ram_len,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_a_text_that_cannot_be_read_is_none_and_not_empty() {
        assert_eq!(text_in(b"trace=64\0rest"), Some("trace=64"));
        assert_eq!(text_in(b"\0"), Some(""));
        assert_eq!(text_in(b"no end"), None);
        assert_eq!(text_in(b"\xff\0"), None);
    }
}
