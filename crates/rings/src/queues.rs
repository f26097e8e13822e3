//! The two queues of a ring, as the kernel has them: its private indices ([`KernelSide`]) and the completions that found
//! the queue full. Those come first when there is room again: nothing overtakes them. Whoever counts what is unread moves
//! them before, so that nobody sleeps beside one.

use alloc::collections::VecDeque;

use abi::ring::header::{Entries, KernelSide};
use abi::ring::{Cqe, SQE_WORDS};

/// A completion as it lies in the page.
pub type Completion = [u64; 4];

/// The queues' private side.
pub struct Queues {
    indices: KernelSide,
    /// Completions that found the queue full, oldest first. Its room was made in advance.
    backlog: VecDeque<Completion>,
    most: usize,
    /// Something was posted since the waiters were looked at. Kept where it is asserted.
    is_news: bool,
}

impl Queues {
    /// The queues of a fresh page, with room for `most` completions that find theirs full.
    pub fn new(most: usize) -> Queues {
        Queues::starting_at(0, most)
    }

    /// The same for a page whose indices begin at `index`.
    pub fn starting_at(index: u32, most: usize) -> Queues {
        Queues {
            indices: KernelSide::starting_at(index),
            backlog: VecDeque::with_capacity(most),
            most,
            is_news: false,
        }
    }

    /// How many submissions are there. A tail that makes no sense discards them.
    #[inline]
    pub fn pending<P: Entries>(&mut self, page: &P) -> u32 {
        self.indices.pending(page)
    }

    /// Whether there are any: a look that changes nothing.
    #[inline]
    pub fn is_pending<P: Entries>(&self, page: &P) -> bool {
        self.indices.is_pending(page)
    }

    /// How many submissions a pass begins with; nothing, if another one is under way and there are some to be taken. Where there are
    /// none nobody is in anybody's way.
    #[inline]
    pub fn begin_pass<P: Entries>(&mut self, is_under_way: bool, page: &P) -> Option<u32> {
        if !is_under_way {
            Some(self.pending(page))
        } else if self.is_pending(page) {
            None
        } else {
            Some(0)
        }
    }

    /// Answers NOPs that are next among `left` submissions, as many as completions fit, and takes them off `left`. They need
    /// nothing but the two queues, so a batch of them costs its copies and one update of each index. True if another
    /// submission is next, and a completion fits.
    #[inline(always)]
    pub fn answer_nops<P: Entries>(&mut self, page: &P, left: &mut u32) -> bool {
        let batch = self.room(page).min(*left);
        if batch == 0 {
            return false;
        }
        let (head, tail) = (self.indices.sq_head(), self.indices.cq_tail());
        // Where the first is none, nothing is made ready for a batch.
        let Some(mut user_data) = page.nop(head) else {
            return true;
        };
        let mut taken = 0;
        loop {
            page.set_completion(tail.wrapping_add(taken), Cqe::plain(user_data, 0).to_words());
            taken += 1;
            if taken == batch {
                break;
            }
            match page.nop(head.wrapping_add(taken)) {
                Some(next) => user_data = next,
                None => break,
            }
        }
        self.indices.take(page, taken);
        self.posted(page, taken);
        *left -= taken;
        taken < batch
    }

    /// The next submission, copied out, each word read once; it is not taken yet. The caller has seen that there is one.
    #[inline]
    pub fn next<P: Entries>(&self, page: &P) -> [u64; SQE_WORDS] {
        page.submission(self.indices.sq_head())
    }

    /// Takes the submission that [`Queues::next`] copied out.
    #[inline]
    pub fn take<P: Entries>(&mut self, page: &P) {
        self.indices.take(page, 1);
    }

    /// How many more completions fit, after those that have waited for room.
    #[inline]
    fn room<P: Entries>(&mut self, page: &P) -> u32 {
        if !self.backlog.is_empty() && !self.flush(page) {
            return 0;
        }
        self.indices.room(page)
    }

    /// How many completions are unread, those included that have waited for room and have it now. With [`abi::ring::CQ_ENTRIES`] no
    /// other fits.
    #[inline]
    pub fn available<P: Entries>(&mut self, page: &P) -> u32 {
        if !self.backlog.is_empty() {
            self.flush(page);
        }
        self.indices.unread(page)
    }

    /// Posts a completion, or keeps it until there is room.
    #[inline]
    pub fn publish<P: Entries>(&mut self, page: &P, completion: Completion) {
        if self.room(page) > 0 {
            self.write(page, completion);
        } else if self.backlog.len() < self.most {
            self.backlog.push_back(completion);
        } else {
            page.count_overflow();
        }
    }

    #[inline]
    fn write<P: Entries>(&mut self, page: &P, completion: Completion) {
        page.set_completion(self.indices.cq_tail(), completion);
        self.posted(page, 1);
    }

    #[inline]
    fn posted<P: Entries>(&mut self, page: &P, count: u32) {
        self.indices.post(page, count);
        if cfg!(debug_assertions) {
            self.is_news = true;
        }
    }

    /// Moves completions that had to wait into free slots; true if none waits any more.
    #[cold]
    fn flush<P: Entries>(&mut self, page: &P) -> bool {
        while self.indices.room(page) > 0 {
            let Some(completion) = self.backlog.pop_front() else {
                return true;
            };
            self.write(page, completion);
        }
        self.backlog.is_empty()
    }

    /// Drops what waits for room: the ring is closed.
    pub fn clear(&mut self) {
        self.backlog.clear();
    }

    /// The waiters were looked at, and those who wait still wait for more than there is.
    #[inline]
    pub fn were_looked_at(&mut self) {
        if cfg!(debug_assertions) {
            self.is_news = false;
        }
    }

    /// Whether something was posted since the waiters were looked at. Only builds with assertions know.
    pub fn is_news(&self) -> bool {
        self.is_news
    }
}

#[cfg(test)]
mod tests;
