//! Contexts that threads make, use, divide and take from each other by their steps. Rules E1, E6, E10 and E13; the letters are those of
//! docs/rules/contexts.md.
//!
//! The box of such a context is at home (A), or with a thread wherever that is (B to G); every deed moves it, or what is in it,
//! and the ledger is looked at behind each. What cannot be done leaves everything as it is.

use sched::context::spec::LEAST_BUDGET;
use sched::context::{Capacity, Kind, Refused};
use sched::{Budget, ContextId, CpuId, EnqueueReason, Entity, Instant, Spec};

use protocol::{Reached, Step, lending};

use super::Machine;
use super::code::Action;
use super::contexts::{Maker, ROOT, Refusal};
use super::threads::{Index, Task};
use crate::scenario::{ContextIndex, Deed};

/// The place of a context in the machine's lists, which its number counts from 1.
pub(super) const fn place(number: u64) -> usize {
    (number as usize).wrapping_sub(1)
}

impl Machine {
    /// A thread does something with a context, if that can be done.
    pub(super) fn perform_deed(&mut self, cpu: CpuId, own: Index, deed: Deed, context: ContextIndex) {
        match deed {
            Deed::Carve => self.carve(cpu, own, context),
            Deed::Bind => self.bind(cpu, own, context),
            Deed::Unbind => self.unbind(cpu, context),
            Deed::Return => self.give_back(cpu, context),
            Deed::Revoke => self.revoke(cpu, context),
        }
        // Whoever lost or got a budget while it ran is served otherwise from this moment on.
        for cpu in 0..self.cpus.len() as u32 {
            self.look_at_service(CpuId(cpu));
        }
        self.look_at_contexts();
    }

    /// The number of a shared context, if it is there.
    fn number(&self, context: ContextIndex) -> Option<u64> {
        Some(self.contexts.shared[usize::from(context.0)]?.number)
    }

    /// Z to A.
    fn carve(&mut self, cpu: CpuId, own: Index, context: ContextIndex) {
        if self.number(context).is_some() {
            return;
        }
        let described = &self.scenario.contexts[usize::from(context.0)];
        let (spec, from) = (described.spec, described.from);
        let id = self.contexts.make(Maker::Shared(context));
        let carved = match (spec.kind(), from) {
            (Kind::Limit, _) => Ok((None, self.read(cpu))),
            (Kind::Reservation, None) => self
                .carve_of_root(id, &spec)
                .map(|(at, from)| (Some(at), self.read(cpu).max(from))),
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
                let budget = Machine::confined(Budget::new(id, spec, from), at);
                self.contexts.is_there(budget, from);
                self.contexts.shared[usize::from(context.0)] = Some(id);
            }
            Err(refused) => {
                let kind = self.kinds[own.at()];
                self.contexts.refusals.push(Refusal { kind, refused });
            }
        }
    }

    /// Out of what may be reserved of the first CPU that has room.
    fn carve_of_root(&mut self, id: ContextId, spec: &Spec) -> Result<(CpuId, Instant), Refused> {
        let mut last = Refused::NoCapacity;
        for (capacity, at) in self.contexts.capacity.iter_mut().zip((0..).map(CpuId)) {
            match capacity.reserve(ROOT, id, spec) {
                Ok(granted) => return Ok((at, granted.from)),
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
        let parent_id = self.contexts.shared[usize::from(parent.0)].ok_or(Refused::NoCapacity)?;
        let at = self.capacity_of(parent_id).ok_or(Refused::NoCapacity)?;
        let taken = self.contexts.capacity[at].reserve(parent_id, id, spec)?.taken;
        let mut from = None;
        self.with_box(cpu, parent_id.number, |budget, now| {
            from = budget.carve(taken, now)
        });
        let Some(from) = from else {
            // What it would be left with is no budget, or its thread is about to end.
            let returned = self.contexts.capacity[at].give_back(id, Instant::BOOT);
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
        let Some(number) = self.number(context) else {
            return;
        };
        let party = self.contexts.parties[own.at()];
        if party.own.is_some() || party.borrowed.is_some() {
            return;
        }
        let is_bound = self.deal(cpu, number, |deal, holding| {
            if holding.bound.is_some() {
                return false;
            }
            // What is on its way home finds who is bound.
            let mut hand = holding.home.take();
            lending::put(deal, &own, &mut hand);
            holding.home = hand;
            if holding.home.is_none() {
                holding.bound = Some(own);
            }
            holding.bound.is_some()
        });
        if is_bound == Some(true) {
            self.contexts.parties[own.at()].own = Some(number);
            let id = ContextId {
                number,
                generation: 1,
            };
            self.contexts.service.release(id, self.now);
        }
    }

    /// B to E, F or G to A: the time comes home. Nothing of it, if its thread is about to end and brings it.
    fn unbind(&mut self, cpu: CpuId, context: ContextIndex) {
        let Some(number) = self.number(context) else {
            return;
        };
        let bound = self.deal(cpu, number, |deal, holding| {
            lending::end_loans(deal, holding, 0);
            let bound = holding.bound.take()?;
            if let Some(time) = lending::take_from(deal, holding.id(), &bound) {
                lending::deliver(deal, holding, time);
            }
            Some(bound)
        });
        if let Some(Some(bound)) = bound {
            self.contexts.parties[bound.at()].own = None;
        }
    }

    /// Does something with the box, wherever it is.
    fn with_box(&mut self, cpu: CpuId, number: u64, mut act: impl FnMut(&mut Budget, Instant)) {
        let now = self.read(cpu);
        self.deal(cpu, number, |deal, holding| {
            if let Some(budget) = &mut holding.home {
                return act(budget, now);
            }
            let Some(holder) = holding.holder() else { return };
            let id = holding.id();
            deal.machine.change_budget(cpu, *holder, |of_thread, now| {
                if let Some(budget) = of_thread.as_mut().filter(|budget| budget.context() == id) {
                    act(budget, now);
                }
            });
        });
    }

    /// A to Z, if nobody uses it and nothing is carved out of it.
    fn give_back(&mut self, cpu: CpuId, context: ContextIndex) {
        let Some(number) = self.number(context) else {
            return;
        };
        let is_home = self.deal(cpu, number, |_, holding| holding.home.is_some());
        if is_home == Some(true) {
            self.end_shared(cpu, context);
        }
    }

    /// To Z: what was reserved goes to whom it was carved from, unless something is carved out of it.
    fn end_shared(&mut self, cpu: CpuId, context: ContextIndex) {
        let Some(id) = self.contexts.shared[usize::from(context.0)] else {
            return;
        };
        if let Some(at) = self.capacity_of(id) {
            let period = self.scenario.contexts[usize::from(context.0)].spec.period();
            let used_up = self.read(cpu) + period;
            let home = self.deal(cpu, id.number, |_, holding| {
                holding.home.as_ref().map(|budget| budget.whole_from())
            });
            let from = home.flatten().unwrap_or(used_up);
            let Ok(returned) = self.contexts.capacity[at].give_back(id, from) else {
                return;
            };
            if let Some(Maker::Shared(_)) = self.maker_of(returned.parent) {
                let parent = returned.parent;
                let mut restored = None;
                self.with_box(cpu, parent.number, |budget, now| {
                    restored = Some(budget.restore(returned.taken, now, from));
                });
                debug_assert!(!matches!(restored, Some(Err(_))), "it was carved out of this");
                if restored.is_none() {
                    // On its way home from a thread that ends.
                    self.deal(cpu, parent.number, |_, holding| {
                        holding.due.restore(returned.taken, from)
                    });
                }
                self.contexts.service.give(parent, returned.taken, self.now);
            }
        }
        self.contexts.shared[usize::from(context.0)] = None;
        let gone = self.contexts.holdings[place(id.number)].take();
        self.contexts
            .forget(gone.and_then(|holding| holding.home).as_deref());
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
        self.unbind(cpu, context);
        self.end_shared(cpu, context);
    }

    /// Changes the budget of a thread, wherever that is.
    pub(super) fn change_budget(
        &mut self,
        cpu: CpuId,
        thread: Index,
        mut change: impl FnMut(&mut Option<Box<Budget>>, Instant),
    ) {
        self.contexts.parties[thread.at()].changed_at = self.now;
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
            let id = (*shared)?;
            let mut boxes = self.budgets().filter(|budget| budget.context() == id);
            let (Some(budget), None) = (boxes.next(), boxes.next()) else {
                return Some(format!("the box of {id:?} is in no place, or in two"));
            };
            // What is due to it comes to it when it is at home.
            let holding = self.contexts.holdings[place(id.number)].as_ref()?;
            let has = budget.spec().budget() + holding.due.restored;
            let at = self.capacity_of(id)?;
            // It cannot be divided to nothing: what remains is a budget.
            let left = self.contexts.capacity[at]
                .left(id)
                .map(|(left, _)| left + LEAST_BUDGET);
            (left != Some(has)).then(|| format!("{id:?} has {has} in each period, and {left:?} left"))
        })
    }
}
