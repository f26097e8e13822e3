//! Whether lent time is where it has to be, looked at from outside. Rules E4, E11 and E15.

use sched::Rank;

use super::Machine;
use super::deeds::place;
use super::threads::Index;

impl Machine {
    /// Every loan is of a call that is under way, from and to threads that know of it; its time is with the last of them; nobody runs on
    /// who has lent; and nobody waits for more of what was lent.
    pub(super) fn loans_are_sound(&self) -> Option<String> {
        let wrong = |what: &str, thread: Index| Some(format!("{} {what}", self.threads[thread.at()].id));
        for (number, holding) in (1..).zip(&self.contexts.holdings) {
            let Some(holding) = holding else { continue };
            for (step, thread) in holding.on_the_way().enumerate() {
                let party = self.contexts.parties[thread.at()];
                let is_owner = step == 0 && holding.bound.is_some();
                if !self.threads[thread.at()].alive {
                    return wrong("has ended and was lent time", *thread);
                }
                if !is_owner && party.borrowed != Some(number) {
                    return wrong("does not know whose time it has", *thread);
                }
                let is_last = holding.holder() == Some(thread);
                let loan = party.loan.and_then(|ticket| holding.loan(ticket));
                if is_last && loan.is_some() {
                    return wrong("has time that it has lent", *thread);
                }
                if !is_last && loan.is_none() {
                    return wrong("has lent time, and the call by which it did has ended", *thread);
                }
            }
        }
        self.borrowers_are_known(&wrong)
            .or_else(|| self.lenders_rest(&wrong))
            .or_else(|| self.all_wait_where_their_time_is(&wrong))
    }

    /// Nobody waits in the queue of a CPU on which the time that it has may not be used (E7).
    fn all_wait_where_their_time_is(&self, wrong: &impl Fn(&str, Index) -> Option<String>) -> Option<String> {
        let mut waiting = self
            .cpus
            .iter()
            .flat_map(|cpu| cpu.queued().map(|entity| (cpu.id(), entity)));
        let (_, astray) = waiting.find(|(cpu, entity)| {
            let cpus = entity.budget().and_then(sched::Budget::cpus);
            cpus.is_some_and(|cpus| !cpus.allows(*cpu))
        })?;
        wrong("waits where its time may not be used", Index::of(astray.id()))
    }

    /// Whoever works with somebody's time is on the way of that, and is never throttled for want of it.
    fn borrowers_are_known(&self, wrong: &impl Fn(&str, Index) -> Option<String>) -> Option<String> {
        for (thread, party) in (0..).map(Index).zip(&self.contexts.parties) {
            let Some(number) = party.borrowed else { continue };
            let holding = self.contexts.holdings.get(place(number)).and_then(Option::as_ref);
            if holding.is_none_or(|holding| holding.loan_to(|borrower| *borrower == thread).is_none()) {
                return wrong("works with time that nobody has lent it", thread);
            }
        }
        let waiting = self.cpus.iter().flat_map(|cpu| cpu.queued());
        let mut throttled = waiting.filter(|entity| matches!(entity.rank(), Rank::Throttled(..)));
        let borrows = |thread: Index| self.contexts.parties[thread.at()].borrowed.is_some();
        let server = throttled.find(|entity| borrows(Index::of(entity.id())))?;
        wrong(
            "works for others and waits for their time",
            Index::of(server.id()),
        )
    }

    /// Who has lent its time is in user mode nowhere.
    fn lenders_rest(&self, wrong: &impl Fn(&str, Index) -> Option<String>) -> Option<String> {
        let mut running = self.sides.iter().filter(|side| side.user_since.is_some());
        let lender = running.find_map(|side| {
            let thread = Index::of(side.running.as_ref()?.id());
            self.contexts.parties[thread.at()].lends.then_some(thread)
        })?;
        wrong("runs and has lent its time", lender)
    }
}
