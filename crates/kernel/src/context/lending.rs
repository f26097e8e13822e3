//! CPU time that goes along with a call: while a caller with time of its own waits for the answer, the server thread that has none works
//! with it (D to F). Rule E4.
//!
//! A loan has a ticket, and the ticket is in the operation by which the caller waits. So whatever ends that, an answer, an exception, a
//! time-out, the end of either side, brings the time back before anybody learns of it. A server that calls on lends on: the loans of a
//! context are a stack, and what ends one ends those above it. A caller that runs again although nothing was answered, because it waited for
//! something else as well, takes its time back first: it never runs without.
//!
//! All moves of a context's time are under its state's lock, which comes behind that of the ring whose operation has the ticket.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use protocol::Reached;
use sched::{Budget, Nanos};

use super::{Context, Due, State, with};
use crate::process::thread::Thread;
use crate::ring::operation::Operation;
use crate::run::cpus;
use crate::run::host::Host;
use crate::run::wake::{now, wake};

/// How deep loans go: a caller, and so many servers that call on.
pub const MOST_LOANS: usize = 8;

/// Bits of a ticket that count the loans of one context; those above name the context. No operation that ended names a loan of now, as
/// it would have to be under way for as many loans.
const COUNT_BITS: u32 = 20;

/// One loan, the time being with `to` unless that has lent it on.
pub(super) struct Loan {
    pub(super) to: Arc<Thread>,
    ticket: u64,
}

/// A call that was received while its caller had time.
pub struct Called {
    operation: Operation,
    server: Arc<Thread>,
}

impl Called {
    /// A call by this operation, received by `server`.
    pub fn new(operation: &Operation, server: &Arc<Thread>) -> Called {
        Called {
            operation: operation.clone(),
            server: server.clone(),
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

/// The same for a caller that may wait already: then it lends now.
#[cold]
pub fn was_received_later(caller: &Arc<Thread>, called: Called) {
    // Before the next loan, as it may not have run since the last.
    is_back(caller);
    if lend(caller, &called, Lender::AtRest) {
        return;
    }
    let is_at_rest = caller.task().cell.lock().is_resting();
    was_received(caller, called);
    if !is_at_rest {
        // It may be on its way to rest and have looked already: then it looks again before it does.
        wake(caller.task());
    }
}

/// A thread that has time begins to wait, having called somebody.
#[cold]
pub fn begins_to_wait(caller: &Arc<Thread>) {
    caller.attention.has_lent_what_it_called();
    let called = caller.called.lock().take();
    if let Some(called) = called {
        // If the server has time, or works for somebody else, each goes on with its own.
        let _ = lend(caller, &called, Lender::Running);
    }
}

/// A thread runs again that has lent its time: it takes it back.
#[cold]
pub fn runs_again(lender: &Arc<Thread>) {
    lender.attention.lends_no_more();
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
    with(ticket >> COUNT_BITS, |context| {
        let mut state = context.state.lock();
        let loan = state.loans.iter().position(|loan| loan.ticket == ticket);
        if let Some(first) = loan {
            context.end_loans(&mut state, first);
        }
    });
}

/// Where the lender's box is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lender {
    /// It rests, or nothing is lent.
    AtRest,
    /// It runs on this CPU, and is about to rest.
    Running,
}

/// Lends the time that a thread has to the server of its call, if the call is under way still. Whether it did.
fn lend(lender: &Arc<Thread>, called: &Called, place: Lender) -> bool {
    let Some(context) = time_of(lender) else {
        return false;
    };
    called
        .operation
        .lend(|| context.lend(lender, &called.server, place))
}

/// The context whose time a thread uses: what it was lent, else its own.
pub fn time_of(thread: &Thread) -> Option<Arc<Context>> {
    let borrowed = thread.borrowed.lock().clone();
    borrowed.or_else(|| thread.context.lock().clone())
}

impl Context {
    /// Lends from who has the time to a thread that has none, and is not on the way from its owner to there; the ticket.
    fn lend(self: &Arc<Context>, from: &Arc<Thread>, to: &Arc<Thread>, place: Lender) -> Option<u64> {
        let mut state = self.state.lock();
        let is_holder = state.holder().is_some_and(|holder| Arc::ptr_eq(holder, from));
        let is_on_the_way = state.loans.iter().map(|loan| &loan.to).chain(&state.bound);
        let is_cycle = is_on_the_way.into_iter().any(|thread| Arc::ptr_eq(thread, to));
        if state.is_gone || !is_holder || is_cycle || state.loans.len() == MOST_LOANS {
            return None;
        }
        {
            // Whoever has time, if lent on, or works with somebody else's, takes no other.
            let own = to.context.lock();
            let mut borrowed = to.borrowed.lock();
            if own.is_some() || borrowed.is_some() {
                return None;
            }
            // Whoever takes the server apart from here on finds what it was lent.
            *borrowed = Some(self.clone());
        }
        let taken = match place {
            Lender::Running => self.take_from(from),
            Lender::AtRest => self.take_at_rest(from),
        };
        let Some(mut budget) = taken else {
            let borrowed = to.borrowed.lock().take();
            drop(state);
            drop(borrowed);
            return None;
        };
        budget.lend(true);
        let mut hand = Some(budget);
        put(to, &mut hand);
        if let Some(budget) = hand {
            // The server ends.
            let borrowed = to.borrowed.lock().take();
            from.attention.lends_no_more();
            self.deliver(&mut state, budget);
            drop(state);
            drop(borrowed);
            return None;
        }
        state.lent += 1;
        let ticket = self.id().number << COUNT_BITS | state.lent & ((1 << COUNT_BITS) - 1);
        state.loans.push(Loan {
            to: to.clone(),
            ticket,
        });
        to.has_time(true);
        from.attention.lends();
        Some(ticket)
    }

    /// Frees what earlier loans have let go of.
    pub(super) fn free_spare(&self) {
        loop {
            let spare = self.state.lock().spare.pop();
            if spare.is_none() {
                return;
            }
        }
    }

    /// The box of a thread that rests; nothing if it does not.
    fn take_at_rest(&self, thread: &Thread) -> Option<Box<Budget>> {
        let mut cell = thread.task().cell.lock();
        let resting = cell.resting_mut()?;
        let mut hand = None;
        if resting
            .budget()
            .is_some_and(|budget| budget.context() == self.id())
        {
            resting.change_parked_budget(|budget| hand = budget.take());
            // Before anybody can wake it: it does not run without.
            thread.attention.lends();
        }
        hand
    }

    /// A lender takes back what it has lent.
    fn take_back(&self, lender: &Arc<Thread>) {
        let mut state = self.state.lock();
        let is_lender = |thread: &Arc<Thread>| Arc::ptr_eq(thread, lender);
        let first = if state.bound.as_ref().is_some_and(is_lender) {
            Some(0)
        } else {
            let place = state.loans.iter().position(|loan| is_lender(&loan.to));
            place.map(|place| place + 1)
        };
        if let Some(first) = first.filter(|first| *first < state.loans.len()) {
            self.end_loans(&mut state, first);
        }
    }

    /// The loans from this one on end: the time goes to who lent first among them.
    pub(super) fn end_loans(&self, state: &mut State, first: usize) {
        if state.loans.len() <= first {
            return;
        }
        let hand = state.holder().and_then(|holder| self.take_from(holder));
        while state.loans.len() > first {
            state.end_last_loan();
        }
        if let Some(budget) = hand {
            self.deliver(state, budget);
        }
    }

    /// A thread has been taken apart that was lent this time, or has lent it on, and brings it if it had it.
    pub(super) fn borrower_has_ended(&self, thread: &Thread, time: Option<Box<Budget>>) {
        let mut state = self.state.lock();
        let place = state
            .loans
            .iter()
            .position(|loan| core::ptr::eq(&raw const *loan.to, thread));
        if let Some(place) = place {
            self.end_loans(&mut state, place);
        }
        let time = self.deliver_unless_gone(&mut state, time);
        drop(state);
        drop(time);
        self.free_spare();
    }

    /// The same as [`Context::deliver`], unless the context is gone: then the time comes back, to be freed without a lock.
    pub(super) fn deliver_unless_gone(
        &self,
        state: &mut State,
        time: Option<Box<Budget>>,
    ) -> Option<Box<Budget>> {
        match time {
            Some(budget) if !state.is_gone => {
                self.deliver(state, budget);
                None
            }
            time => time,
        }
    }

    /// Gives the time to who is to have it: the last who was lent it, the thread that is bound, or the record. Whoever ends, or has time of its
    /// own meanwhile, is passed over.
    pub(super) fn deliver(&self, state: &mut State, mut budget: Box<Budget>) {
        state.due.do_with(&mut budget);
        if budget.has_awaited_news() {
            let cpu = cpus::this();
            cpu.news.note(self.id().number);
            // There it is told before the next turn, or before this one goes on.
            cpu.reschedule.store(true, Relaxed);
        }
        let mut hand = Some(budget);
        while let Some(holder) = state.holder() {
            let is_lent = !state.loans.is_empty();
            hand.iter_mut().for_each(|budget| budget.lend(is_lent));
            put(holder, &mut hand);
            if hand.is_none() {
                return;
            }
            if state.loans.is_empty() {
                break;
            }
            state.end_last_loan();
        }
        hand.iter_mut().for_each(|budget| budget.lend(false));
        state.home = hand;
    }
}

impl Due {
    /// The time is here: does what was to be done with it.
    fn do_with(&mut self, budget: &mut Budget) {
        let due = core::mem::take(self);
        if due.restored > Nanos::ZERO {
            let restored = budget.restore(due.restored, now());
            assert!(restored.is_ok(), "more came back than was carved out");
        }
        if due.is_awaited {
            budget.await_news(true);
        }
    }
}

impl State {
    /// Who is to have the time, if not the record.
    pub(super) fn holder(&self) -> Option<&Arc<Thread>> {
        self.loans.last().map(|loan| &loan.to).or(self.bound.as_ref())
    }

    /// The last who was lent the time works for nobody any more. What that lets go of is freed later, as this may be in the middle of
    /// something that must not free.
    fn end_last_loan(&mut self) {
        let Some(loan) = self.loans.pop() else { return };
        let borrowed = loan.to.borrowed.lock().take();
        // The context is held by whoever is in here.
        drop(borrowed);
        let has_own = loan.to.context.lock().is_some();
        loan.to.has_time(has_own);
        self.spare.push(loan.to);
        if let Some(lender) = self.holder() {
            lender.attention.has_lent();
        }
    }
}

/// Gives a thread what is in the hand, if it has no time and can be found.
fn put(thread: &Thread, hand: &mut Option<Box<Budget>>) {
    let reached = protocol::change_budget(&mut Host::here(), thread.task(), |budget, _| {
        if budget.is_none() {
            core::mem::swap(budget, hand);
        }
    });
    match reached {
        Reached::Done | Reached::Dying | Reached::OnItsWay => {}
    }
}
