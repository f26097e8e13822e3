//! Who holds a context's time: its record, the thread that is bound to it, or the last of those that it was lent to along calls. Rule E4; the
//! letters are those of docs/rules/contexts.md.
//!
//! Loans are a stack: who works with lent time and calls on lends on, so what ends a loan ends those above it. Each has a ticket, which is
//! in the call by which it was made. What moves the box from one to another is the protocol's (`protocol::lending`); this says who is to have it
//! and who may be lent it.

use alloc::boxed::Box;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;

use super::budget::{Budget, ContextId};
use crate::time::{Instant, Nanos};

/// How deep loans go: a caller, and so many servers that call on.
pub const MOST_LOANS: usize = 8;

/// Bits of a ticket that count the loans of one context; those above name the context. No call that ended names a loan of now, as
/// it would have to be under way for as many loans.
const COUNT_BITS: u32 = 20;

/// One loan, the time being with `to` unless that has lent it on.
#[derive(Debug)]
pub struct Loan<T> {
    to: T,
    ticket: u64,
    /// The call by which it was made has been received; before, its maker helps with what is before it.
    is_received: bool,
}

/// Who holds the time of one context. `T` names threads.
#[derive(Debug)]
pub struct Holding<T> {
    id: ContextId,
    /// The context is gone: its time is nobody's.
    pub is_gone: bool,
    /// Its time, while no thread has it (A).
    pub home: Option<Box<Budget>>,
    /// The thread that is bound to it.
    pub bound: Option<T>,
    /// To whom it was lent, and by whom lent on.
    loans: Vec<Loan<T>>,
    lent: u64,
    /// Threads that were let go of where nothing may be freed.
    spare: Vec<T>,
    /// What is to be done with its time, which is on its way here from a thread that has ended.
    pub due: Due,
    /// How many tickets there were.
    tickets: u64,
    debt: Option<Debt>,
    /// Of a loan that helps others no more, and what had been used in all by then.
    counted: Option<(u64, Nanos)>,
}

/// Somebody who waited gives time of its own to get a call of this context's owner done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debt {
    /// The call's ticket: what is owed is settled when it ends.
    pub ticket: u64,
    /// The ticket of the loan that helps.
    pub helper: u64,
    /// All that had been used of that time before.
    pub before: Nanos,
}

/// What could not be done with a context's time because that was not to be found.
#[must_use = "it is to be done"]
#[derive(Debug, Default)]
pub struct Due {
    /// So much of it comes back that had been carved out.
    pub restored: Nanos,
    /// And is to be used from then on.
    pub restored_from: Instant,
    /// So much is owed for what others spent on its owner's calls.
    pub owed: Nanos,
    /// Somebody waits for news of it.
    pub is_awaited: bool,
}

impl Due {
    /// So much comes back that had been carved out, to be used from this instant on.
    pub fn restore(&mut self, amount: Nanos, from: Instant) {
        self.restored += amount;
        self.restored_from = self.restored_from.max(from);
    }

    /// The time is here: does what was to be done with it.
    pub fn do_with(self, budget: &mut Budget, now: Instant) {
        if self.restored > Nanos::ZERO {
            let restored = budget.restore(self.restored, now, self.restored_from);
            assert!(restored.is_ok(), "more came back than was carved out");
        }
        if self.owed > Nanos::ZERO {
            budget.owe(self.owed);
        }
        if self.is_awaited {
            budget.await_any_news();
        }
    }
}

/// Which context a ticket is of.
#[must_use]
pub const fn context_of(ticket: u64) -> u64 {
    ticket >> COUNT_BITS
}

impl<T> Holding<T> {
    /// Nobody has it yet.
    #[must_use]
    pub const fn new(budget: Box<Budget>) -> Holding<T> {
        Holding {
            id: budget.context(),
            is_gone: false,
            home: Some(budget),
            bound: None,
            loans: Vec::new(),
            lent: 0,
            spare: Vec::new(),
            due: Due {
                restored: Nanos::ZERO,
                restored_from: Instant::BOOT,
                owed: Nanos::ZERO,
                is_awaited: false,
            },
            tickets: 0,
            debt: None,
            counted: None,
        }
    }

    /// Makes room for all loans there can be, so that none allocates. Threads that are let go of were lent the time before, so there are no
    /// more of them between two loans.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn reserve_room(&mut self) -> Result<(), TryReserveError> {
        self.loans.try_reserve_exact(MOST_LOANS)?;
        self.spare.try_reserve_exact(MOST_LOANS)
    }

    /// Whose time it is.
    #[must_use]
    pub const fn id(&self) -> ContextId {
        self.id
    }

    /// Who is to have the time, if not the record.
    #[must_use]
    pub fn holder(&self) -> Option<&T> {
        self.loans.last().map(|loan| &loan.to).or(self.bound.as_ref())
    }

    /// How deep it is lent.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.loans.len()
    }

    /// How often it was lent.
    #[must_use]
    pub const fn lent(&self) -> u64 {
        self.lent
    }

    /// Everybody it came by on its way from its owner to its holder, and these two.
    pub fn on_the_way(&self) -> impl Iterator<Item = &T> {
        self.bound.iter().chain(self.loans.iter().map(|loan| &loan.to))
    }

    /// The loan of this ticket, counted from the owner.
    #[must_use]
    pub fn loan(&self, ticket: u64) -> Option<usize> {
        self.loans.iter().position(|loan| loan.ticket == ticket)
    }

    /// The loan by which this thread was lent the time.
    #[must_use]
    pub fn loan_to(&self, is_it: impl Fn(&T) -> bool) -> Option<usize> {
        self.loans.iter().position(|loan| is_it(&loan.to))
    }

    /// The loan that this thread made.
    #[must_use]
    pub fn loan_by(&self, is_it: impl Fn(&T) -> bool) -> Option<usize> {
        let maker = self.on_the_way().position(is_it)?;
        let first = if self.bound.is_some() { maker } else { maker + 1 };
        (first < self.loans.len()).then_some(first)
    }

    /// It has been lent on, by a call that was received, or that waits behind others: the ticket.
    #[must_use = "the loan ends by its ticket"]
    pub fn is_lent_to(&mut self, to: T, is_received: bool) -> u64 {
        self.lent += 1;
        let ticket = self.next_ticket();
        self.loans.push(Loan {
            to,
            ticket,
            is_received,
        });
        ticket
    }

    /// A ticket for a call of the owner's by which nothing is lent.
    #[must_use = "what is owed for the call is settled by its ticket"]
    pub const fn next_ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.id.number << COUNT_BITS | self.tickets & ((1 << COUNT_BITS) - 1)
    }

    /// The ticket of the last loan, and whether its call has been received.
    #[must_use]
    pub fn last_loan(&self) -> Option<(u64, bool)> {
        self.loans.last().map(|loan| (loan.ticket, loan.is_received))
    }

    /// The call of this loan has been received, when so much had been used in all: it helps nobody from here on.
    pub fn is_received(&mut self, ticket: u64, used: Nanos) {
        let helps = |loan: &&mut Loan<T>| loan.ticket == ticket && !loan.is_received;
        if let Some(loan) = self.loans.iter_mut().find(helps) {
            loan.is_received = true;
            self.counted = Some((ticket, used));
        }
    }

    /// The loans from this one on are about to end, when so much had been used in all.
    pub fn end_with(&mut self, first: usize, used: Nanos) {
        let helps = self.loans.get(first).filter(|loan| !loan.is_received);
        if let Some(loan) = helps {
            self.counted = Some((loan.ticket, used));
        }
    }

    /// What a loan has helped with since so much had been used in all, which is `now` now: until its call was received, or it ended.
    #[must_use]
    pub fn helped_with(&self, ticket: u64, before: Nanos, now: Nanos) -> Nanos {
        let until = match self.counted {
            Some((counted, used)) if counted == ticket => used,
            _ if self.loan(ticket).is_some() => now,
            _ => before,
        };
        until.saturating_sub(before)
    }

    /// The last who was lent the time works for nobody any more. It is kept until [`Holding::take_spare`], as this may be where nothing may be
    /// freed.
    pub fn end_last_loan(&mut self) -> Option<&T> {
        let loan = self.loans.pop()?;
        self.spare.push(loan.to);
        self.spare.last()
    }

    /// Until this call ends its owner owes what another's loan helps with.
    pub const fn owes(&mut self, debt: Debt) {
        self.debt = Some(debt);
    }

    /// A call has ended: what is owed for it.
    pub fn settle(&mut self, ticket: u64) -> Option<Debt> {
        self.debt.take_if(|debt| debt.ticket == ticket)
    }

    /// One that was let go of, to be freed.
    pub fn take_spare(&mut self) -> Option<T> {
        self.spare.pop()
    }
}

impl<T: PartialEq> Holding<T> {
    /// Whether `from` may lend it to `to`: it has it, and the time goes neither deeper than [`MOST_LOANS`] nor in a circle.
    #[must_use]
    pub fn may_lend(&self, from: &T, to: &T) -> bool {
        let is_circle = self.on_the_way().any(|thread| thread == to);
        !self.is_gone && self.holder() == Some(from) && !is_circle && self.loans.len() < MOST_LOANS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Overrun, Spec};

    fn holding() -> Holding<u32> {
        let spec = Spec::limit(Nanos::from_millis(2), Nanos::from_millis(10), Overrun::Throttle).unwrap();
        let id = ContextId {
            number: 5,
            generation: 1,
        };
        let mut holding = Holding::new(Budget::new(id, spec, Instant::BOOT));
        holding.bound = Some(1);
        holding
    }

    #[test]
    fn e4_time_is_lent_by_its_holder_eight_deep_and_never_in_a_circle() {
        let mut holding = holding();
        assert!(!holding.may_lend(&2, &3), "2 has not got it");
        for to in 2..10 {
            assert!(holding.may_lend(&(to - 1), &to));
            let ticket = holding.is_lent_to(to, true);
            assert_eq!(context_of(ticket), 5);
            assert_eq!(holding.loan(ticket), Some(to as usize - 2));
            assert!((1..=to).all(|before| !holding.may_lend(&to, &before)), "a circle");
        }
        assert_eq!(holding.holder(), Some(&9));
        assert!(!holding.may_lend(&9, &10), "too deep");
    }

    #[test]
    fn e4_a_loan_is_found_by_who_made_it_and_by_who_got_it() {
        let mut holding = holding();
        for to in 2..5 {
            let _ = holding.is_lent_to(to, true);
        }
        let by = |holding: &Holding<u32>, maker: u32| holding.loan_by(|thread| *thread == maker);
        assert_eq!(
            [1, 2, 3, 4, 9].map(|maker| by(&holding, maker)),
            [Some(0), Some(1), Some(2), None, None]
        );
        assert_eq!(
            [1, 2, 4].map(|to| holding.loan_to(|thread| *thread == to)),
            [None, Some(0), Some(2)]
        );
        // Whoever was bound has been taken apart.
        holding.bound = None;
        assert_eq!(
            [2, 3, 4].map(|maker| by(&holding, maker)),
            [Some(1), Some(2), None]
        );
    }

    #[test]
    fn e11_what_is_owed_for_a_call_is_settled_once_when_that_ends() {
        let mut holding = holding();
        let ticket = holding.is_lent_to(2, true);
        let debt = Debt {
            ticket,
            helper: 77,
            before: Nanos(7),
        };
        holding.owes(debt);
        assert_eq!(holding.end_last_loan(), Some(&2));
        let other = holding.is_lent_to(3, true);
        assert_eq!(holding.settle(other), None, "another call");
        assert_eq!(holding.settle(ticket), Some(debt));
        assert_eq!(holding.settle(ticket), None);
    }

    #[test]
    fn e11_a_loan_helps_until_its_call_is_received_or_it_ends() {
        let helped = |holding: &Holding<u32>, ticket| holding.helped_with(ticket, Nanos(10), Nanos(50));
        let mut holding = holding();
        let ticket = holding.is_lent_to(2, false);
        assert_eq!(holding.last_loan(), Some((ticket, false)));
        assert_eq!(helped(&holding, ticket), Nanos(40), "it helps still");
        holding.is_received(ticket, Nanos(30));
        assert_eq!(holding.last_loan(), Some((ticket, true)));
        assert_eq!(helped(&holding, ticket), Nanos(20));
        // What it does after that is for its own call, and the end changes nothing.
        holding.is_received(ticket, Nanos(45));
        holding.end_with(0, Nanos(50));
        let _ = holding.end_last_loan();
        assert_eq!(helped(&holding, ticket), Nanos(20));

        let ticket = holding.is_lent_to(2, false);
        holding.end_with(0, Nanos(25));
        let _ = holding.end_last_loan();
        assert_eq!(helped(&holding, ticket), Nanos(15));
        let later = holding.is_lent_to(2, false);
        assert_eq!(helped(&holding, ticket), Nanos(15));
        holding.end_with(0, Nanos(50));
        let _ = holding.end_last_loan();
        assert_eq!(helped(&holding, later), Nanos(40));
        assert_eq!(
            helped(&holding, ticket),
            Nanos::ZERO,
            "it is too long ago to tell"
        );
    }
}
