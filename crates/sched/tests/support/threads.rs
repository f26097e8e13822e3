//! What threads do and what is done to them, from their creation to their end.

use super::{Machine, Thread, named};
use abi::trace::Event;
use sched::placement::{new_thread_target, wake_target};
use sched::{
    Affinity, CpuId, Effect, EndReason, EnqueueReason, Enqueued, Entity, LatencyClass, Nanos, Placement,
    ThreadId, Weight,
};

impl Machine {
    /// Acts on an arrival as a remote CPU would: it can only interrupt.
    pub(super) fn act(&mut self, cpu: CpuId, id: ThreadId, enqueued: Enqueued) {
        self.ranks.insert(id, (cpu, enqueued.rank));
        if enqueued.effect != Effect::Nothing {
            self.interrupt(cpu);
        }
        self.publish(cpu);
    }

    pub(super) fn put(&mut self, cpu: CpuId, thread: Thread, why: EnqueueReason) {
        let id = thread.id();
        let (target, thread_id, by) = (cpu.0, named(id), abi::trace::Thread::NONE);
        self.note(
            cpu,
            Event::Wake {
                target,
                thread: thread_id,
                by,
            },
        );
        self.ledger.queued(id, self.now);
        let enqueued = self.cpus[cpu.index()].enqueue(thread, why, self.now);
        self.act(cpu, id, enqueued);
    }

    pub(super) fn put_where(&mut self, placed: Placement, thread: Thread, why: EnqueueReason) {
        self.put(placed.cpu, thread, why);
    }

    pub fn spawn(&mut self, weight: u16, class: LatencyClass, affinity: Affinity, caller: CpuId) -> ThreadId {
        self.spawn_for(None, weight, class, affinity, caller)
    }

    /// Starts a thread with a request size of its own, on the first CPU.
    pub fn spawn_with_request(&mut self, weight: u16, request: Nanos) -> ThreadId {
        let id = ThreadId(self.next_id);
        self.next_id += 1;
        self.living.push(id);
        self.ledger.born(id, self.now);
        let mut thread = Entity::new(id, Weight::new(weight).unwrap(), LatencyClass::Normal, ());
        thread.set_request(request);
        self.put(CpuId(0), thread, EnqueueReason::New);
        id
    }

    /// Starts a thread of the principal with this index.
    pub fn spawn_for(
        &mut self,
        principal: Option<usize>,
        weight: u16,
        class: LatencyClass,
        affinity: Affinity,
        caller: CpuId,
    ) -> ThreadId {
        let id = ThreadId(self.next_id);
        self.next_id += 1;
        self.living.push(id);
        self.ledger.born(id, self.now);
        let mut thread = Entity::new(id, Weight::new(weight).unwrap(), class, ());
        thread.set_affinity(affinity);
        if let Some(principal) = principal {
            thread.join(self.principals[principal].clone());
        }
        let placed = new_thread_target(thread.affinity(), caller, &self.topology, &self.board).unwrap();
        self.put_where(placed, thread, EnqueueReason::New);
        id
    }

    pub fn wake(&mut self, id: ThreadId, caller: CpuId) {
        let Some(mut thread) = self.parked.remove(&id) else {
            return;
        };
        self.ledger.woken(id, self.now);
        let placed = wake_target(
            thread.last_cpu(),
            thread.affinity(),
            caller,
            &self.topology,
            &self.board,
        )
        .unwrap();
        if thread.last_cpu().is_some_and(|last| last != placed.cpu) {
            thread.observe_home_clock(|home| self.board.clock(home));
        }
        self.put_where(placed, thread, EnqueueReason::Wake);
    }

    pub(super) fn end(&mut self, cpu: CpuId, why: EndReason) -> Option<Thread> {
        let mut thread = self.running[cpu.index()].take()?;

        let charge = self.cpus[cpu.index()].end(&mut thread, self.now, why);
        self.usage.add(charge);
        self.ledger.left(thread.id(), charge, self.now);
        let id = named(thread.id());
        let event = match why {
            EndReason::Blocked => Event::Block {
                reason: 0,
                thread: id,
            },
            EndReason::Exited => Event::ThreadExit { thread: id, code: 0 },
            EndReason::Preempted | EndReason::Yielded => Event::Preempt {
                thread: id,
                by: abi::trace::Thread::NONE,
            },
        };
        self.note(cpu, event);
        self.timers[cpu.index()] = None;

        Some(thread)
    }

    pub fn block(&mut self, cpu: CpuId) -> Option<ThreadId> {
        let thread = self.end(cpu, EndReason::Blocked)?;
        let id = thread.id();
        self.parked.insert(id, thread);
        self.dispatch(cpu);
        Some(id)
    }

    pub fn exit(&mut self, cpu: CpuId) {
        if let Some(thread) = self.end(cpu, EndReason::Exited) {
            self.living.retain(|id| *id != thread.id());
            self.ledger.gone(&thread);
            self.dispatch(cpu);
        }
    }

    pub fn yield_now(&mut self, cpu: CpuId) {
        if self.running[cpu.index()].is_some() {
            self.make_way(cpu, EndReason::Yielded, EnqueueReason::Yielded);
        }
    }

    pub(super) fn preempt(&mut self, cpu: CpuId) {
        self.make_way(cpu, EndReason::Preempted, EnqueueReason::Preempted);
    }

    /// The running thread makes way for the next, or for itself.
    fn make_way(&mut self, cpu: CpuId, why: EndReason, back: EnqueueReason) {
        if self.step_by_step || self.running[cpu.index()].is_none() {
            if let Some(thread) = self.end(cpu, why) {
                self.put(cpu, thread, back);
            }
            return self.dispatch(cpu);
        }
        let Some(thread) = self.running[cpu.index()].take() else {
            return;
        };
        let from = thread.id();
        let mut left = None;
        let rotated = self.cpus[cpu.index()].rotate(thread, self.now, why, |thread, charge, rank| {
            assert_eq!(thread.id(), from, "another thread was charged");
            left = Some((charge, rank));
        });
        let (charge, rank) = left.unwrap();
        self.usage.add(charge);
        self.ledger.left(from, charge, self.now);
        let by = abi::trace::Thread::NONE;
        self.note(
            cpu,
            Event::Preempt {
                thread: named(from),
                by,
            },
        );
        self.ranks.insert(from, (cpu, rank));
        let to = rotated.entity.id();
        self.ranks.remove(&to);
        self.set_timer(cpu, rotated.horizon);
        let switch = Event::Switch {
            from: named(from),
            to: named(to),
        };
        self.note(cpu, switch);
        self.running[cpu.index()] = Some(rotated.entity);
        self.publish(cpu);
    }

    /// The running thread calls a parked one and waits for it.
    pub fn hand_over(&mut self, cpu: CpuId, to: ThreadId) {
        let index = cpu.index();
        let Some(mut caller) = self.running[index].take() else {
            return;
        };
        let from = caller.id();
        let Some(thread) = self.parked.remove(&to) else {
            self.running[index] = Some(caller);
            return;
        };
        let refused = match self.cpus[index].hand_over(&mut caller, thread, self.now) {
            Ok(done) => {
                self.usage.add(done.charge);
                self.ledger.left(caller.id(), done.charge, self.now);
                self.ledger.woken(to, self.now);
                self.set_timer(cpu, done.horizon);
                self.parked.insert(caller.id(), caller);
                self.running[index] = Some(done.entity);
                self.note(
                    cpu,
                    Event::Handoff {
                        from: named(from),
                        to: named(to),
                    },
                );
                return self.publish(cpu);
            }
            Err(refused) => refused,
        };
        self.running[index] = Some(caller);
        self.parked.insert(to, refused.entity);
        self.wake(to, cpu);
        self.block(cpu);
    }

    pub fn kill_waiting(&mut self, id: ThreadId) -> bool {
        let Some((cpu, rank)) = self.ranks.remove(&id) else {
            return false;
        };
        let thread = self.cpus[cpu.index()]
            .remove(rank, self.now)
            .expect("the rank names a waiting thread");
        assert_eq!(thread.id(), id);
        self.ledger.gone(&thread);
        self.living.retain(|other| *other != id);
        self.publish(cpu);
        true
    }

    pub fn reweigh(&mut self, id: ThreadId, weight: u16, class: LatencyClass) {
        let weight = Weight::new(weight).unwrap();
        if let Some((cpu, rank)) = self.ranks.get(&id).copied() {
            let moved = self.cpus[cpu.index()]
                .reweigh_queued(rank, weight, class, self.now)
                .unwrap();
            self.act(cpu, id, moved);
        } else if let Some(thread) = self.parked.get_mut(&id) {
            thread.reweigh_parked(weight, class);
        } else if let Some(index) = self
            .cpus
            .iter()
            .position(|cpu| cpu.running().is_some_and(|r| r.id() == id))
        {
            let verdict = self.cpus[index].reweigh_running(weight, class, self.now);
            self.obey(CpuId(index as u32), verdict);
        }
    }
}
