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

use super::lending::{self, Called, Threads, was_received};
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
        let called = Called {
            is_received: false,
            ..Called::new(operation, &server)
        };
        will_call(caller, called);
    }
}

/// The same as [`was_received`], unless the call has been received meanwhile by another, who knows better.
fn will_call(caller: &Thread, called: Called) {
    let is_known = caller
        .called
        .lock()
        .as_ref()
        .is_some_and(|known| known.operation == called.operation);
    if !is_known {
        was_received(caller, called);
    }
}

/// Lends to a server that has time, this or another: it keeps this, and makes way for it if another gets it done later, or else when
/// that is used up. Whether there is a loan, or a debt, that ends with the call.
#[cold]
pub(super) fn lend(lender: &Arc<Thread>, called: &Called, place: Lender, helper: &Arc<Context>) -> bool {
    let other = called.server.borrowed.lock().clone();
    let other = other.filter(|other| !Arc::ptr_eq(other, helper));
    let attempt = || {
        let mut way = Way::NotHere;
        let is_lent = called.operation.lend(
            |ticket| is_right(ticket, called),
            || {
                let Some(other) = &other else {
                    return helper.lend(lender, called, place);
                };
                way = other.make_way(called, helper);
                match way {
                    // The one whose call is before this one helps it with better time, and is paid for that.
                    Way::NotNow(false) if called.is_received => owe_for(helper, None, other),
                    Way::NotNow(_) => None,
                    Way::Made(..) | Way::NotHere => helper.lend(lender, called, place),
                }
            },
        );
        (way, is_lent)
    };
    let (mut way, mut is_lent) = attempt();
    if let (Way::NotNow(_), false, Some(other)) = (way, is_lent, &other)
        && other.keep_helper(lender, called)
    {
        (way, is_lent) = attempt();
    }
    if let (Way::Made(ticket, true), true, Some(other)) = (way, is_lent, &other) {
        // Whoever has answered meanwhile owes nothing: nobody settles it.
        let _ = owe_for(other, Some(ticket), helper);
    }
    is_lent
}

/// Whether a loan that was made for a call is to stay: whoever is to receive it displaces no other, and whoever has received it, those that were to.
pub(super) fn is_right(ticket: u64, called: &Called) -> bool {
    if !called.is_received {
        return true;
    }
    let mut is_there = false;
    with(context_of(ticket), |context| {
        let mut state = context.state.lock();
        is_there = state.loan(ticket).is_some() && state.holder() == Some(&called.server);
        if is_there {
            let used = context.with_time(&mut state, |budget, _| budget.used());
            state.is_received(ticket, used.unwrap_or_default());
        }
    });
    is_there
}

/// The owner of one context owes for a call, of this ticket or a new one, what the last loan of another helps with from now on. The ticket.
fn owe_for(owner: &Arc<Context>, ticket: Option<u64>, helper: &Arc<Context>) -> Option<u64> {
    let (helper, before) = {
        let mut state = helper.state.lock();
        let (ticket, _) = state.last_loan()?;
        (ticket, helper.with_time(&mut state, |budget, _| budget.used())?)
    };
    let mut state = owner.state.lock();
    let ticket = ticket.unwrap_or_else(|| state.next_ticket());
    state.owes(Debt {
        ticket,
        helper,
        before,
    });
    Some(ticket)
}

/// Others have helped with a call that has ended: its caller owes what they spent.
#[cold]
pub(super) fn settle(debt: Debt) {
    let mut owed = Nanos::ZERO;
    with(context_of(debt.helper), |helper| {
        let mut state = helper.state.lock();
        let used = helper.with_time(&mut state, |budget, _| budget.used());
        owed = state.helped_with(debt.helper, debt.before, used.unwrap_or(debt.before));
    });
    with(context_of(debt.ticket), |context| {
        let mut state = context.state.lock();
        let owes = context.with_time(&mut state, |budget, _| budget.owe(owed));
        if owes.is_none() {
            state.due.owed += owed;
        }
    });
}

impl Context {
    /// A server works with this time, and somebody waits for it who has other.
    fn make_way(&self, called: &Called, helper: &Context) -> Way {
        let help = helper.with_time(&mut helper.state.lock(), |budget, now| Help::of(budget, now));
        let Some(help) = help else {
            return Way::NotHere;
        };
        let mut state = self.state.lock();
        helping::make_way(&mut Threads, &mut state, &called.server, &help, now())
    }

    /// Somebody waits for who works with this time, and helps when that is used up. The first who does is kept, while it waits. Whether that is
    /// so already.
    fn keep_helper(&self, lender: &Arc<Thread>, called: &Called) -> bool {
        let mut helper = self.helper.lock();
        let waits = helper
            .as_ref()
            .is_some_and(|(_, other)| other.operation.is_live());
        let displaced = (!waits).then(|| helper.replace((lender.clone(), called.clone())));
        drop(helper);
        drop(displaced);
        let is_used_up = self.with_time(&mut self.state.lock(), |budget, now| {
            budget.await_news(true);
            budget.is_empty(now)
        });
        is_used_up == Some(true)
    }

    /// The time has been used up, perhaps: who waits for whoever worked with it helps.
    pub(super) fn let_helper_in(&self) {
        let helper = self.helper.lock().take();
        if let Some((lender, called)) = helper {
            // Whoever does not wait any more, or for whom it is not time yet, asks anew.
            let _ = lending::lend(&lender, &called, Lender::AtRest);
        }
    }
}
