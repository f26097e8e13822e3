//! A view of one ring page: the memory that this program and the kernel both read and write.
//!
//! Layout and ordering are in `abi::ring` and its `header`: we write submissions and `sq_tail`, we read completions and write
//! `cq_head`; the kernel does the rest. Indices run freely and wrap. This file moves whole entries and
//! indices; which buffers they name, and for how long, is [`crate::lane`]'s business.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use abi::ring::header::{self, Field, Header};
use abi::ring::{Cqe, SQE_WORDS, Sqe, cqe_at, offset, sqe_at};

/// One mapped ring page.
pub(crate) struct RingPage(NonNull<u8>);

impl RingPage {
    /// # Safety
    /// `address` is a ring page that the kernel mapped for the thread that will use the view (rdi at `_start`,
    /// rdx at the entry of a thread with its own ring), it stays mapped for ever, and this is the only view.
    pub(crate) unsafe fn new(address: usize) -> Option<RingPage> {
        let page = RingPage(NonNull::new(core::ptr::with_exposed_provenance_mut(address))?);
        let shape_is_right = abi::ring::FRESH_HEADER
            .iter()
            .all(|&(at, value)| page.at(at).load(Ordering::Relaxed) == value);
        shape_is_right.then_some(page)
    }

    /// A header word by its offset in the page.
    #[inline]
    fn at(&self, at: usize) -> &AtomicU32 {
        debug_assert!(at.is_multiple_of(4) && at < offset::SQES);
        // SAFETY: the page is mapped and 4096-aligned (`new`), the offset is inside the header and a multiple
        // of four, and both sides access these words atomically only.
        unsafe { self.0.add(at).cast::<AtomicU32>().as_ref() }
    }

    /// How many submissions the kernel has not taken yet.
    pub(crate) fn queued(&self, sq_tail: u32) -> u32 {
        header::queued(self, sq_tail)
    }

    /// Puts `sqe` at `sq_tail` and publishes it. The caller has seen that fewer than 16 are queued.
    pub(crate) fn push(&mut self, sq_tail: u32, sqe: &Sqe) {
        // SAFETY: `sqe_at` masks the index, so the entry lies inside the page and is 8-aligned; the kernel does not read it
        // before the tail below says that it is there.
        unsafe { self.0.add(sqe_at(sq_tail)).cast::<Sqe>().write_volatile(*sqe) };
        if header::publish(self, sq_tail.wrapping_add(1)) {
            crate::syscall::enter(0, 0);
        }
    }

    /// The same view, to be kept in a register: only one of the two is used at a time.
    pub(crate) fn reborrow(&mut self) -> RingPage {
        RingPage(self.0)
    }

    /// Puts `sqe` at `sq_tail` without publishing it: [`RingPage::publish`] does, for many at once.
    #[inline]
    pub(crate) fn place(&mut self, sq_tail: u32, words: [u64; SQE_WORDS]) {
        for (index, word) in words.into_iter().enumerate() {
            // SAFETY: as in `push`, word by word: that becomes eight plain stores.
            unsafe {
                self.0
                    .add(sqe_at(sq_tail) + 8 * index)
                    .cast::<u64>()
                    .write_volatile(word)
            };
        }
    }

    /// Says how far submissions are placed and completions are read. For a caller that enters the kernel next: so no
    /// fence is needed and no poller has to be woken.
    #[inline]
    pub(crate) fn publish(&mut self, sq_tail: u32, cq_head: u32) {
        header::publish_before_entry(self, sq_tail);
        header::give_back(self, cq_head);
    }

    /// The completion at `cq_head`, if one is there; its slot stays taken until [`RingPage::publish`].
    #[inline]
    pub(crate) fn peek(&self, cq_head: u32) -> Option<Cqe> {
        if header::posted(self) == cq_head {
            return None;
        }
        // SAFETY: as in `pop`. An ordinary load is enough, and one that nobody needs is left out: between the acquire of
        // the tail and the next entry nothing writes to the slot.
        Some(unsafe { self.0.add(cqe_at(cq_head)).cast::<Cqe>().read() })
    }

    /// The completion at `cq_head`, if one is there; its slot is given back to the kernel.
    pub(crate) fn pop(&mut self, cq_head: u32) -> Option<Cqe> {
        if header::posted(self) == cq_head {
            return None;
        }
        // SAFETY: `cqe_at` masks the index, so the entry lies inside the page and is 8-aligned; the kernel finished writing it
        // before it stored the tail that we loaded, and leaves it alone until `cq_head` moves past it.
        let cqe = unsafe { self.0.add(cqe_at(cq_head)).cast::<Cqe>().read_volatile() };
        header::give_back(self, cq_head.wrapping_add(1));
        Some(cqe)
    }

    /// Where both private indices start: what the kernel put into the header.
    pub(crate) fn start_indices(&self) -> (u32, u32) {
        (
            self.word(Field::SqTail).load(Ordering::Relaxed),
            self.word(Field::CqHead).load(Ordering::Relaxed),
        )
    }
}

impl Header for RingPage {
    type Word = AtomicU32;

    #[inline]
    fn word(&self, field: Field) -> &AtomicU32 {
        self.at(field as usize)
    }
}
