//! Whoever waits for a server that works for somebody else, and has time of its own that gets it done sooner, lends that at once. Rule E11; which time is
//! better, and how the other makes way for it, is the protocol's ([`protocol::helping`]).
//!
//! A call that is queued is to be received by one of those that work for others now. The first of them that has no time of its own is helped, when the caller
//! waits; if another takes the call in the end, the loan goes to that one. Behind a server that waits for another one itself, nobody helps.

use alloc::sync::Arc;

use protocol::helping::{self, Help, Way};
use protocol::lending::Lender;
use sched::context::holding::{Debt, context_of};
use sched::{Nanos, ThreadId};

use super::lending::{Called, Threads, lend, was_received};
use super::{Context, with};
use crate::process::table;
use crate::process::thread::Thread;
use crate::ring::operation::Operation;
use crate::run::wake::now;

/// A call of the running thread, which has time, is queued behind what these threads do: when it waits, the first of them that is bound to no time
/// works with that.
#[cold]
pub fn waits_behind(caller: &Thread, operation: &Operation, servers: impl Iterator<Item = ThreadId>) {
    let mut living = servers.filter_map(table::find_thread);
    let helped = living.find(|server| server.context.lock().is_none());
    if let Some(server) = helped {
        was_received(caller, Called::new(operation, &server));
    }
}

/// The server of a call works with somebody else's time: it makes way if this one's gets it done sooner, or else when that is used up.
pub(super) fn make_way(lender: &Arc<Thread>, called: &Called, helper: &Arc<Context>) {
    let borrowed = called.server.borrowed.lock().clone();
    let Some(borrowed) = borrowed.filter(|borrowed| !Arc::ptr_eq(borrowed, helper)) else {
        return;
    };
    let help = helper.with_time(&mut helper.state.lock(), |budget, now| Help::of(budget, now));
    let Some(help) = help else { return };
    let mut state = borrowed.state.lock();
    let way = helping::make_way(&mut Threads, &mut state, &called.server, &help, now());
    if let Way::NotNow = way {
        borrowed.with_time(&mut state, |budget, _| budget.await_news(true));
        drop(state);
        borrowed.keep_helper(lender, called);
    }
}

/// Others have helped with a call that has ended: its caller owes what they spent.
#[cold]
pub(super) fn settle(ticket: u64, debt: Debt) {
    let mut owed = Nanos::ZERO;
    with(debt.helper.number, |helper| {
        let used = helper.with_time(&mut helper.state.lock(), |budget, _| budget.used());
        owed = used.map_or(owed, |used| used.saturating_sub(debt.before));
    });
    with(context_of(ticket), |context| {
        let mut state = context.state.lock();
        if context
            .with_time(&mut state, |budget, _| budget.owe(owed))
            .is_none()
        {
            state.due.owed += owed;
        }
    });
}

impl Context {
    /// Somebody waits for who works with this time, and helps when that is used up. The first who does is kept, while it waits.
    fn keep_helper(&self, lender: &Arc<Thread>, called: &Called) {
        let mut helper = self.helper.lock();
        let waits = helper
            .as_ref()
            .is_some_and(|(_, other)| other.operation.is_live());
        let displaced = (!waits).then(|| helper.replace((lender.clone(), called.clone())));
        drop(helper);
        drop(displaced);
    }

    /// The time has been used up, perhaps: who waits for whoever worked with it helps.
    pub(super) fn let_helper_in(&self) {
        let helper = self.helper.lock().take();
        if let Some((lender, called)) = helper {
            // Whoever does not wait any more, or for whom it is not time yet, asks anew.
            let _ = lend(&lender, &called, Lender::AtRest);
        }
    }
}
