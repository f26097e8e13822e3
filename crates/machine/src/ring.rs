//! The kernel's view of a ring page (abi.md sections 3 and 4): every access is one volatile or atomic load or store of a
//! fixed place, so user space can write the page at any time and confuse nobody but itself (rule P7, nasty row 21).

use core::sync::atomic::{AtomicU32, Ordering};

use abi::ring::{CQ_MASK, FRESH_HEADER, SQ_MASK, offset};

use crate::memory::frames::Frame;

/// A ring page.
pub struct RingPage {
    frame: Frame,
}

impl RingPage {
    /// A fresh page with the header filled in. `None` when RAM is full.
    pub fn new() -> Option<RingPage> {
        let frame = Frame::zeroed()?;
        for (at, value) in FRESH_HEADER {
            frame.write(at, &value.to_le_bytes());
        }
        Some(RingPage { frame })
    }

    /// Another reference to the page's frame, to map it.
    pub fn frame(&self) -> Frame {
        self.frame.clone()
    }

    #[inline]
    fn word(&self, at: usize) -> &AtomicU32 {
        debug_assert!(at <= 4092 && at.is_multiple_of(4));
        // SAFETY: inside the frame (offsets are constants below 4 KiB), aligned, alive as long as `self`; every access from
        // this side is atomic, and user space writes only change values.
        unsafe { &*self.frame.pointer().add(at).cast::<AtomicU32>() }
    }

    /// One past the last submission that user space published.
    #[inline]
    pub fn sq_tail(&self) -> u32 {
        self.word(offset::SQ_TAIL).load(Ordering::Acquire)
    }

    /// Tells user space which submissions are taken.
    #[inline]
    pub fn set_sq_head(&self, head: u32) {
        self.word(offset::SQ_HEAD).store(head, Ordering::Release);
    }

    /// The next completion that user space will read.
    #[inline]
    pub fn cq_head(&self) -> u32 {
        self.word(offset::CQ_HEAD).load(Ordering::Acquire)
    }

    /// Publishes completions.
    #[inline]
    pub fn set_cq_tail(&self, tail: u32) {
        self.word(offset::CQ_TAIL).store(tail, Ordering::Release);
    }

    /// Counts a completion that had to be dropped.
    pub fn count_overflow(&self) {
        self.word(offset::CQ_OVERFLOW).fetch_add(1, Ordering::Relaxed);
    }

    /// Copies the submission with this index out, each word read once.
    #[inline]
    pub fn submission(&self, index: u32) -> [u64; 8] {
        let at = offset::SQES + (index & SQ_MASK) as usize * 64;
        // SAFETY: slot 0..16 of 64 bytes from SQES lies in the page; volatile because user space may write meanwhile.
        let place = unsafe { self.frame.pointer().add(at).cast::<u64>() };
        // SAFETY: as above, eight aligned words.
        core::array::from_fn(|word| unsafe { place.add(word).read_volatile() })
    }

    /// Writes the completion with this index.
    #[inline]
    pub fn set_completion(&self, index: u32, words: [u64; 4]) {
        let at = offset::CQES + (index & CQ_MASK) as usize * 32;
        // SAFETY: slot 0..32 of 32 bytes from CQES lies in the page.
        let place = unsafe { self.frame.pointer().add(at).cast::<u64>() };
        for (position, word) in words.into_iter().enumerate() {
            // SAFETY: as above, four aligned words.
            unsafe { place.add(position).write_volatile(word) };
        }
    }
}
