//! How a context's time goes along with calls and comes back. Rule E4; the letters are those of docs/rules/contexts.md.
//!
//! [`Holding`] says who is to have the time; here its box is moved from one to another (D or B to F, and back), by [`crate::change_budget`] or
//! what a host has for that. All of it is under the lock of the context's record. Whoever ends, or has time of its own, is passed over, so the
//! box always ends where somebody finds it: with a thread that lives, in the record, or with whoever takes a thread apart and brings it.

use alloc::boxed::Box;

use sched::context::Holding;
use sched::context::holding::Due;
use sched::{Budget, ContextId};

/// What a host knows of threads that lend and borrow.
pub trait Parties {
    /// Names a thread.
    type Thread: Clone + PartialEq;
    /// Names a context, for those that work with its time.
    type Context;

    /// Has `change` do with a thread's budget what it likes, wherever the thread is; not at all, if it ends.
    fn with_budget(&mut self, thread: &Self::Thread, change: impl FnMut(&mut Option<Box<Budget>>));

    /// Takes the box of this context from a thread that rests, which does not run from here on before it has looked whether it lends. Nothing if
    /// it does not rest.
    fn take_at_rest(&mut self, thread: &Self::Thread, context: ContextId) -> Option<Box<Budget>>;

    /// A thread that is bound to no context and was lent none's time works with this one's from now on; whoever takes it apart finds that.
    /// Whether it does.
    #[must_use = "a thread that has time takes no other"]
    fn borrows(&mut self, thread: &Self::Thread, context: &Self::Context) -> bool;

    /// It does no more.
    fn borrows_no_more(&mut self, thread: &Self::Thread);

    /// A thread has lent what it had: it takes it back before it runs on.
    fn lends(&mut self, thread: &Self::Thread);

    /// It has it again, or it is over.
    fn lends_no_more(&mut self, thread: &Self::Thread);

    /// The time comes to its next holder, and this was to be done with it when it is there.
    fn arrives(&mut self, budget: &mut Budget, due: Due);
}

/// Where the lender's box is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lender {
    /// It rests, or nothing is lent.
    AtRest,
    /// It runs on this CPU, and is about to rest.
    Running,
}

/// Lends from who has the time to a thread that has none, and is not on the way from its owner to there: it has received the call, or works for
/// others that are before. The ticket.
pub fn lend<P: Parties>(
    parties: &mut P,
    holding: &mut Holding<P::Thread>,
    context: &P::Context,
    (from, place): (&P::Thread, Lender),
    (to, is_received): (&P::Thread, bool),
) -> Option<u64> {
    // Whoever has time, if lent on, or works with somebody else's, takes no other.
    if !holding.may_lend(from, to) || !parties.borrows(to, context) {
        return None;
    }
    let taken = match place {
        Lender::Running => take_from(parties, holding.id(), from),
        Lender::AtRest => parties.take_at_rest(from, holding.id()),
    };
    let Some(mut budget) = taken else {
        parties.borrows_no_more(to);
        return None;
    };
    budget.lend(true);
    let mut hand = Some(budget);
    put(parties, to, &mut hand);
    if let Some(budget) = hand {
        // The server ends.
        parties.borrows_no_more(to);
        parties.lends_no_more(from);
        deliver(parties, holding, budget);
        return None;
    }
    let ticket = holding.is_lent_to(to.clone(), is_received);
    parties.lends(from);
    Some(ticket)
}

/// A lender runs again: it takes back what it has lent.
pub fn take_back<P: Parties>(parties: &mut P, holding: &mut Holding<P::Thread>, lender: &P::Thread) {
    if let Some(first) = holding.loan_by(|thread| thread == lender) {
        end_loans(parties, holding, first);
    }
}

/// A call has ended by which a loan was made.
pub fn call_has_ended<P: Parties>(parties: &mut P, holding: &mut Holding<P::Thread>, ticket: u64) {
    if let Some(first) = holding.loan(ticket) {
        end_loans(parties, holding, first);
    }
}

/// The loans from this one on end: the time goes to who lent first among them.
pub fn end_loans<P: Parties>(parties: &mut P, holding: &mut Holding<P::Thread>, first: usize) {
    if holding.depth() <= first {
        return;
    }
    let hand = match holding.holder() {
        Some(holder) => take_from(parties, holding.id(), holder),
        None => None,
    };
    if let Some(budget) = &hand {
        holding.end_with(first, budget.used());
    }
    while holding.depth() > first {
        end_last_loan(parties, holding);
    }
    match hand {
        Some(budget) => deliver(parties, holding, budget),
        None => holder_lends_no_more(parties, holding),
    }
}

/// A thread has been taken apart that was lent this time, or has lent it on, and brings it if it had it. What is nobody's, because the
/// context is gone, comes back to be freed.
#[must_use = "it is freed without a lock"]
pub fn borrower_has_ended<P: Parties>(
    parties: &mut P,
    holding: &mut Holding<P::Thread>,
    is_it: impl Fn(&P::Thread) -> bool,
    time: Option<Box<Budget>>,
) -> Option<Box<Budget>> {
    if let Some(first) = holding.loan_to(is_it) {
        end_loans(parties, holding, first);
    }
    deliver_unless_gone(parties, holding, time)
}

/// The same as [`deliver`], unless the context is gone: then the time comes back, to be freed without a lock.
#[must_use = "it is freed without a lock"]
pub fn deliver_unless_gone<P: Parties>(
    parties: &mut P,
    holding: &mut Holding<P::Thread>,
    time: Option<Box<Budget>>,
) -> Option<Box<Budget>> {
    match time {
        Some(budget) if !holding.is_gone => {
            deliver(parties, holding, budget);
            None
        }
        time => time,
    }
}

/// Gives the time to who is to have it: the last who was lent it, the thread that is bound, or the record. Whoever ends, or has time of its
/// own meanwhile, is passed over.
pub fn deliver<P: Parties>(parties: &mut P, holding: &mut Holding<P::Thread>, mut budget: Box<Budget>) {
    parties.arrives(&mut budget, core::mem::take(&mut holding.due));
    let mut hand = Some(budget);
    while let Some(holder) = holding.holder() {
        let is_lent = holding.depth() > 0;
        hand.iter_mut().for_each(|budget| budget.lend(is_lent));
        put(parties, holder, &mut hand);
        if hand.is_none() {
            return holder_lends_no_more(parties, holding);
        }
        if !is_lent {
            break;
        }
        end_last_loan(parties, holding);
    }
    hand.iter_mut().for_each(|budget| budget.lend(false));
    holding.home = hand;
}

/// Takes the box of a context from a thread; nothing if the thread is about to end and brings it itself.
pub fn take_from<P: Parties>(parties: &mut P, context: ContextId, thread: &P::Thread) -> Option<Box<Budget>> {
    let mut hand = None;
    parties.with_budget(thread, |budget| {
        if budget.as_ref().is_some_and(|budget| budget.context() == context) {
            core::mem::swap(budget, &mut hand);
        }
    });
    hand
}

/// Gives a thread what is in the hand, if it has no time and can be found.
pub fn put<P: Parties>(parties: &mut P, thread: &P::Thread, hand: &mut Option<Box<Budget>>) {
    parties.with_budget(thread, |budget| {
        if budget.is_none() {
            core::mem::swap(budget, hand);
        }
    });
}

/// The last who was lent the time works for nobody any more.
fn end_last_loan<P: Parties>(parties: &mut P, holding: &mut Holding<P::Thread>) {
    holder_lends_no_more(parties, holding);
    if let Some(borrower) = holding.end_last_loan() {
        parties.borrows_no_more(borrower);
    }
}

/// Who is to have the time has lent it to nobody. Said when the time is there, as it runs from here on without looking.
fn holder_lends_no_more<P: Parties>(parties: &mut P, holding: &Holding<P::Thread>) {
    if let Some(holder) = holding.holder() {
        parties.lends_no_more(holder);
    }
}
