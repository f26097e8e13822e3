//! CPU time that goes along with calls between simulated threads (D or B to F, and back). Rule E4. How it moves is `protocol::lending`, the
//! kernel's own; here is what the kernel's threads, operations and CPUs do around it: when a call is received, when its caller comes to rest, when
//! it ends, and when a lender runs again.

use protocol::lending::{self, Lender, Parties};
use sched::context::Holding;
use sched::context::holding::{Due, context_of};
use sched::{Affinity, Budget, ContextId, CpuId, Entity, Instant, Parking};

use super::code::Action;
use super::contexts::Maker;
use super::threads::{Index, Task};
use super::{Machine, deeds};
use crate::sabotage::Sabotage;

/// What the machine knows of a thread that may use a context, where there are any. Contexts are named by their numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Party {
    /// Since when it has the time that it has, or none, and may run where that says.
    pub(super) changed_at: Instant,
    /// The context that it is bound to.
    pub(super) own: Option<u64>,
    /// The context whose time it was lent.
    pub(super) borrowed: Option<u64>,
    /// It has lent its time, and takes it back before it runs on.
    pub(super) lends: bool,
    /// A call of it was received while it had time: when it waits, it lends.
    pub(super) called: bool,
    /// The loan that ends with its call.
    pub(super) loan: Option<u64>,
}

impl Party {
    /// A thread that comes with a context of its own, or without.
    pub(super) const fn new(own: Option<u64>) -> Party {
        Party {
            changed_at: Instant::BOOT,
            own,
            borrowed: None,
            lends: false,
            called: false,
            loan: None,
        }
    }
}

/// The machine's threads, as those that lend and borrow.
pub(super) struct Deal<'m> {
    pub(super) machine: &'m mut Machine,
    pub(super) cpu: CpuId,
}

impl Deal<'_> {
    fn party(&mut self, thread: Index) -> &mut Party {
        &mut self.machine.contexts.parties[thread.at()]
    }
}

impl Parties for Deal<'_> {
    type Thread = Index;
    type Context = u64;

    fn with_budget(&mut self, thread: &Index, mut change: impl FnMut(&mut Option<Box<Budget>>)) {
        self.machine
            .change_budget(self.cpu, *thread, |budget, _| change(budget));
    }

    fn take_at_rest(&mut self, thread: &Index, context: ContextId) -> Option<Box<Budget>> {
        let Parking::Resting(resting) = &mut self.machine.threads[thread.at()].place else {
            return None;
        };
        let mut hand = None;
        resting.change_parked_budget(|budget| {
            hand = budget.take_if(|budget| budget.context() == context);
        });
        hand
    }

    fn borrows(&mut self, thread: &Index, context: &u64) -> bool {
        let party = self.party(*thread);
        let is_free = party.own.is_none() && party.borrowed.is_none();
        if is_free {
            party.borrowed = Some(*context);
        }
        is_free
    }

    fn borrows_no_more(&mut self, thread: &Index) {
        self.party(*thread).borrowed = None;
    }

    fn lends(&mut self, thread: &Index) {
        self.party(*thread).lends = true;
    }

    fn lends_no_more(&mut self, thread: &Index) {
        self.party(*thread).lends = false;
    }

    fn arrives(&mut self, budget: &mut Budget, due: Due) {
        let now = self.machine.read(self.cpu);
        due.do_with(budget, now);
    }
}

impl Machine {
    /// Does something with who holds a context's time; nothing, if the context is gone.
    pub(super) fn deal<R>(
        &mut self,
        cpu: CpuId,
        number: u64,
        act: impl FnOnce(&mut Deal<'_>, &mut Holding<Index>) -> R,
    ) -> Option<R> {
        let place = deeds::place(number);
        let mut holding = self.contexts.holdings.get_mut(place)?.take()?;
        let done = act(&mut Deal { machine: self, cpu }, &mut holding);
        while holding.take_spare().is_some() {}
        if let Some(place) = self.contexts.holdings.get_mut(place) {
            *place = Some(holding);
        }
        Some(done)
    }

    /// Somebody was lent time, or lost it: who is served has changed.
    fn look_at_the_deal(&mut self) {
        self.audit.stretch.ends(self.now);
        for cpu in 0..self.cpus.len() as u32 {
            self.look_at_service(CpuId(cpu));
        }
        if self.audit.every > 0 && self.living <= MOST_LOOKED_AT {
            self.look_at_contexts();
        }
    }

    /// A server has received a call: of the thread that runs here, or of one that called before.
    pub(super) fn call_received(&mut self, cpu: CpuId, client: Index, server: Index, is_later: bool) {
        self.threads[client.at()].server = Some(server);
        if !self.contexts.exist {
            return;
        }
        let party = self.contexts.parties[client.at()];
        if party.own.or(party.borrowed).is_none() || (is_later && self.lend(cpu, client, Lender::AtRest)) {
            return;
        }
        self.contexts.parties[client.at()].called = true;
        if is_later && !self.threads[client.at()].place.is_resting() {
            // It may be on its way to rest and have looked already: then it looks again before it does.
            self.sides[cpu.index()].todo.push_back(Action::Wake(client));
        }
    }

    /// Whether the thread that is about to rest lends first.
    pub(super) fn has_called(&self, thread: Index) -> bool {
        self.contexts.exist && self.contexts.parties[thread.at()].called
    }

    /// Whether the thread that is about to run on takes back first what it has lent.
    pub(super) fn is_lender(&self, thread: Index) -> bool {
        self.contexts.exist && self.contexts.parties[thread.at()].lends
    }

    /// The running thread, whose call was received, is about to rest.
    pub(super) fn begins_to_wait(&mut self, cpu: CpuId) {
        let own = self.running_index(cpu);
        self.contexts.parties[own.at()].called = false;
        // If the server has time, or works for somebody else, each goes on with its own.
        let _ = self.lend(cpu, own, Lender::Running);
    }

    /// Lends the time that a thread has to the server of its call, if that is under way and has not lent any yet. Whether it did.
    fn lend(&mut self, cpu: CpuId, client: Index, place: Lender) -> bool {
        let party = self.contexts.parties[client.at()];
        let (Some(server), Some(number), None) = (
            self.threads[client.at()].server,
            party.borrowed.or(party.own),
            party.loan,
        ) else {
            return false;
        };
        let loan = self.deal(cpu, number, |deal, holding| {
            lending::lend(deal, holding, &number, (&client, place), (&server, true))
        });
        let loan = loan.flatten();
        self.contexts.parties[client.at()].loan = loan;
        self.contexts.loans += u64::from(loan.is_some());
        if self.sabotage == Some(Sabotage::StopAtTheEnd) && loan.is_some() {
            self.change_budget(cpu, server, |budget, _| {
                budget.iter_mut().for_each(|budget| budget.lend(false));
            });
        }
        self.look_at_the_deal();
        loan.is_some()
    }

    /// A lender runs again although nothing was answered: it takes back what it has lent.
    pub(super) fn take_back(&mut self, cpu: CpuId) {
        let own = self.running_index(cpu);
        let party = &mut self.contexts.parties[own.at()];
        party.lends = false;
        for number in party.borrowed.into_iter().chain(party.own) {
            self.deal(cpu, number, |deal, holding| {
                lending::take_back(deal, holding, &own)
            });
        }
        self.look_at_the_deal();
    }

    /// A call has ended, however it did: what was lent by it comes back before anybody learns of that.
    pub(super) fn call_ended(&mut self, cpu: CpuId, client: Index) {
        self.threads[client.at()].server = None;
        if !self.contexts.exist {
            return;
        }
        let party = &mut self.contexts.parties[client.at()];
        party.called = false;
        let Some(ticket) = party.loan.take() else { return };
        if self.sabotage == Some(Sabotage::KeepALoan) {
            return;
        }
        self.deal(cpu, context_of(ticket), |deal, holding| {
            lending::call_has_ended(deal, holding, ticket);
        });
        self.look_at_the_deal();
    }

    /// A thread has been taken apart: the time that it had goes to whoever is to have it, and its own context ends if it was made for it.
    pub(super) fn end_context(&mut self, cpu: CpuId, thread: &mut Entity<Task>) {
        if !self.contexts.exist {
            return;
        }
        let own = Index::of(thread.id());
        let mut time = None;
        thread.change_parked_budget(|budget| time = budget.take());
        let is_of = |number: u64| move |budget: &mut Box<Budget>| budget.context().number == number;
        if let Some(number) = self.contexts.parties[own.at()].borrowed {
            let its = time.take_if(is_of(number));
            let left = self.deal(cpu, number, |deal, holding| {
                lending::borrower_has_ended(deal, holding, |thread| *thread == own, its)
            });
            debug_assert!(
                matches!(left, None | Some(None)),
                "what is there takes its time back"
            );
        }
        let party = core::mem::replace(&mut self.contexts.parties[own.at()], Party::new(None));
        if let Some(number) = party.own {
            let its = time.take_if(is_of(number));
            self.deal(cpu, number, |deal, holding| {
                lending::end_loans(deal, holding, 0);
                holding.bound = None;
                if let Some(budget) = its {
                    lending::deliver(deal, holding, budget);
                }
            });
            if let Some(Maker::Thread(_)) = self.maker_of(ContextId {
                number,
                generation: 1,
            }) {
                self.end_own_context(number);
            }
        }
        if let Some(budget) = time {
            // Who ended a loan or a binding meanwhile did not find it, as it was on its way here already.
            let mut hand = Some(budget);
            self.deal(
                cpu,
                hand.as_ref().map_or(0, |budget| budget.context().number),
                |deal, holding| {
                    if let Some(budget) = hand.take() {
                        lending::deliver(deal, holding, budget);
                    }
                },
            );
            self.contexts.forget(hand.as_deref());
        }
    }

    /// Which CPUs a budget is for, where it is not for all.
    pub(super) fn confined(budget: Box<Budget>, at: Option<CpuId>) -> Box<Budget> {
        match at {
            Some(at) => budget.confined_to(Affinity::One(at)),
            None => budget,
        }
    }

    /// When a context came into being, on the clock of the CPU that made it.
    pub(super) fn begun(&self, context: ContextId) -> Option<Instant> {
        self.contexts
            .begun
            .get(deeds::place(context.number))
            .copied()
            .flatten()
    }
}

/// In machines of so many threads everything about contexts is looked at behind each move of their time.
const MOST_LOOKED_AT: u32 = 64;
