//! Whoever waits for a thread that works for somebody else, and has time that gets the work done sooner, has it done with that. Rule E11.
//!
//! This is the inheritance of bandwidth (Lipari, Lamastra and Abeni, "Task synchronization in reservation-based real-time systems", IEEE TC 2004),
//! with a bill: who was worked for owes what the other spent. The loan itself is like any other ([`crate::lending`]); here
//! the thread makes way for it.

use sched::context::Holding;
use sched::{Budget, Instant, Standing};

use crate::lending::{Parties, end_loans};

/// Time that would help, as it is now.
#[derive(Clone, Copy, Debug)]
pub struct Help {
    /// What it entitles to; nothing if it is used up.
    standing: Option<Standing>,
}

impl Help {
    /// What this time can do at `now`.
    #[must_use]
    pub fn of(budget: &Budget, now: Instant) -> Help {
        Help {
            standing: usable(budget, now),
        }
    }

    /// Whether it gets a thread's work done sooner than time of this standing.
    fn is_better_than(&self, other: Option<Standing>) -> bool {
        match (self.standing, other) {
            (Some(Standing::Reserved(due)), Some(Standing::Reserved(other))) => due < other,
            (Some(Standing::Reserved(_)), _) | (Some(Standing::Fair), None) => true,
            _ => false,
        }
    }
}

/// What became of a thread that somebody waits for with time of its own.
#[must_use = "who helps later has to be remembered"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It works with the other's time no more, which was lent by this ticket, and whether for the call that it works for.
    Made(u64, bool),
    /// That gets its work done as soon. It may be used up later. Whether it was lent for a call that the thread has received.
    NotNow(bool),
    /// It has not got this time: it has lent it on, or has ended.
    NotHere,
}

/// A thread works with this context's time, and somebody waits for it. If the time that would help is better, the loan ends. If that was for the call
/// that the thread works for, its maker owes what the helper spends until its call has ended.
pub fn make_way<P: Parties>(
    parties: &mut P,
    holding: &mut Holding<P::Thread>,
    thread: &P::Thread,
    help: &Help,
    now: Instant,
) -> Way {
    let last = holding.last_loan();
    let (Some((ticket, is_received)), true) = (last, holding.holder() == Some(thread)) else {
        return Way::NotHere;
    };
    let (id, mut there) = (holding.id(), None);
    parties.with_budget(thread, |budget| {
        let its = budget.as_ref().filter(|budget| budget.context() == id);
        there = its.map(|budget| usable(budget, now));
    });
    match there {
        None => Way::NotHere,
        Some(standing) if help.is_better_than(standing) => {
            end_loans(parties, holding, holding.depth() - 1);
            Way::Made(ticket, is_received)
        }
        Some(_) => Way::NotNow(is_received),
    }
}

fn usable(budget: &Budget, now: Instant) -> Option<Standing> {
    (!budget.is_empty(now)).then(|| budget.standing(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e11_time_helps_that_gets_the_work_done_sooner() {
        let help = |standing| Help { standing };
        let (soon, late) = (Standing::Reserved(Instant(5)), Standing::Reserved(Instant(9)));
        let order = [Some(soon), Some(late), Some(Standing::Fair), None];
        for (place, better) in order.iter().enumerate() {
            for (other_place, other) in order.iter().enumerate() {
                assert_eq!(
                    help(*better).is_better_than(*other),
                    place < other_place,
                    "{better:?} beside {other:?}"
                );
            }
        }
    }
}
