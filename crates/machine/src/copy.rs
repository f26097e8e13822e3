//! Copying bytes that user space can see. The copies are opaque instructions: user threads may change the bytes at the
//! same time, which changes values but nothing the compiler relies on. Copies through user addresses survive a
//! fault: the faulting instruction is listed in the fix-up table, and the trap handler resumes at its fix-up, which
//! reports failure (rule P4). User pages are touched only inside a SMAP window.

use core::arch::{asm, naked_asm};

use crate::cpu::SMAP;
use crate::memory::USER_END;
use crate::memory::address_space::NotMapped;

/// Copies `len` bytes between kernel addresses, one of which other agents may write at the same time.
///
/// # Safety
/// Both ranges are mapped, `to` writably, and do not overlap.
#[inline]
pub(crate) unsafe fn copy_bytes(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: our caller's promise; eight bytes at a time, then the rest.
    unsafe {
        asm!(
            "mov ecx, edx",
            "shr rcx, 3",
            "rep movsq",
            "mov ecx, edx",
            "and ecx, 7",
            "rep movsb",
            inout("rdi") to => _,
            inout("rsi") from => _,
            in("rdx") len,
            out("rcx") _,
            options(nostack, preserves_flags)
        );
    }
}

/// Copies `len` bytes from `from` to `to`; 0 on success, 1 if it faulted.
#[unsafe(naked)]
unsafe extern "C" fn copy_across(to: *mut u8, from: *const u8, len: usize) -> u32 {
    naked_asm!(
        "cmp dword ptr gs:[{smap}], 0",
        "je 2f",
        "stac",
        "2: mov ecx, edx",
        "shr ecx, 3",
        "3: rep movsq",
        "mov ecx, edx",
        "and ecx, 7",
        "4: rep movsb",
        "xor eax, eax",
        "5: cmp dword ptr gs:[{smap}], 0",
        "je 6f",
        "clac",
        "6: ret",
        "7: mov eax, 1",
        "jmp 5b",
        ".pushsection .fixups, \"a\"",
        ".quad 3b, 7b",
        ".quad 4b, 7b",
        ".popsection",
        smap = const SMAP,
    )
}

/// Reads the u32 at `from`; the upper half of the result is 1 if it faulted.
#[unsafe(naked)]
unsafe extern "C" fn load_word(from: *const u32) -> u64 {
    naked_asm!(
        "cmp dword ptr gs:[{smap}], 0",
        "je 2f",
        "stac",
        "2: mov eax, [rdi]",
        "5: cmp dword ptr gs:[{smap}], 0",
        "je 6f",
        "clac",
        "6: ret",
        "7: movabs rax, 0x100000000",
        "jmp 5b",
        ".pushsection .fixups, \"a\"",
        ".quad 2b, 7b",
        ".popsection",
        smap = const SMAP,
    )
}

/// Touches one byte at `at` for reading (`write` = 0) or, without changing it, for writing; 0 on success.
#[unsafe(naked)]
unsafe extern "C" fn touch(at: *const u8, write: u32) -> u32 {
    naked_asm!(
        "cmp dword ptr gs:[{smap}], 0",
        "je 2f",
        "stac",
        "2: test esi, esi",
        "jz 4f",
        "3: lock or byte ptr [rdi], 0",
        "jmp 8f",
        "4: mov al, [rdi]",
        "8: xor eax, eax",
        "5: cmp dword ptr gs:[{smap}], 0",
        "je 6f",
        "clac",
        "6: ret",
        "7: mov eax, 1",
        "jmp 5b",
        ".pushsection .fixups, \"a\"",
        ".quad 3b, 7b",
        ".quad 4b, 7b",
        ".popsection",
        smap = const SMAP,
    )
}

#[inline]
fn in_user_half(address: u64, len: usize) -> bool {
    // Lengths are at most a ring buffer's 64 KiB plus some, never near wrapping once the address is low.
    address < USER_END && len as u64 <= USER_END - address
}

/// Copies from the loaded address space.
///
/// # Errors
/// [`NotMapped`] with the address that could not be read; `into` may be partly written.
#[inline]
pub fn read_user(from: u64, into: &mut [u8]) -> Result<(), NotMapped> {
    if !in_user_half(from, into.len()) || into.len() > u32::MAX as usize {
        return Err(NotMapped { address: from });
    }
    // SAFETY: the source lies in the user half, where a missing page is caught by the fix-up table; the destination is
    // ours.
    match unsafe { copy_across(into.as_mut_ptr(), from as *const u8, into.len()) } {
        0 => Ok(()),
        _ => Err(NotMapped {
            address: crate::registers::read_cr2(),
        }),
    }
}

/// Copies into the loaded address space.
///
/// # Errors
/// [`NotMapped`] with the address that could not be written; bytes before it may have been.
#[inline]
pub fn write_user(to: u64, from: &[u8]) -> Result<(), NotMapped> {
    if !in_user_half(to, from.len()) || from.len() > u32::MAX as usize {
        return Err(NotMapped { address: to });
    }
    // SAFETY: the destination lies in the user half: a missing or read-only page is caught by the fix-up table
    // (CR0.WP is on), and no kernel data lives there.
    match unsafe { copy_across(to as *mut u8, from.as_ptr(), from.len()) } {
        0 => Ok(()),
        _ => Err(NotMapped {
            address: crate::registers::read_cr2(),
        }),
    }
}

/// Reads the 32-bit word at `from`, which must be a multiple of 4, in one load.
///
/// # Errors
/// [`NotMapped`] if it is misaligned, outside the user half or not readable.
#[inline]
pub fn read_user_word(from: u64) -> Result<u32, NotMapped> {
    if !in_user_half(from, 4) || from & 3 != 0 {
        return Err(NotMapped { address: from });
    }
    // SAFETY: as in `read_user`.
    let value = unsafe { load_word(from as *const u32) };
    if value >> 32 == 0 {
        Ok(value as u32)
    } else {
        Err(NotMapped { address: from })
    }
}

/// Checks that every page of the range can be read, or written if `write`, in the loaded address space.
///
/// # Errors
/// [`NotMapped`] with an address in the first page that cannot.
#[inline]
pub fn probe_user(from: u64, len: usize, write: bool) -> Result<(), NotMapped> {
    if len == 0 {
        return Ok(());
    }
    if !in_user_half(from, len) {
        return Err(NotMapped { address: from });
    }
    let last = from + len as u64 - 1;
    let mut at = from;
    loop {
        // SAFETY: as in `write_user`; the byte is not changed.
        if unsafe { touch(at as *const u8, u32::from(write)) } != 0 {
            return Err(NotMapped { address: at });
        }
        at = (at | 0xfff) + 1;
        if at > last {
            return Ok(());
        }
    }
}
