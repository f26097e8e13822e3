//! Contexts that threads make, use, divide and take from each other by their steps. Rules E1, E6, E10 and E13; the letters are those of
//! docs/rules/contexts.md.
//!
//! The box of such a context is at home here (A), or with a thread wherever that is (B to E, G); every deed moves it, or what is in it,
//! and the ledger is looked at behind each. What cannot be done leaves everything as it is.

use sched::context::spec::LEAST_BUDGET;
use sched::context::{Capacity, Kind, Refused};
use sched::{Affinity, Budget, ContextId, CpuId, EnqueueReason, Entity, Instant, Spec};

use protocol::{Reached, Step};

use super::Machine;
use super::code::Action;
use super::contexts::{Maker, ROOT, Refusal};
use super::threads::{Index, Task};
use crate::scenario::{ContextIndex, Deed};

/// Where the box of a shared context is.
#[derive(Debug, Default)]
pub(super) enum Shared {
    /// There is none (Z).
    #[default]
    Gone,
    /// Nobody uses it (A).
    AtHome(Box<Budget>),
    /// A thread has it (B to E, G).
    With(Index, ContextId),
}

impl Shared {
    pub(super) fn at_home(&self) -> Option<&Budget> {
        match self {
            Shared::AtHome(budget) => Some(budget),
            Shared::Gone | Shared::With(..) => None,
        }
    }

    fn id(&self) -> Option<ContextId> {
        match self {
            Shared::Gone => None,
            Shared::AtHome(budget) => Some(budget.context()),
            Shared::With(_, context) => Some(*context),
        }
    }
}

impl Machine {
    /// A thread does something with a context, if that can be done.
    pub(super) fn perform_deed(&mut self, cpu: CpuId, own: Index, deed: Deed, context: ContextIndex) {
        match deed {
            Deed::Carve => self.carve(cpu, own, context),
            Deed::Bind => self.bind(cpu, own, context),
            Deed::Unbind => {
                if let Some(budget) = self.take_box(cpu, context) {
                    *self.shared(context) = Shared::AtHome(budget);
                }
            }
            Deed::Return => self.give_back(cpu, context),
            Deed::Revoke => self.revoke(cpu, context),
        }
        // Whoever lost or got a budget while it ran is served otherwise from this moment on.
        for cpu in 0..self.cpus.len() as u32 {
            self.look_at_service(CpuId(cpu));
        }
        self.look_at_contexts();
    }

    fn shared(&mut self, context: ContextIndex) -> &mut Shared {
        &mut self.contexts.shared[usize::from(context.0)]
    }

    /// Z to A.
    fn carve(&mut self, cpu: CpuId, own: Index, context: ContextIndex) {
        if self.shared(context).id().is_some() {
            return;
        }
        let described = &self.scenario.contexts[usize::from(context.0)];
        let (spec, from) = (described.spec, described.from);
        let id = self.contexts.make(Maker::Shared(context));
        let carved = match (spec.kind(), from) {
            (Kind::Limit, _) => Ok((None, self.read(cpu))),
            (Kind::Reservation, None) => self.carve_of_root(id, &spec).map(|at| (Some(at), self.read(cpu))),
            (Kind::Reservation, Some(parent)) => self
                .carve_of(cpu, parent, id, &spec)
                .map(|(at, from)| (Some(at), from)),
        };
        // Numbers are counted whether or not they are used.
        let clock = self.sides[cpu.index()].clock;
        let begins = carved.map_or(self.now, |(_, from)| clock.when(from).max(self.now));
        self.contexts.service.begin(&spec, begins);
        match carved {
            Ok((at, from)) => {
                let budget = Budget::new(id, spec, from);
                let budget = match at {
                    Some(at) => budget.confined_to(Affinity::One(at)),
                    None => budget,
                };
                *self.shared(context) = Shared::AtHome(budget);
            }
            Err(refused) => {
                let kind = self.kinds[own.at()];
                self.contexts.refusals.push(Refusal { kind, refused });
            }
        }
    }

    /// Out of what may be reserved of the first CPU that has room.
    fn carve_of_root(&mut self, id: ContextId, spec: &Spec) -> Result<CpuId, Refused> {
        let mut last = Refused::NoCapacity;
        for (capacity, at) in self.contexts.capacity.iter_mut().zip((0..).map(CpuId)) {
            match capacity.reserve(ROOT, id, spec) {
                Ok(_) => return Ok(at),
                Err(refused) => last = refused,
            }
        }
        Err(last)
    }

    /// Out of another one's, whose box becomes smaller wherever it is. From when on the time may be used.
    fn carve_of(
        &mut self,
        cpu: CpuId,
        parent: ContextIndex,
        id: ContextId,
        spec: &Spec,
    ) -> Result<(CpuId, Instant), Refused> {
        let parent_id = self.shared(parent).id().ok_or(Refused::NoCapacity)?;
        let at = self.capacity_of(parent_id).ok_or(Refused::NoCapacity)?;
        let taken = self.contexts.capacity[at].reserve(parent_id, id, spec)?.taken;
        let mut from = None;
        self.with_box(cpu, parent, |budget, now| from = budget.carve(taken, now));
        let Some(from) = from else {
            // What it would be left with is no budget, or its thread is about to end.
            let returned = self.contexts.capacity[at].give_back(id);
            debug_assert!(returned.is_ok(), "it was carved a moment ago");
            return Err(Refused::NoCapacity);
        };
        let over = self.contexts.service.take(parent_id, taken, self.now);
        self.not_too_much(parent_id, over);
        Ok((CpuId(at as u32), from))
    }

    /// On which CPU a context has its reservation.
    fn capacity_of(&self, context: ContextId) -> Option<usize> {
        let has = |capacity: &Capacity| capacity.reservations().iter().any(|one| one.holder == context);
        self.contexts.capacity.iter().position(has)
    }

    /// A to D: the thread that runs here uses it from now on.
    fn bind(&mut self, cpu: CpuId, own: Index, context: ContextIndex) {
        let budget = match core::mem::take(self.shared(context)) {
            Shared::AtHome(budget) => budget,
            elsewhere => return *self.shared(context) = elsewhere,
        };
        let id = budget.context();
        let mut hand = Some(budget);
        self.change_budget(cpu, own, |of_thread, _| {
            if of_thread.is_none() {
                core::mem::swap(of_thread, &mut hand);
            }
        });
        *self.shared(context) = match hand {
            Some(budget) => Shared::AtHome(budget),
            None => {
                self.contexts.service.release(id, self.now);
                Shared::With(own, id)
            }
        };
    }

    /// Takes the box from wherever it is; the record says what it said.
    fn take_box(&mut self, cpu: CpuId, context: ContextIndex) -> Option<Box<Budget>> {
        match core::mem::take(self.shared(context)) {
            Shared::Gone => None,
            Shared::AtHome(budget) => Some(budget),
            Shared::With(thread, id) => {
                *self.shared(context) = Shared::With(thread, id);
                let mut taken = None;
                self.change_budget(cpu, thread, |of_thread, _| {
                    taken = of_thread.take_if(|budget| budget.context() == id);
                });
                taken
            }
        }
    }

    /// Does something with the box, wherever it is.
    fn with_box(&mut self, cpu: CpuId, context: ContextIndex, mut act: impl FnMut(&mut Budget, Instant)) {
        let now = self.read(cpu);
        match self.shared(context) {
            Shared::Gone => {}
            Shared::AtHome(budget) => act(budget, now),
            Shared::With(thread, id) => {
                let (thread, id) = (*thread, *id);
                self.change_budget(cpu, thread, |of_thread, now| {
                    if let Some(budget) = of_thread.as_mut().filter(|budget| budget.context() == id) {
                        act(budget, now);
                    }
                });
            }
        }
    }

    /// A to Z, if nothing is carved out of it: the time goes to whom it was carved from.
    fn give_back(&mut self, cpu: CpuId, context: ContextIndex) {
        let Some(budget) = self.shared(context).at_home() else {
            return;
        };
        let id = budget.context();
        if let Some(at) = self.capacity_of(id) {
            let Ok(returned) = self.contexts.capacity[at].give_back(id) else {
                return;
            };
            if let Some(Maker::Shared(parent)) = self.maker_of(returned.parent) {
                let mut restored = None;
                self.with_box(cpu, parent, |budget, now| {
                    restored = Some(budget.restore(returned.taken, now))
                });
                debug_assert!(!matches!(restored, Some(Err(_))), "it was carved out of this");
                self.contexts
                    .service
                    .give(returned.parent, returned.taken, self.now);
            }
        }
        let gone = core::mem::take(self.shared(context));
        self.contexts.forget(gone.at_home());
        self.end_service(id);
    }

    /// Whatever was carved out of it goes first.
    fn revoke(&mut self, cpu: CpuId, context: ContextIndex) {
        // Who is carved out of another one comes behind it.
        for index in (usize::from(context.0) + 1..self.contexts.shared.len()).rev() {
            if self.scenario.contexts[index].from == Some(context) {
                self.revoke(cpu, ContextIndex(index as u16));
            }
        }
        if let Some(budget) = self.take_box(cpu, context) {
            *self.shared(context) = Shared::AtHome(budget);
            self.give_back(cpu, context);
        }
    }

    /// A thread has ended that had it (B to E, G to A).
    pub(super) fn comes_home(&mut self, context: ContextIndex, budget: Box<Budget>) {
        *self.shared(context) = Shared::AtHome(budget);
    }

    /// Changes the budget of a thread, wherever that is.
    fn change_budget(
        &mut self,
        cpu: CpuId,
        thread: Index,
        mut change: impl FnMut(&mut Option<Box<Budget>>, Instant),
    ) {
        if protocol::change_budget(&mut self.host(cpu), &thread, &mut change) != Reached::OnItsWay {
            return;
        }
        let now = self.read(cpu);
        let id = self.threads[thread.at()].id;
        let is_it = |entity: &Entity<Task>| entity.id() == id;
        if let Some(stranded) = self.stranded.iter().position(|thread| is_it(thread)) {
            let mut entity = self.stranded.swap_remove(stranded);
            entity.change_parked_budget(|budget| change(budget, now));
            let place = Action::Protocol(Step::Place(entity, EnqueueReason::Migrated));
            return self.sides[cpu.index()].todo.push_back(place);
        }
        let mut moving = self.sides.iter_mut().flat_map(|side| &mut side.todo);
        let carrying = moving.find_map(|action| match action {
            Action::Protocol(step) if step.thread().is_some_and(is_it) => Some(step),
            _ => None,
        });
        let Some(step) = carrying else { return };
        // The CPU that was chosen for it may be none of its any more.
        *step = match core::mem::replace(step, Step::Settle) {
            Step::Place(mut entity, why) | Step::Enqueue(mut entity, _, why) => {
                entity.change_parked_budget(|budget| change(budget, now));
                Step::Place(entity, why)
            }
            Step::Adopt(mut entity) => {
                entity.change_parked_budget(|budget| change(budget, now));
                Step::Place(entity, EnqueueReason::Migrated)
            }
            other => other,
        };
    }

    /// E10, E13: every box is in one place, and has what its context has left of its reservation.
    pub(super) fn shared_add_up(&self) -> Option<String> {
        self.contexts.shared.iter().find_map(|shared| {
            let id = shared.id()?;
            let mut boxes = self.budgets().filter(|budget| budget.context() == id);
            let (Some(budget), None) = (boxes.next(), boxes.next()) else {
                return Some(format!("the box of {id:?} is in no place, or in two"));
            };
            let has = budget.spec().budget();
            let at = self.capacity_of(id)?;
            // It cannot be divided to nothing: what remains is a budget.
            let left = self.contexts.capacity[at]
                .left(id)
                .map(|(left, _)| left + LEAST_BUDGET);
            (left != Some(has)).then(|| format!("{id:?} has {has} in each period, and {left:?} left"))
        })
    }
}
