//! What contexts were really served, beside what they may have been: rule E8, by references that know nothing of refills.
//!
//! Service is what is seen from outside: a thread with a budget is on a CPU from one step to another, in true time. A limit is held
//! against its *window*: in no stretch of time as long as its period more than its budget ([`Window`]). A reservation is held against
//! a *sporadic task* for each of its nanoseconds, which is there when it is wanted and again a period after it was ([`Sporadic`]). Neither has
//! a bound on what it remembers, or anything that becomes one to save room. What is allowed beyond is what the machine's timers
//! and interrupts were late.

use sched::context::Kind;
use sched::{Budget, ContextId, CpuId, Entity, Instant, Nanos, Rank, Spec};

use super::Machine;
use super::threads::Task;
use crate::audit::Rule;
use crate::sabotage::Sabotage;

mod sporadic;
mod window;

use sporadic::Sporadic;
use window::Window;

/// What a context is held against.
#[derive(Clone, Debug)]
enum Reference {
    Limit(Window),
    Reservation(Sporadic),
}

/// Somebody who uses a context on a CPU.
#[derive(Clone, Copy, Debug)]
struct Serving {
    context: ContextId,
    since: Instant,
}

/// The references of all contexts, and who is being served.
#[derive(Debug)]
pub(super) struct Service {
    /// By the number of the context, from 1; `None` for those that are gone.
    references: Vec<Option<Reference>>,
    serving: Vec<Option<Serving>>,
}

impl Reference {
    fn new(spec: &Spec, now: Instant) -> Reference {
        match spec.kind() {
            Kind::Limit => Reference::Limit(Window::new(spec.budget(), spec.period())),
            Kind::Reservation => Reference::Reservation(Sporadic::new(spec.budget(), spec.period(), now)),
        }
    }

    /// Adds service. How much more that was than there may have been.
    fn serve(&mut self, from: Instant, to: Instant) -> Nanos {
        match self {
            Reference::Limit(window) => window.serve(from, to),
            Reference::Reservation(sporadic) => sporadic.serve(from, to),
        }
    }
}

impl Service {
    pub(super) fn new(cpus: usize) -> Service {
        Service {
            references: Vec::new(),
            serving: vec![None; cpus],
        }
    }

    /// A context comes into being with all that it may use. They come in the order of their numbers.
    pub(super) fn begin(&mut self, spec: &Spec, now: Instant) {
        self.references.push(Some(Reference::new(spec, now)));
    }

    /// A context is gone; what it had too much in the end.
    fn end(&mut self, context: ContextId, now: Instant) -> Nanos {
        let mut served = self.serving.iter_mut();
        let last = served.find_map(|serving| serving.take_if(|serving| serving.context == context));
        let over = last.map_or(Nanos::ZERO, |serving| self.add(serving, now));
        if let Some(reference) = self.reference(context) {
            *reference = None;
        }
        over
    }

    /// Who has it wants to use it from now on, and did not before.
    pub(super) fn release(&mut self, context: ContextId, now: Instant) {
        if let Some(Some(Reference::Reservation(sporadic))) = self.reference(context) {
            sporadic.release(now);
        }
    }

    /// A part of it was carved out for another one. What it had too much up to now.
    pub(super) fn take(&mut self, context: ContextId, amount: Nanos, now: Instant) -> Nanos {
        let mut serving = self.serving.iter_mut().flatten();
        let open = serving.find(|serving| serving.context == context);
        let so_far = open.map(|serving| core::mem::replace(&mut serving.since, now));
        let over = so_far.map(|since| self.add(Serving { context, since }, now));
        if let Some(Some(Reference::Reservation(sporadic))) = self.reference(context) {
            sporadic.take(amount);
        }
        over.unwrap_or_default()
    }

    /// What was carved out of it is there again, a period later.
    pub(super) fn give(&mut self, context: ContextId, amount: Nanos, now: Instant) {
        if let Some(Some(Reference::Reservation(sporadic))) = self.reference(context) {
            sporadic.give(amount, now);
        }
    }

    fn reference(&mut self, context: ContextId) -> Option<&mut Option<Reference>> {
        let place = usize::try_from(context.number.checked_sub(1)?).ok()?;
        self.references.get_mut(place)
    }

    /// The time from `since` to `now` was service. How much more it was than there may have been.
    fn add(&mut self, serving: Serving, now: Instant) -> Nanos {
        let reference = self.reference(serving.context).and_then(Option::as_mut);
        reference.map_or(Nanos::ZERO, |reference| reference.serve(serving.since, now))
    }

    /// Somebody else, or nobody, is served on a CPU from now on: closes what was, if it was another. What it had too much.
    fn change(&mut self, cpu: CpuId, to: Option<ContextId>, now: Instant) -> Option<(ContextId, Nanos)> {
        let before = self.serving[cpu.index()];
        if before.map(|serving| serving.context) == to {
            return None;
        }
        self.serving[cpu.index()] = to.map(|context| Serving { context, since: now });
        before.map(|serving| (serving.context, self.add(serving, now)))
    }
}

/// The context that is used on a CPU: a limit always when its thread runs, a reservation while that is due by a deadline, for what it does by
/// weight is not charged to it. A limit that is lent caps nobody: its server goes on, and that is owed.
fn in_use(budget: Option<&Budget>, rank: Option<Rank>) -> Option<ContextId> {
    let budget = budget.filter(|budget| !budget.spec().is_everything())?;
    let is_charged = match budget.spec().kind() {
        Kind::Limit => !budget.is_lent(),
        Kind::Reservation => matches!(rank, Some(Rank::Deadline(..))),
    };
    is_charged.then(|| budget.context())
}

impl Machine {
    /// After a step of a CPU's kernel: who is served there from now on.
    pub(super) fn look_at_service(&mut self, cpu: CpuId) {
        if !self.contexts.exist || self.audit.every == 0 {
            return;
        }
        let seat = &self.cpus[cpu.index()];
        let used = in_use(seat.running_in(), seat.running().map(sched::cpu::Running::rank));
        if let Some((context, over)) = self.contexts.service.change(cpu, used, self.now) {
            self.not_too_much(context, over);
        }
    }

    /// Whoever is served now and goes on, as far as that has come.
    pub(super) fn look_at_all_service(&mut self) {
        for cpu in 0..self.cpus.len() {
            if let Some(serving) = self.contexts.service.serving[cpu] {
                let mut so_far = self
                    .contexts
                    .service
                    .reference(serving.context)
                    .cloned()
                    .flatten();
                let over = so_far
                    .as_mut()
                    .map(|reference| reference.serve(serving.since, self.now));
                self.not_too_much(serving.context, over.unwrap_or_default());
            }
        }
    }

    /// A thread that rested is woken: what it has counts from now on.
    pub(super) fn woken(&mut self, thread: &mut Entity<Task>) {
        let Some(budget) = thread.budget() else { return };
        self.contexts.service.release(budget.context(), self.now);
        if self.sabotage == Some(Sabotage::FillUp) {
            self.contexts.forget(Some(budget));
            let full = Budget::new(budget.context(), *budget.spec(), self.now);
            thread.change_parked_budget(|own| *own = Some(full));
        }
    }

    /// A context is gone.
    pub(super) fn end_service(&mut self, context: ContextId) {
        let over = self.contexts.service.end(context, self.now);
        self.not_too_much(context, over);
    }

    pub(super) fn not_too_much(&mut self, context: ContextId, over: Nanos) {
        let allowed = self.audit.lateness + self.drifted();
        if over > allowed {
            let evidence = format!(
                "context {} was served {over} too much, {allowed} of it late",
                context.number
            );
            self.fail(Rule::BudgetsAreKept, evidence);
        }
    }
}
