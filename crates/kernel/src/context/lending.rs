//! CPU time that goes along with a call: while a caller with time of its own waits for the answer, the server thread that has none works
//! with it (D to F). Rule E4.
//!
//! A loan has a ticket, and the ticket is in the operation by which the caller waits. So whatever ends that, an answer, an exception,
//! the end of either side, brings the time back before anybody learns of it. A server that calls on lends on: the loans of a
//! context are a stack, and what ends one ends those above it. A caller that runs again although nothing was answered, because it waited for
//! something else as well, takes its time back first: it never runs without.
//!
//! How the time moves is the protocol's ([`protocol::lending`]), with the kernel's [`Threads`]. All of it is under the lock of the context's state, which
//! comes behind that of the ring whose operation has the ticket.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use protocol::Reached;
use protocol::lending::{self, Lender, Parties};
use sched::context::holding::{Due, context_of};
use sched::{Budget, ContextId};

use super::{Context, State, helping, with};
use crate::process::thread::Thread;
use crate::ring::operation::Operation;
use crate::run::cpus;
use crate::run::host::Host;
use crate::run::wake::{now, wake};

/// A call by which its caller waits for a server, and has time.
#[derive(Clone)]
pub struct Called {
    pub(super) operation: Operation,
    pub(super) server: Arc<Thread>,
    pub(super) is_received: bool,
}

impl Called {
    /// A call by this operation, which `server` has received.
    pub fn new(operation: &Operation, server: &Arc<Thread>) -> Called {
        Called {
            operation: operation.clone(),
            server: server.clone(),
            is_received: true,
        }
    }
}

/// A call of the running thread, which has time, has been received: when it waits, the server works with that.
#[cold]
pub fn was_received(caller: &Thread, called: Called) {
    let before = caller.called.lock().replace(called);
    caller.attention.called();
    drop(before);
    if caller.task().is_dying() {
        // Whoever takes it apart may have looked already.
        let called = caller.called.lock().take();
        drop(called);
    }
}

/// A call has been received whose caller may wait already: then it lends now, if it did not before to the same server.
#[cold]
pub fn was_received_later(caller: &Arc<Thread>, called: Called) {
    // Before the next loan, as it may not have run since the last.
    is_back(caller);
    if lend(caller, &called, Lender::AtRest) {
        return;
    }
    let has_time = called.server.may_lend();
    was_received(caller, called);
    if !has_time {
        // It was not at rest. It may be on its way there and have looked already: then it looks again.
        wake(caller.task());
    }
}

/// A thread that has time begins to wait, having called somebody.
#[cold]
pub fn begins_to_wait(caller: &Arc<Thread>) {
    caller.attention.has_lent_what_it_called();
    let called = caller.called.lock().take();
    if let Some(called) = called {
        // Before the next loan, as it may not have been in user mode since the last.
        is_back(caller);
        // If the server has time, or works for somebody else, each goes on with its own.
        let _ = lend(caller, &called, Lender::Running);
    }
}

/// A thread that has lent its time is about to be woken, or runs again: it takes it back.
#[cold]
pub fn takes_back(lender: &Arc<Thread>) {
    lender.attention.lends_no_more();
    lender.task().note_lending(false);
    // One of the two is what it has lent.
    let borrowed = lender.borrowed.lock().clone();
    let own = lender.context.lock().clone();
    for context in borrowed.into_iter().chain(own) {
        context.take_back(lender);
    }
}

/// A thread has lent its time and has it again: what the loan has let go of is freed.
#[cold]
pub fn is_back(lender: &Thread) {
    let context = time_of(lender);
    if let Some(context) = context {
        context.free_spare();
    }
}

/// An operation has ended by which a loan was made.
pub fn ended(ticket: u64) {
    // Not held on to: this may be in the middle of something that must not free, and whoever lets go of it last does.
    let mut debt = None;
    with(context_of(ticket), |context| {
        let mut state = context.state.lock();
        lending::call_has_ended(&mut Threads, &mut state, ticket);
        debt = state.settle(ticket);
    });
    if let Some(debt) = debt {
        helping::settle(debt);
    }
}

/// Lends the time that a thread has to the server of its call, if the call is under way still. Whether it did.
pub(super) fn lend(lender: &Arc<Thread>, called: &Called, place: Lender) -> bool {
    let Some(context) = time_of(lender) else {
        return false;
    };
    if called.server.may_lend() {
        return helping::lend(lender, called, place, &context);
    }
    called.operation.lend(
        |ticket| helping::is_right(ticket, called),
        || context.lend(lender, called, place),
    )
}

/// The context whose time a thread uses: what it was lent, else its own.
pub fn time_of(thread: &Thread) -> Option<Arc<Context>> {
    let borrowed = thread.borrowed.lock().clone();
    borrowed.or_else(|| thread.context.lock().clone())
}

impl Context {
    /// Lends from who has the time to a thread that has none; the ticket.
    pub(super) fn lend(
        self: &Arc<Context>,
        from: &Arc<Thread>,
        called: &Called,
        place: Lender,
    ) -> Option<u64> {
        let mut state = self.state.lock();
        let to = (&called.server, called.is_received);
        lending::lend(&mut Threads, &mut state, self, (from, place), to)
    }

    /// Frees what earlier loans have let go of.
    pub(super) fn free_spare(&self) {
        loop {
            let spare = self.state.lock().take_spare();
            if spare.is_none() {
                return;
            }
        }
    }

    /// A lender takes back what it has lent.
    fn take_back(&self, lender: &Arc<Thread>) {
        let mut state = self.state.lock();
        lending::take_back(&mut Threads, &mut state, lender);
    }

    /// The loans from this one on end: the time goes to who lent first among them.
    pub(super) fn end_loans(&self, state: &mut State, first: usize) {
        lending::end_loans(&mut Threads, state, first);
    }

    /// A thread has been taken apart that was lent this time, or has lent it on, and brings it if it had it.
    pub(super) fn borrower_has_ended(&self, thread: &Thread, time: Option<Box<Budget>>) {
        let mut state = self.state.lock();
        let is_it = |borrower: &Arc<Thread>| **borrower == *thread;
        let time = lending::borrower_has_ended(&mut Threads, &mut state, is_it, time);
        drop(state);
        drop(time);
        self.free_spare();
    }
}

/// The kernel's threads, as those that lend and borrow.
pub(super) struct Threads;

impl Parties for Threads {
    type Thread = Arc<Thread>;
    type Context = Arc<Context>;

    fn with_budget(&mut self, thread: &Arc<Thread>, mut change: impl FnMut(&mut Option<Box<Budget>>)) {
        let reached = protocol::change_budget(&mut Host::here(), thread.task(), |budget, _| change(budget));
        match reached {
            Reached::Done | Reached::Dying | Reached::OnItsWay => {}
        }
    }

    fn take_at_rest(&mut self, thread: &Arc<Thread>, context: ContextId) -> Option<Box<Budget>> {
        let mut cell = thread.task().cell.lock();
        let resting = cell.resting_mut()?;
        let mut hand = None;
        if resting.budget().is_some_and(|budget| budget.context() == context) {
            resting.change_parked_budget(|budget| hand = budget.take());
            // Before anybody can wake it: it does not run without.
            self.lends(thread);
        }
        hand
    }

    fn borrows(&mut self, thread: &Arc<Thread>, context: &Arc<Context>) -> bool {
        let own = thread.context.lock();
        let mut borrowed = thread.borrowed.lock();
        if own.is_some() || borrowed.is_some() {
            return false;
        }
        *borrowed = Some(context.clone());
        drop((own, borrowed));
        thread.note_time();
        true
    }

    fn borrows_no_more(&mut self, thread: &Arc<Thread>) {
        let borrowed = thread.borrowed.lock().take();
        // The context is held by whoever is in here.
        drop(borrowed);
        thread.note_time();
    }

    fn lends(&mut self, thread: &Arc<Thread>) {
        thread.attention.lends();
        thread.task().note_lending(true);
    }

    fn lends_no_more(&mut self, thread: &Arc<Thread>) {
        thread.attention.has_lent();
        thread.task().note_lending(false);
    }

    fn arrives(&mut self, budget: &mut Budget, due: Due) {
        due.do_with(budget, now());
        if budget.has_awaited_news() {
            let cpu = cpus::this();
            cpu.news.note(budget.context().number);
            // There it is told before the next turn, or before this one goes on.
            cpu.reschedule.store(true, Relaxed);
        }
    }
}
