//! A ring: the page shared with user space and the kernel's private side of it. Submissions are taken in order by one
//! dispatcher at a time (`dispatch`); work that ends later is an entry of the ring's operation table (`operation`);
//! completions wake whoever waits for them. Whoever posts one or makes room looks at the waiters before it is done, so
//! nobody sleeps beside as many completions as it waits for. Rules P7, B3; docs/abi.md, sections 2 to 4.
//!
//! Nothing read from the page is trusted: the kernel keeps its own head and tail (`abi::ring::header::KernelSide`), and
//! sizes are constants.

pub mod dispatch;
pub mod operation;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::ring::header::KernelSide;
use abi::ring::{Cqe, SQE_WORDS};
use abi::validate::is_nop;
use machine::Lock;
use machine::attribution::Site;
use machine::lock::LockGuard;
use machine::ring::RingPage;

use crate::memory::account::{Charge, Cost};
use crate::memory::pages::Pages;
use crate::process::Process;
use crate::process::thread::Thread;
use crate::run;
use operation::Operations;

/// The most completions that find the queue full: one of each operation, and one of each thread, whose submission found
/// room when it was taken.
const BACKLOG: usize = operation::LIMIT + abi::limits::THREADS as usize;

struct Waiter {
    thread: Arc<Thread>,
    minimum: u32,
    listing: Listing,
}

/// One listing of a thread among its ring's waiters: no two are the same, so whoever wakes a thread knows whether it
/// still waits for what it was listed for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Listing(u64);

/// What a thread that wants to wait finds.
pub enum Look {
    /// So many unread completions, which are enough.
    Enough(u32),
    /// Too few: the thread is listed to be woken.
    Listed(Listing),
}

/// The kernel's private side.
struct State {
    indices: KernelSide,
    /// A thread is working through the submissions.
    dispatching: bool,
    /// The process has ended: nothing is posted any more.
    closed: bool,
    /// Completions that found the queue full, oldest first. Never more than [`BACKLOG`].
    backlog: VecDeque<[u64; 4]>,
    waiters: Vec<Waiter>,
    /// How many times a thread was listed.
    listings: u64,
    operations: Operations,
}

/// A ring of a process: the one all its threads share, or one thread's own.
pub struct Ring {
    page: RingPage,
    /// The process it belongs to.
    pub process: Arc<Process>,
    /// Where it is mapped, if it is one thread's own.
    pub own_page: Lock<Option<Pages>>,
    state: Lock<State>,
    /// For its page, its queues and the operations under way.
    _charge: Charge,
}

impl Ring {
    /// What a ring takes.
    pub const COST: Cost = Cost::frames(1)
        .and(Cost::heap(
            size_of::<Ring>()
                + BACKLOG * size_of::<[u64; 4]>()
                + abi::limits::THREADS as usize * size_of::<Waiter>(),
        ))
        .and(operation::COST);

    /// A fresh ring, for which [`Ring::COST`] was charged, or `None` when RAM is full. The caller maps [`Ring::page`].
    pub fn new(process: Arc<Process>, charge: Charge) -> Option<Arc<Ring>> {
        let page = RingPage::new()?;
        let state = State {
            indices: KernelSide::default(),
            dispatching: false,
            closed: false,
            backlog: VecDeque::with_capacity(BACKLOG),
            waiters: Vec::with_capacity(abi::limits::THREADS as usize),
            listings: 0,
            operations: Operations::new()?,
        };
        Some(Arc::new(Ring {
            page,
            process,
            own_page: Lock::new(None),
            state: Site::Ring.lock(state),
            _charge: charge,
        }))
    }

    /// The page, to map it.
    pub fn page(&self) -> &RingPage {
        &self.page
    }

    /// Posts a completion and wakes who waited for it.
    pub fn post(&self, completion: Cqe) {
        let mut state = self.state.lock();
        state.publish(&self.page, completion.to_words());
        self.wake_satisfied(state);
    }

    /// Wakes everybody whose wish is fulfilled now; how many. Threads are woken one by one without the lock, which the
    /// woken ones want next.
    #[inline]
    fn wake_satisfied<'a>(&'a self, mut state: LockGuard<'a, State>) -> u32 {
        let mut woken = 0;
        while let Some((waiter, available)) = state.satisfied(&self.page) {
            let last = state.waiters.is_empty();
            drop(state);
            run::wake::end_wait(waiter.thread, waiter.listing, available);
            woken += 1;
            if last {
                return woken;
            }
            state = self.state.lock();
        }
        woken
    }

    /// Looks whether at least `minimum` completions are unread; if not, the thread is listed to be woken when they are.
    pub fn wait_for(&self, thread: &Arc<Thread>, minimum: u32) -> Look {
        let mut state = self.state.lock();
        let available = state.available(&self.page);
        if available >= minimum {
            // A time-out may have woken it while it was listed. The next time it may want another number.
            let gone = state.unlist(thread);
            drop(state);
            drop(gone);
            return Look::Enough(available);
        }
        Look::Listed(match state.place_of(thread) {
            Some(index) => state.list_anew(index, minimum),
            None => state.list(thread, minimum),
        })
    }

    /// Takes a thread off the list of waiters; the unread completions.
    pub fn stop_waiting(&self, thread: &Thread) -> u32 {
        let mut state = self.state.lock();
        let gone = state.unlist(thread);
        let available = state.available(&self.page);
        drop(state);
        drop(gone);
        available
    }

    /// The process ends: no completion is posted any more, nobody waits, and every unfinished operation is taken out
    /// of the queue of the object it waits at (rule P5).
    pub fn close(self: &Arc<Ring>) {
        let mut state = self.state.lock();
        state.closed = true;
        let waiters = core::mem::take(&mut state.waiters);
        state.backlog.clear();
        drop(state);
        drop(waiters);
        operation::abandon_all(self);
    }

    /// Whether nothing is left of its process in here: asserted when a process has ended.
    pub fn is_quiet(&self) -> bool {
        let state = self.state.lock();
        state.closed && state.waiters.is_empty() && state.operations.is_empty()
    }
}

impl State {
    /// How many more completions fit, after those that have waited for room.
    #[inline]
    fn room(&mut self, page: &RingPage) -> u32 {
        if !self.backlog.is_empty() && !self.flush_backlog(page) {
            return 0;
        }
        self.indices.room(page)
    }

    /// How many completions are unread, those included that have waited for room and have it now.
    #[inline]
    fn available(&mut self, page: &RingPage) -> u32 {
        if !self.backlog.is_empty() {
            self.flush_backlog(page);
        }
        self.indices.unread(page)
    }

    #[inline]
    fn write(&mut self, page: &RingPage, words: [u64; 4]) {
        page.set_completion(self.indices.cq_tail(), words);
        self.indices.post(page, 1);
    }

    #[inline]
    fn publish(&mut self, page: &RingPage, words: [u64; 4]) {
        if self.closed {
            return;
        }
        if self.room(page) > 0 {
            self.write(page, words);
        } else if self.backlog.len() < self.backlog.capacity() {
            self.backlog.push_back(words);
        } else {
            page.count_overflow();
        }
    }

    /// Moves completions that had to wait into free slots; true if none waits any more.
    #[cold]
    fn flush_backlog(&mut self, page: &RingPage) -> bool {
        while self.indices.room(page) > 0 {
            let Some(words) = self.backlog.pop_front() else {
                return true;
            };
            self.write(page, words);
        }
        self.backlog.is_empty()
    }

    /// Lists a thread that waits for `minimum` completions. It is in the list at most once.
    #[inline]
    fn list(&mut self, thread: &Arc<Thread>, minimum: u32) -> Listing {
        self.listings += 1;
        let listing = Listing(self.listings);
        self.waiters.push(Waiter {
            thread: thread.clone(),
            minimum,
            listing,
        });
        listing
    }

    /// The same for the thread at `index` of the list, which wants `minimum` now.
    #[inline]
    fn list_anew(&mut self, index: usize, minimum: u32) -> Listing {
        self.listings += 1;
        let listing = Listing(self.listings);
        let waiter = &mut self.waiters[index];
        waiter.minimum = minimum;
        waiter.listing = listing;
        listing
    }

    /// Where in the list a thread is, if it is there.
    #[inline]
    fn place_of(&self, thread: &Thread) -> Option<usize> {
        self.waiters
            .iter()
            .position(|waiter| core::ptr::eq(&raw const *waiter.thread, thread))
    }

    /// Takes a thread off the list, if it is there.
    #[inline]
    fn unlist(&mut self, thread: &Thread) -> Option<Waiter> {
        self.place_of(thread).map(|index| self.waiters.swap_remove(index))
    }

    /// Takes out one waiter whose wish is fulfilled, and says how many completions are unread.
    #[inline]
    fn satisfied(&mut self, page: &RingPage) -> Option<(Waiter, u32)> {
        if self.waiters.is_empty() {
            return None;
        }
        let available = self.available(page);
        let index = self
            .waiters
            .iter()
            .position(|waiter| waiter.minimum <= available)?;
        Some((self.waiters.swap_remove(index), available))
    }

    /// The next of the `left` submissions that is not a NOP, copied out and not taken yet; `None` if there is none, or no
    /// completion fits any more. NOPs before it are answered here: they need nothing but the two queues, so a batch of
    /// them costs its copies and one update of each index.
    #[inline]
    fn next_submission(&mut self, page: &RingPage, left: &mut u32) -> Option<[u64; SQE_WORDS]> {
        loop {
            let batch = self.room(page).min(*left);
            if batch == 0 {
                return None;
            }
            let mut other = None;
            let mut taken = 0;
            while taken < batch {
                let words = page.submission(self.indices.sq_head().wrapping_add(taken));
                if !is_nop(&words) {
                    other = Some(words);
                    break;
                }
                page.set_completion(
                    self.indices.cq_tail().wrapping_add(taken),
                    Cqe::plain(words[1], 0).to_words(),
                );
                taken += 1;
            }
            if taken > 0 {
                self.indices.take(page, taken);
                self.indices.post(page, taken);
                *left -= taken;
            }
            if other.is_some() {
                return other;
            }
        }
    }
}
