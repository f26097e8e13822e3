//! Threads and CPUs that come and go, and the faults that strike them.

use protocol::{Reweigh, Step};
use sched::{Affinity, Cpu, CpuId, EndReason, EnqueueReason, Entity, Instant, LatencyClass, Rank, Weight};

use abi::trace::{Event, Thread};

use super::agenda::Happening;
use super::lending::Party;
use super::threads::{Index, Owned, Record, Task, Wish};
use super::{Action, Machine, POWER_ON};
use crate::sabotage::Sabotage;
use crate::scenario::{Arrival, ThreadKind};

impl Machine {
    pub(super) fn schedule_arrivals(&mut self) {
        let scenario = self.scenario.clone();
        for (kind, thread) in (0..).zip(&scenario.threads) {
            let start = match thread.arrival {
                Arrival::Forked => continue,
                Arrival::At { count: 0, .. } | Arrival::Every { count: Some(0), .. } => continue,
                Arrival::At { start, .. } | Arrival::Every { start, .. } => start,
            };
            self.agenda.add(POWER_ON + start, Happening::Arrival { kind });
        }
    }

    /// Instances of a kind come: on the first CPU that is online, as if a thread there had made them.
    pub(super) fn arrival(&mut self, kind: u16) {
        let scenario = self.scenario.clone();
        let mut come = 1;
        match scenario.threads[usize::from(kind)].arrival {
            Arrival::At { count, .. } => come = count,
            Arrival::Every { gap, count, .. } => {
                let arrived = &mut self.arrived[usize::from(kind)];
                *arrived += 1;
                if count.is_none_or(|count| *arrived < count) {
                    let at = self.now + self.chooser.span(gap).max(sched::Nanos(1));
                    self.agenda.add(at, Happening::Arrival { kind });
                }
            }
            Arrival::Forked => {}
        }
        let first = self.sides.iter().position(|side| side.online).unwrap_or(0);
        let cpu = CpuId(first as u32);
        for _ in 0..come {
            self.spawn(cpu, ThreadKind(kind));
        }
        let side = &mut self.sides[first];
        if !side.stepping {
            self.leave_user(cpu);
            self.drive(cpu);
        }
    }

    /// Makes a thread, to be placed by this CPU.
    pub(super) fn spawn(&mut self, cpu: CpuId, kind: ThreadKind) {
        let scenario = self.scenario.clone();
        let spec = &scenario.threads[usize::from(kind.0)];
        let own = Index(self.threads.len() as u32);
        let id = own.id(spec.process);
        let mut thread = Entity::new(id, spec.weight, spec.class, Task::new(kind));
        if let Some(mask) = &spec.affinity {
            thread.set_affinity(Affinity::Mask(mask.clone()));
        }
        if let Some(context) = &spec.context
            && !self.admit(cpu, kind, context, &mut thread)
        {
            return;
        }
        if self.contexts.exist {
            let own = thread.budget().map(|budget| budget.context().number);
            self.contexts.parties.push(Party::new(own));
        }
        self.threads.push(Record::new(id, spec.weight, spec.class));
        self.kinds.push(kind);
        self.instances[usize::from(kind.0)].push(own);
        self.living += 1;
        self.audit.stretch.ends(self.now);
        self.start_program(&mut thread);
        self.threads[own.at()].ready_at = self.now;
        let place = Action::Protocol(Step::Place(thread, EnqueueReason::New));
        self.sides[cpu.index()].todo.push_back(place);
    }

    /// A thread is gone: whatever it was listed for, held or owed to others is settled.
    pub(super) fn bury(&mut self, cpu: CpuId, mut thread: Owned) {
        let own = Index::of(thread.id());
        let record = &mut self.threads[own.at()];
        debug_assert!(record.alive, "a thread ends once");
        record.alive = false;
        record.dying = true;
        record.ready_at = Instant::NEVER;
        let wish = core::mem::replace(&mut record.wish, Wish::Nothing);
        if let Some((on, key)) = record.armed.take() {
            drop(self.sides[on as usize].deadlines.cancel(key));
        }
        self.living -= 1;
        self.last_end = self.now;
        self.audit.stretch.ends(self.now);
        self.gone[usize::from(thread.payload.kind.0)] += thread.account().runtime;
        self.instances[usize::from(thread.payload.kind.0)].retain(|other| *other != own);
        let waiting = self.objects.forget(wish, own);
        let locks = self.objects.release_all(own);
        self.grant(cpu, waiting.into_iter().chain(locks));
        self.end_context(cpu, &mut thread);
        let called = self.clients.remove(&own);
        self.clients.retain(|_, client| *client != own);
        self.call_ended(cpu, own);
        for client in called.into_iter().chain(thread.payload.client) {
            self.answer(cpu, client, own);
        }
        self.note(
            cpu,
            Event::ThreadExit {
                thread: Thread(thread.id().0),
                code: 0,
            },
        );
    }

    /// Everything that waits here goes elsewhere, and no placement chooses this CPU any more.
    pub(super) fn go_offline(&mut self, cpu: CpuId) {
        let at = self.read(cpu);
        let index = cpu.index();
        self.sides[index].leaving = false;
        let online = self.sides.iter().filter(|side| side.online).count();
        if online < 2 {
            return;
        }
        self.sides[index].online = false;
        self.audit.stretch.ends(self.now);
        self.sides[index].in_call = false;
        self.sides[index].idle_since = None;
        let mut leaving = Vec::new();
        if let Some(mut thread) = self.sides[index].running.take() {
            let charge = self.cpus[index].end(&mut thread, at, EndReason::Preempted);
            self.collect(charge);
            self.threads[Index::of(thread.id()).at()].ready_at = self.now;
            leaving.push((thread, EnqueueReason::Migrated));
        }
        leaving.extend(
            self.sides[index]
                .candidate
                .take()
                .map(|thread| (thread, EnqueueReason::Wake)),
        );
        while let Some(rank) = first_waiting(&self.cpus[index]) {
            let Some(thread) = self.cpus[index].remove(rank, at) else {
                break;
            };
            leaving.push((thread, EnqueueReason::Migrated));
        }
        self.ground.board.withdraw(cpu);
        self.move_deadlines(cpu);
        for (thread, why) in leaving {
            self.sides[index]
                .todo
                .push_back(Action::Protocol(Step::Place(thread, why)));
        }
        let span = self.chooser.faults().delay(self.scenario.faults.offline.span);
        self.agenda.add(
            self.now + span.max(sched::Nanos(1)),
            Happening::Online { cpu: cpu.0 },
        );
        self.recorder.switch(self.now, cpu, Thread::NONE);
    }

    /// The sleeps that this CPU watched over are watched over by another one, which is interrupted to set its timer.
    fn move_deadlines(&mut self, from: CpuId) {
        let Some(to) = self.sides.iter().position(|side| side.online) else {
            return;
        };
        // Readings of one clock mean other instants on another; true time is what was meant.
        let (old, new) = (self.sides[from.index()].clock, self.sides[to].clock);
        while let Some(deadline) = self.sides[from.index()].deadlines.pop_due(Instant::NEVER) {
            let thread = deadline.waiter;
            let at = new.read(old.when(deadline.at()));
            let key = self.sides[to].deadlines.insert(at, deadline);
            self.threads[thread.at()].armed = Some((to as u32, key));
        }
        self.sides[from.index()].timer.fired();
        self.sides[from.index()]
            .todo
            .push_back(Action::Protocol(Step::Send(CpuId(to as u32))));
    }

    pub(super) fn come_online(&mut self, cpu: CpuId) {
        let side = &mut self.sides[cpu.index()];
        if side.stepping {
            // The kernel is still giving its threads away.
            let again = self.now + sched::Nanos::from_micros(1);
            self.agenda.add(again, Happening::Online { cpu: cpu.0 });
            return;
        }
        side.online = true;
        self.audit.stretch.ends(self.now);
        let side = &mut self.sides[cpu.index()];
        side.looked = false;
        self.ground.board.publish(&*self.cpus[cpu.index()]);
        if self.sabotage == Some(Sabotage::KeepStranded) {
            return self.drive(cpu);
        }
        for thread in core::mem::take(&mut self.stranded) {
            // One that was woken and has not run since still comes as such.
            let why = if self.threads[Index::of(thread.id()).at()].woken {
                EnqueueReason::Wake
            } else {
                EnqueueReason::Migrated
            };
            let place = Action::Protocol(Step::Place(thread, why));
            self.sides[cpu.index()].todo.push_back(place);
        }
        self.drive(cpu);
    }

    /// After a step of the kernel: the scenario's faults strike by chance.
    pub(super) fn strike(&mut self, cpu: CpuId) {
        let faults = &self.scenario.faults;
        let (spurious, death, offline, change) = (
            faults.spurious_wake,
            faults.death,
            faults.offline.chance,
            faults.change,
        );
        if spurious | death | offline | change == 0 || !self.faulty() {
            return;
        }
        if self.chooser.faults().chance(spurious)
            && let Some(thread) = self.any_thread()
        {
            self.sides[cpu.index()].todo.push_front(Action::Wake(thread));
        }
        if self.chooser.faults().chance(death)
            && let Some(thread) = self.any_thread()
        {
            self.sides[cpu.index()].todo.push_front(Action::Kill(thread));
        }
        if self.chooser.faults().chance(change)
            && let Some(thread) = self.any_thread()
        {
            self.change_policy(cpu, thread);
        }
        if self.chooser.faults().chance(offline) {
            let count = self.sides.len() as u64;
            let target = self.chooser.faults().below(count) as usize;
            if self.sides[target].online && self.sides.iter().filter(|side| side.online).count() > 1 {
                self.sides[target].leaving = true;
                self.send(cpu, CpuId(target as u32));
            }
        }
    }

    fn any_thread(&mut self) -> Option<Index> {
        if self.threads.is_empty() {
            return None;
        }
        let any = self.chooser.faults().below(self.threads.len() as u64) as u32;
        self.threads[any as usize].alive.then_some(Index(any))
    }

    /// Sets another weight and class, wherever the thread is, as `SchedulingPolicyCap` does.
    fn change_policy(&mut self, cpu: CpuId, thread: Index) {
        self.audit.stretch.ends(self.now);
        let faults = self.chooser.faults();
        let change = Reweigh {
            weight: Weight::new(1 << faults.below(11)),
            class: Some(*faults.one_of(&LatencyClass::ALL)),
        };
        self.reweigh(cpu, thread, change);
    }
}

/// The rank of somebody who waits for a CPU.
fn first_waiting(cpu: &Cpu<Task>) -> Option<Rank> {
    cpu.queued().next().map(Entity::rank)
}
