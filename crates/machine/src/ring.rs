//! The kernel's view of a ring page (docs/abi.md, sections 3 and 4): every access is one volatile or atomic load or store of a
//! fixed place, so user space can write the page at any time and confuse nobody but itself (rule P7; docs/mutants.md, row 21). Which
//! index is read and written when is in `abi::ring::header`.

use core::sync::atomic::{AtomicU32, Ordering};

use abi::ring::header::{Entries, Field, Header};
use abi::ring::{CQ_MASK, FRESH_HEADER, SQ_MASK, SQE_WORDS, offset};

use crate::memory::frames::Frame;

/// A ring page.
pub struct RingPage {
    frame: Frame,
    /// Where the kernel sees the frame: it is asked for so often that it is not worked out each time.
    place: usize,
}

impl RingPage {
    /// A fresh page with the header filled in. `None` when RAM is full.
    pub fn new() -> Option<RingPage> {
        let frame = Frame::zeroed()?;
        for (at, value) in FRESH_HEADER {
            frame.write(at, &value.to_le_bytes());
        }
        let place = frame.pointer() as usize;
        Some(RingPage { frame, place })
    }

    #[inline]
    fn pointer(&self) -> *mut u8 {
        self.place as *mut u8
    }

    /// Another reference to the page's frame, to map it.
    pub fn frame(&self) -> Frame {
        self.frame.clone()
    }
}

impl Entries for RingPage {
    #[inline]
    fn submission_word(&self, index: u32, word: usize) -> u64 {
        let at = offset::SQES + (index & SQ_MASK) as usize * 64 + (word % SQE_WORDS) * 8;
        // SAFETY: a word of slot 0..16 of 64 bytes from SQES lies in the page, and is aligned; volatile because user space may
        // write meanwhile.
        unsafe { self.pointer().add(at).cast::<u64>().read_volatile() }
    }

    #[inline]
    fn set_completion(&self, index: u32, words: [u64; 4]) {
        let at = offset::CQES + (index & CQ_MASK) as usize * 32;
        // SAFETY: slot 0..32 of 32 bytes from CQES lies in the page.
        let place = unsafe { self.pointer().add(at).cast::<u64>() };
        for (position, word) in words.into_iter().enumerate() {
            // SAFETY: as above, four aligned words.
            unsafe { place.add(position).write_volatile(word) };
        }
    }

    fn count_overflow(&self) {
        self.word(Field::CqOverflow).fetch_add(1, Ordering::Relaxed);
    }
}

impl Header for RingPage {
    type Word = AtomicU32;

    #[inline]
    fn word(&self, field: Field) -> &AtomicU32 {
        // SAFETY: inside the frame and aligned, as every `Field` is an offset in the header that is a multiple of four; alive
        // as long as `self`; every access from this side is atomic, and user space writes only change values.
        unsafe { &*self.pointer().add(field as usize).cast::<AtomicU32>() }
    }
}
