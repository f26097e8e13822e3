//! Who writes and who reads which word of a ring page's header, and in which order. docs/abi.md, sections 3 and 4.
//!
//! Each index has one writer, which keeps it privately and only tells the other side: user code [`publish`]es
//! submissions and [`give_back`]s completions it has read, the kernel's [`KernelSide`] takes submissions and posts
//! completions. An index is stored with release after its entries were written or copied, and loaded with acquire
//! before; what the loads return is never trusted to make sense.
//!
//! The words are behind traits, so that models runs this code in every order that the memory model allows; kernel
//! and runtime compile it with the processor's words.

use core::sync::atomic::{AtomicU32, Ordering, fence};

use super::{CQ_ENTRIES, NOP_WORD, SQ_ENTRIES, SQE_WORDS, offset, sq_flags};
use crate::validate::is_nop;

/// A word of the header that changes. An enumeration, so that a view cannot be asked for a word outside the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Field {
    /// Next submission the kernel takes; the kernel writes it.
    SqHead = offset::SQ_HEAD,
    /// One past the last submission; user code writes it.
    SqTail = offset::SQ_TAIL,
    /// Bits of [`sq_flags`]; the kernel writes them.
    SqFlags = offset::SQ_FLAGS,
    /// Next completion that is read; user code writes it.
    CqHead = offset::CQ_HEAD,
    /// One past the last completion; the kernel writes it.
    CqTail = offset::CQ_TAIL,
    /// Completions that were dropped; the kernel writes it.
    CqOverflow = offset::CQ_OVERFLOW,
}

/// A word that both sides read and write. Each method is the one of [`AtomicU32`] with its name.
pub trait Word {
    /// Reads it.
    fn load(&self, order: Ordering) -> u32;
    /// Writes it.
    fn store(&self, value: u32, order: Ordering);
    /// A fence between what is before and after it.
    fn fence(order: Ordering);
}

impl Word for AtomicU32 {
    #[inline]
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }

    #[inline]
    fn store(&self, value: u32, order: Ordering) {
        self.store(value, order);
    }

    #[inline]
    fn fence(order: Ordering) {
        fence(order);
    }
}

/// A view of a ring page's header.
pub trait Header {
    /// What its words are.
    type Word: Word;

    /// One of them.
    fn word(&self, field: Field) -> &Self::Word;
}

/// The kernel's view of a ring page: its header, and its entries as they are read and written. What it reads may change at
/// any time.
pub trait Entries: Header {
    /// One word of the submission with this index.
    fn submission_word(&self, index: u32, word: usize) -> u64;
    /// Writes the completion with this index.
    fn set_completion(&self, index: u32, words: [u64; 4]);
    /// Counts a completion that had to be dropped.
    fn count_overflow(&self);

    /// Copies the submission with this index out, each word read once.
    #[inline]
    fn submission(&self, index: u32) -> [u64; SQE_WORDS] {
        core::array::from_fn(|word| self.submission_word(index, word))
    }

    /// The user data of the submission with this index if that is a NOP. Others show by their first word that they are
    /// none; of a NOP each word is read once.
    #[inline]
    fn nop(&self, index: u32) -> Option<u64> {
        let first = self.submission_word(index, 0);
        if first != NOP_WORD {
            return None;
        }
        let mut words = [first; SQE_WORDS];
        for (word, value) in words.iter_mut().enumerate().skip(1) {
            *value = self.submission_word(index, word);
        }
        is_nop(&words).then_some(words[1])
    }
}

/// How many submissions the kernel has not taken yet, of those up to `sq_tail`. A slot is free while fewer than
/// [`SQ_ENTRIES`] are.
#[inline]
pub fn queued<H: Header>(page: &H, sq_tail: u32) -> u32 {
    sq_tail.wrapping_sub(page.word(Field::SqHead).load(Ordering::Acquire))
}

/// Publishes the submissions before `sq_tail`, which are written. `true`: the kernel's poller sleeps, so it has to be
/// entered.
#[inline]
#[must_use = "a sleeping poller has to be woken"]
pub fn publish<H: Header>(page: &H, sq_tail: u32) -> bool {
    publish_before_entry(page, sq_tail);
    // A poller goes to sleep by setting the flag and then looking at the tail once more. This is the other way round, and
    // the two fences make sure that one of the two sees the other.
    H::Word::fence(Ordering::SeqCst);
    page.word(Field::SqFlags).load(Ordering::Relaxed) & sq_flags::NEED_WAKEUP != 0
}

/// The same for a caller that enters the kernel next: no poller has to be woken.
#[inline]
pub fn publish_before_entry<H: Header>(page: &H, sq_tail: u32) {
    page.word(Field::SqTail).store(sq_tail, Ordering::Release);
}

/// One past the last completion that was posted: those from the reader's own head up to it can be read.
#[inline]
pub fn posted<H: Header>(page: &H) -> u32 {
    page.word(Field::CqTail).load(Ordering::Acquire)
}

/// Gives the slots of the completions before `cq_head`, which were copied out, back to the kernel.
#[inline]
pub fn give_back<H: Header>(page: &H, cq_head: u32) {
    page.word(Field::CqHead).store(cq_head, Ordering::Release);
}

/// The kernel's indices of one ring, of which the page has copies.
#[derive(Debug, Default)]
pub struct KernelSide {
    sq_head: u32,
    cq_tail: u32,
}

impl KernelSide {
    /// Indices that begin at `index`; a fresh page begins at zero.
    #[must_use]
    pub const fn starting_at(index: u32) -> Self {
        KernelSide {
            sq_head: index,
            cq_tail: index,
        }
    }

    /// The next submission's index.
    #[inline]
    #[must_use]
    pub const fn sq_head(&self) -> u32 {
        self.sq_head
    }

    /// The next completion's index.
    #[inline]
    #[must_use]
    pub const fn cq_tail(&self) -> u32 {
        self.cq_tail
    }

    /// Submissions published and not taken yet. A tail that makes no sense discards them.
    #[inline]
    pub fn pending<H: Header>(&mut self, page: &H) -> u32 {
        let tail = page.word(Field::SqTail).load(Ordering::Acquire);
        let pending = tail.wrapping_sub(self.sq_head);
        if pending > SQ_ENTRIES {
            self.take(page, pending);
            return 0;
        }
        pending
    }

    /// Whether anything was published and not taken yet: a look that changes nothing.
    #[inline]
    pub fn is_pending<H: Header>(&self, page: &H) -> bool {
        page.word(Field::SqTail).load(Ordering::Acquire) != self.sq_head
    }

    /// Takes `count` submissions, which were copied out: their slots are user code's again.
    #[inline]
    pub fn take<H: Header>(&mut self, page: &H, count: u32) {
        self.sq_head = self.sq_head.wrapping_add(count);
        page.word(Field::SqHead).store(self.sq_head, Ordering::Release);
    }

    /// Completions posted and not read yet. What user code wrote cannot make it more than the queue holds.
    #[inline]
    pub fn unread<H: Header>(&self, page: &H) -> u32 {
        self.used(page).min(CQ_ENTRIES)
    }

    /// How many more completions fit. A head that makes no sense counts as a full queue.
    #[inline]
    pub fn room<H: Header>(&self, page: &H) -> u32 {
        CQ_ENTRIES.saturating_sub(self.used(page))
    }

    #[inline]
    fn used<H: Header>(&self, page: &H) -> u32 {
        self.cq_tail
            .wrapping_sub(page.word(Field::CqHead).load(Ordering::Acquire))
    }

    /// Posts `count` completions, which are written and for which there was room.
    #[inline]
    pub fn post<H: Header>(&mut self, page: &H, count: u32) {
        self.cq_tail = self.cq_tail.wrapping_add(count);
        page.word(Field::CqTail).store(self.cq_tail, Ordering::Release);
    }

    /// For a poller that has nothing to do: `true`, it may sleep, and will be woken by the next submission; `false`, there
    /// is one. The flag is user code's to see and to write, so nobody but its own process suffers if it lies.
    #[must_use = "a submission may be there"]
    pub fn fall_asleep<H: Header>(&mut self, page: &H) -> bool {
        page.word(Field::SqFlags)
            .store(sq_flags::NEED_WAKEUP, Ordering::Relaxed);
        H::Word::fence(Ordering::SeqCst);
        let nothing = self.pending(page) == 0;
        if !nothing {
            self.wake_up(page);
        }
        nothing
    }

    /// The poller is awake: user code need not enter the kernel for it.
    pub fn wake_up<H: Header>(&self, page: &H) {
        page.word(Field::SqFlags).store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::array;

    struct Page([AtomicU32; 16]);

    impl Page {
        fn at(index: u32) -> (Page, KernelSide) {
            (
                Page(array::from_fn(|_| AtomicU32::new(index))),
                KernelSide::starting_at(index),
            )
        }
    }

    impl Header for Page {
        type Word = AtomicU32;

        fn word(&self, field: Field) -> &AtomicU32 {
            &self.0[field as usize / 4]
        }
    }

    // docs/mutants.md, row 19: also where a cursor of 8 or 16 bits would begin anew.
    #[test]
    fn p7_indices_run_over_their_end_on_both_sides() {
        for start in [0, 7, 0xff, 0xffff, u32::MAX - 3, u32::MAX] {
            let (page, mut kernel) = Page::at(start);
            let tail = start.wrapping_add(SQ_ENTRIES);
            assert_eq!((kernel.pending(&page), queued(&page, tail)), (0, SQ_ENTRIES));
            assert!(!kernel.is_pending(&page));
            publish_before_entry(&page, tail);
            assert_eq!(
                (kernel.is_pending(&page), kernel.pending(&page)),
                (true, SQ_ENTRIES)
            );
            kernel.take(&page, 5);
            assert_eq!(
                (kernel.pending(&page), queued(&page, tail)),
                (SQ_ENTRIES - 5, SQ_ENTRIES - 5)
            );
            kernel.post(&page, CQ_ENTRIES);
            assert_eq!(
                (kernel.sq_head(), kernel.cq_tail()),
                (start.wrapping_add(5), start.wrapping_add(CQ_ENTRIES))
            );
            assert_eq!((kernel.room(&page), kernel.unread(&page)), (0, CQ_ENTRIES));
            assert_eq!(posted(&page), start.wrapping_add(CQ_ENTRIES));
            give_back(&page, start.wrapping_add(2));
            assert_eq!((kernel.room(&page), kernel.unread(&page)), (2, CQ_ENTRIES - 2));
        }
    }

    #[test]
    fn p7_indices_that_make_no_sense_discard_submissions_and_leave_no_room() {
        let (page, mut kernel) = Page::at(10);
        publish_before_entry(&page, 10 + SQ_ENTRIES + 1);
        assert_eq!(
            (kernel.pending(&page), kernel.sq_head()),
            (0, 10 + SQ_ENTRIES + 1)
        );
        assert_eq!(queued(&page, 10 + SQ_ENTRIES + 1), 0);
        give_back(&page, 11);
        assert_eq!((kernel.room(&page), kernel.unread(&page)), (0, CQ_ENTRIES));
    }

    /// The entries of a page that hold one submission, at every place.
    struct Submission(Page, [u64; SQE_WORDS]);

    impl Header for Submission {
        type Word = AtomicU32;

        fn word(&self, field: Field) -> &AtomicU32 {
            self.0.word(field)
        }
    }

    impl Entries for Submission {
        fn submission_word(&self, _: u32, word: usize) -> u64 {
            self.1[word]
        }

        fn set_completion(&self, _: u32, _: [u64; 4]) {}

        fn count_overflow(&self) {}
    }

    #[test]
    fn p7_a_submission_is_copied_out_and_a_nop_is_known() {
        let words: [u64; SQE_WORDS] = array::from_fn(|word| 10 + word as u64);
        let (page, _) = Page::at(0);
        assert_eq!(Submission(page, words).submission(3), words);
        let mut nop = [0; SQE_WORDS];
        (nop[0], nop[1]) = (NOP_WORD, 77);
        let known = |words| Submission(Page::at(0).0, words).nop(3);
        assert_eq!((known(nop), known(words)), (Some(77), None));
        nop[7] = 1;
        assert_eq!(known(nop), None);
    }

    #[test]
    fn f7_whoever_publishes_is_told_of_a_poller_that_sleeps() {
        let (page, mut kernel) = Page::at(0);
        assert!(!publish(&page, 1), "it is awake");
        assert!(!kernel.fall_asleep(&page), "something is there");
        kernel.take(&page, 1);
        assert!(kernel.fall_asleep(&page));
        assert!(publish(&page, 2));
        kernel.wake_up(&page);
        assert!(!publish(&page, 3));
    }
}
