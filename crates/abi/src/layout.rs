//! Where things are in a process: image, stack, thread-local storage, ring pages and capset page.
//!
//! Fixed addresses are part of the wire contract; programs are linked against them. Whatever lies between the
//! named ranges stays unmapped so that a stray pointer faults.

/// Bytes in a page, the unit of mapping and protection.
pub const PAGE_SIZE: u64 = 0x1000;

/// Lowest address a program segment may occupy.
pub const IMAGE_BASE: u64 = 0x20_0000;
/// First address past the last byte a program segment may occupy.
pub const IMAGE_LIMIT: u64 = 0xff_0000;

/// Lowest address of the first thread's stack.
pub const STACK_BASE: u64 = 0x100_0000;
/// First address past the first thread's stack.
pub const STACK_TOP: u64 = 0x101_0000;
/// Stack pointer of the first thread at entry: as if `_start` had been called.
pub const STACK_ENTRY: u64 = STACK_TOP - 8;

/// Lowest address of the region for the first thread's thread-local storage.
pub const TLS_BASE: u64 = 0x110_0000;
/// First address past that region.
pub const TLS_LIMIT: u64 = 0x120_0000;

/// The process ring page: user-writable, never executable.
pub const RING: u64 = 0x120_0000;
/// The capset page: user-readable only.
pub const CAPSET: u64 = 0x130_0000;

/// Lowest address of the region in which threads with a ring of their own find it.
pub const OWN_RINGS_BASE: u64 = 0x140_0000;
/// First address past that region.
pub const OWN_RINGS_LIMIT: u64 = 0x160_0000;

/// Lowest address that mapping calls hand out or accept. Everything below belongs to the fixed layout above.
pub const DYNAMIC_BASE: u64 = 0x200_0000;
/// First address past the user half of the address space (47 bits, less the page before the canonical hole).
pub const USER_LIMIT: u64 = 0x7fff_ffff_f000;

/// True when every byte of `[address, address + bytes)` lies in the user half. Empty ranges are inside
/// wherever they start, because nothing is ever read or written through them.
#[must_use]
pub const fn in_user_half(address: u64, bytes: u64) -> bool {
    if bytes == 0 {
        return true;
    }
    match address.checked_add(bytes) {
        Some(end) => end <= USER_LIMIT,
        None => false,
    }
}

/// `bytes` rounded up to whole pages, or `None` when that does not fit in 64 bits.
#[must_use]
pub const fn round_up_to_page(bytes: u64) -> Option<u64> {
    match bytes.checked_add(PAGE_SIZE - 1) {
        Some(sum) => Some(sum & !(PAGE_SIZE - 1)),
        None => None,
    }
}

/// True when `address` is the first byte of a page.
#[must_use]
pub const fn is_page_aligned(address: u64) -> bool {
    address.is_multiple_of(PAGE_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_wrap_or_touch_the_kernel_half_are_outside() {
        assert!(in_user_half(USER_LIMIT - 1, 1));
        assert!(!in_user_half(USER_LIMIT - 1, 2));
        assert!(!in_user_half(u64::MAX, 1));
        assert!(!in_user_half(0xffff_8000_0000_0000, 8));
        assert!(in_user_half(u64::MAX, 0), "an empty buffer may have any address");
    }

    #[test]
    fn rounding_up_keeps_whole_pages_and_refuses_overflow() {
        assert_eq!(round_up_to_page(0), Some(0));
        assert_eq!(round_up_to_page(1), Some(PAGE_SIZE));
        assert_eq!(round_up_to_page(PAGE_SIZE), Some(PAGE_SIZE));
        assert_eq!(round_up_to_page(u64::MAX), None);
    }

    #[test]
    fn a_page_begins_at_its_multiples_alone() {
        assert!(
            [0, PAGE_SIZE, RING]
                .iter()
                .all(|&address| is_page_aligned(address))
        );
        assert!(
            [1, PAGE_SIZE / 2, RING + 8]
                .iter()
                .all(|&address| !is_page_aligned(address))
        );
    }

    #[test]
    fn the_fixed_regions_do_not_overlap_and_ascend() {
        let edges = [
            IMAGE_BASE,
            IMAGE_LIMIT,
            STACK_BASE,
            STACK_TOP,
            TLS_BASE,
            TLS_LIMIT,
            RING,
            RING + PAGE_SIZE,
            CAPSET,
            CAPSET + PAGE_SIZE,
            OWN_RINGS_BASE,
            OWN_RINGS_LIMIT,
            DYNAMIC_BASE,
            USER_LIMIT,
        ];
        assert!(edges.is_sorted());
    }
}
