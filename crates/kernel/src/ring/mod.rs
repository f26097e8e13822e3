//! A ring: the page shared with user space and the kernel's private side of it. Submissions are taken in order by one
//! dispatcher at a time (`dispatch`); work that ends later is an entry of the ring's operation table (`operation`);
//! completions wake whoever waits for them. Whoever posts one or makes room looks at the waiters before it is done, so
//! nobody sleeps beside as many completions as it waits for. Rules P7, B3; docs/abi.md, sections 2 to 4.
//!
//! Nothing read from the page is trusted: the kernel keeps its own head and tail, and sizes are constants. Queues, list of
//! waiters and table are `rings`, which tests and models run, too; here are the lock around them and whom they wake.

pub mod claim;
pub mod dispatch;
pub mod operation;
pub mod serving;

use alloc::sync::Arc;
use core::ops::{Deref, DerefMut};

use abi::ring::Cqe;
use machine::Lock;
use machine::attribution::Site;
use machine::lock::LockGuard;
use machine::ring::RingPage;
use rings::{Queues, Round, Waiter, Waiters};

use crate::memory::account::{Account, Charge, Cost, refusable};
use crate::memory::pages::Pages;
use crate::memory::space::Space;
use crate::run::task::Task;
use crate::run::wait::{Completions, Look};
use crate::run::wake;
use operation::Operations;

/// The most completions that find the queue full: one of each operation, and one of each thread, whose submission found
/// room when it was taken.
const BACKLOG: usize = operation::LIMIT + abi::limits::THREADS as usize;

/// The kernel's private side.
struct State {
    queues: Queues,
    /// A thread is working through the submissions.
    dispatching: bool,
    /// The process has ended: nothing is posted any more.
    closed: bool,
    waiters: Waiters<Arc<Task>>,
    /// How many are just waking satisfied waiters, one by one. Kept where it is asserted.
    waking: u32,
    operations: Operations,
}

/// A ring of a process: the one all its threads share, or one thread's own.
pub struct Ring {
    page: RingPage,
    /// The memory that its submissions speak of.
    space: Arc<Space>,
    /// What pays for those that wait.
    account: Arc<Account>,
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
                + abi::limits::THREADS as usize * size_of::<Waiter<Arc<Task>>>(),
        ))
        .and(operation::COST);

    /// A fresh ring, for which [`Ring::COST`] was charged, or `None` when RAM is full. The caller maps [`Ring::page`].
    pub fn new(space: Arc<Space>, account: Arc<Account>, charge: Charge) -> Option<Arc<Ring>> {
        let page = RingPage::new()?;
        let state = State {
            queues: Queues::new(BACKLOG),
            dispatching: false,
            closed: false,
            waiters: Waiters::with_capacity(abi::limits::THREADS as usize),
            waking: 0,
            operations: refusable(|| Operations::new(operation::LIMIT as u16)).ok()?,
        };
        Some(Arc::new(Ring {
            page,
            space,
            account,
            own_page: Lock::new(None),
            state: Site::Ring.lock(state),
            _charge: charge,
        }))
    }

    /// The page, to map it.
    pub fn page(&self) -> &RingPage {
        &self.page
    }

    /// What pays for operations that wait.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Locks the private side.
    #[inline]
    fn lock(&self) -> Locked<'_> {
        Locked(self.state.lock())
    }

    /// Posts a completion and wakes who waited for it.
    pub fn post(&self, completion: Cqe) {
        let mut state = self.lock();
        state.publish(&self.page, completion);
        self.wake_others(state);
    }

    /// Wakes everybody who waits now and whose wish is fulfilled; how many. Threads are woken one by one without the lock, which
    /// the woken ones want next.
    #[inline(always)]
    fn wake_satisfied<'a>(&'a self, mut state: Locked<'a>) -> u32 {
        let mut woken = 0;
        let mut round = Round::new();
        while let Some((waiter, available)) = state.satisfied(&self.page) {
            let goes_on = round.goes_on(&state.waiters);
            if cfg!(debug_assertions) {
                state.end_or_go_on(goes_on, available);
            }
            drop(state);
            wake::end_wait(waiter.thread, waiter.listing, available);
            woken += 1;
            if !goes_on {
                return woken;
            }
            state = self.lock();
            if cfg!(debug_assertions) {
                state.waking -= 1;
            }
        }
        woken
    }

    /// The same where it is rare, and would be in the way of what is frequent.
    #[inline(never)]
    fn wake_others<'a>(&'a self, state: Locked<'a>) -> u32 {
        self.wake_satisfied(state)
    }

    /// The process ends: no completion is posted any more, nobody waits, and every unfinished operation is taken out
    /// of the queue of the object it waits at (rule P5).
    pub fn close(self: &Arc<Ring>) {
        let mut state = self.lock();
        state.closed = true;
        let waiters = state.waiters.take_all();
        state.queues.clear();
        drop(state);
        drop(waiters);
        rings::ending::abandon_all(&operation::Ending(self));
    }

    /// Whether nothing is left of its process in here: asserted when a process has ended.
    pub fn is_quiet(&self) -> bool {
        let state = self.lock();
        state.closed && state.waiters.is_empty() && state.operations.is_empty()
    }
}

impl Completions for Ring {
    fn wait_for(&self, task: &Arc<Task>, minimum: u32) -> Look {
        let mut state = self.lock();
        let available = state.queues.available(&self.page);
        if available >= minimum {
            // A time-out may have woken it while it was listed. The next time it may want another number.
            let gone = state.waiters.unlist(is(task));
            self.wake_others(state);
            drop(gone);
            return Look::Enough(available);
        }
        let listing = state.waiters.list_anew(minimum, is(task), || task.clone());
        // Completions that waited for room have it now, and may be enough for others.
        self.wake_others(state);
        Look::Listed(listing)
    }

    fn stop_waiting(&self, task: &Task) -> u32 {
        let mut state = self.lock();
        let gone = state.waiters.unlist(is(task));
        let available = state.queues.available(&self.page);
        self.wake_others(state);
        drop(gone);
        available
    }
}

/// Whether a waiter is this task.
#[inline]
fn is(task: &Task) -> impl Fn(&Arc<Task>) -> bool {
    move |waiter| core::ptr::eq(&raw const **waiter, task)
}

impl State {
    #[inline]
    fn publish(&mut self, page: &RingPage, completion: Cqe) {
        if !self.closed {
            self.queues.publish(page, completion.to_words());
        }
    }

    /// Takes out one waiter whose wish is fulfilled, and says how many completions are unread.
    #[inline]
    fn satisfied(&mut self, page: &RingPage) -> Option<(Waiter<Arc<Task>>, u32)> {
        if self.waiters.is_empty() {
            return None;
        }
        let available = self.queues.available(page);
        let satisfied = self.waiters.satisfied(available);
        if satisfied.is_none() {
            self.queues.were_looked_at();
        }
        satisfied.map(|waiter| (waiter, available))
    }

    /// Whoever wakes has taken one out, and comes back for more or leaves those who have come to wait since to whoever posted for them.
    fn end_or_go_on(&mut self, goes_on: bool, available: u32) {
        if goes_on {
            self.waking += 1;
        } else if !self.waiters.is_satisfied(available) {
            self.queues.were_looked_at();
        }
    }

    /// Whether whoever posted something has looked at the waiters since, or is about to: at the end of its pass, or while it
    /// wakes them one by one. Nobody is forgotten beside as many completions as it waits for.
    #[cfg(debug_assertions)]
    fn nobody_is_forgotten(&self) -> bool {
        !self.queues.is_news() || self.waiters.is_empty() || self.dispatching || self.waking > 0
    }
}

/// The private side, locked.
struct Locked<'a>(LockGuard<'a, State>);

impl Deref for Locked<'_> {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        &self.0
    }
}

impl DerefMut for Locked<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut State {
        &mut self.0
    }
}

#[cfg(debug_assertions)]
impl Drop for Locked<'_> {
    fn drop(&mut self) {
        assert!(
            self.nobody_is_forgotten(),
            "a completion was posted and its waiters were not looked at"
        );
    }
}
