//! What threads do and what is done to them, from their creation to their end.

use std::rc::Rc;

use super::host::Record;
use super::{Machine, Thread};
use protocol::{Blocked, Reached, Reweigh};
use sched::{Affinity, Budget, CpuId, EndReason, Entity, LatencyClass, Nanos, ThreadId, Weight};

impl Machine {
    pub fn spawn(&mut self, weight: u16, class: LatencyClass, affinity: Affinity, caller: CpuId) -> ThreadId {
        self.spawn_for(None, weight, class, affinity, caller)
    }

    /// Starts a thread with a request size of its own, on the first CPU.
    pub fn spawn_with_request(&mut self, weight: u16, request: Nanos) -> ThreadId {
        let mut thread = self.make(weight, LatencyClass::Normal);
        thread.set_request(request);
        self.start(thread, CpuId(0))
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
        let mut thread = self.make(weight, class);
        thread.set_affinity(affinity);
        if let Some(principal) = principal {
            thread.join(self.principals[principal].clone());
        }
        self.start(thread, caller)
    }

    fn make(&mut self, weight: u16, class: LatencyClass) -> Thread {
        let id = ThreadId(self.next_id);
        self.next_id += 1;
        Entity::new(id, Weight::new(weight).unwrap(), class, ())
    }

    fn start(&mut self, thread: Thread, caller: CpuId) -> ThreadId {
        let id = thread.id();
        self.records.insert(id, Record::new(&thread));
        self.ledger.born(id, self.now);
        protocol::start(&mut self.at(caller), thread);
        id
    }

    /// Wakes a thread, if it rests.
    pub fn wake(&mut self, id: ThreadId, caller: CpuId) {
        let record = self.records[&id].clone();
        if record.is_resting() {
            self.ledger.woken(id, self.now);
            protocol::wake(&mut self.at(caller), &record);
        }
    }

    /// The running thread, if there is one and it may go on; one that was ordered to end does that instead.
    fn at_boundary(&mut self, cpu: CpuId) -> Option<(Thread, Rc<Record>)> {
        let thread = self.running[cpu.index()].take()?;
        let record = self.records[&thread.id()].clone();
        if record.is_dying() {
            protocol::settle_candidate(&mut self.at(cpu));
            self.leave(cpu, thread);
            return None;
        }
        Some((thread, record))
    }

    /// Which thread came to rest.
    pub fn block(&mut self, cpu: CpuId) -> Option<ThreadId> {
        let (thread, record) = self.at_boundary(cpu)?;
        let id = thread.id();
        match protocol::block(&mut self.at(cpu), thread, &record) {
            Blocked::Next(next) => self.go_on(cpu, next),
            Blocked::WokenAlready(thread) => panic!("{} was woken while it ran", thread.id()),
        }
        Some(id)
    }

    pub fn exit(&mut self, cpu: CpuId) {
        if let Some(thread) = self.running[cpu.index()].take() {
            self.leave(cpu, thread);
        }
    }

    /// The running thread, which is in nobody's hands but the caller's, ends.
    pub(super) fn leave(&mut self, cpu: CpuId, mut thread: Thread) {
        let next = protocol::depart(&mut self.at(cpu), &mut thread);
        self.bury(&thread);
        self.go_on(cpu, next);
    }

    fn bury(&mut self, thread: &Entity<()>) {
        self.records.remove(&thread.id());
        self.ledger.gone(thread);
    }

    pub fn yield_now(&mut self, cpu: CpuId) {
        if let Some((thread, _)) = self.at_boundary(cpu) {
            let next = protocol::requeue(&mut self.at(cpu), thread, EndReason::Yielded);
            self.go_on(cpu, next);
        }
    }

    /// The running thread calls a parked one and waits for it.
    pub fn hand_over(&mut self, cpu: CpuId, to: ThreadId) {
        if self.running[cpu.index()].is_some() {
            self.in_call = true;
            self.wake(to, cpu);
            self.in_call = false;
            self.block(cpu);
        }
    }

    /// Orders a thread to end: one that does not run ends here and now, another one when its CPU looks up.
    pub fn kill(&mut self, id: ThreadId, caller: CpuId) {
        let record = self.records[&id].clone();
        record.order_to_die();
        let rested = record.is_resting();
        let taken_out = protocol::take_out(&mut self.at(caller), &record);
        if rested {
            self.ledger.woken(id, self.now);
        }
        match taken_out {
            Some(thread) => self.bury(&thread),
            None => {
                let runs_on = self.on_cpu.iter().position(|running| *running == id);
                let cpu = runs_on.unwrap_or_else(|| panic!("{id} was not found"));
                assert!(
                    self.cpus[cpu].reschedule_pending(),
                    "nobody tells the CPU of {id}"
                );
            }
        }
    }

    pub fn reweigh(&mut self, id: ThreadId, weight: u16, class: LatencyClass, caller: CpuId) {
        let record = self.records[&id].clone();
        let change = Reweigh {
            weight: Some(Weight::new(weight).unwrap()),
            class: Some(class),
        };
        let reached = protocol::reweigh(&mut self.at(caller), &record, change);
        assert_eq!(reached, Reached::Done);
    }

    /// Gives a thread another budget, or none; the one that it had goes.
    pub fn rebudget(&mut self, id: ThreadId, budget: Option<Box<Budget>>, caller: CpuId) {
        let record = self.records[&id].clone();
        self.has_budgets |= budget.is_some();
        let mut hand = budget;
        let reached = protocol::change_budget(&mut self.at(caller), &record, |budget, _| {
            std::mem::swap(budget, &mut hand);
        });
        assert_eq!(reached, Reached::Done);
    }

    /// Changes where a thread may run.
    pub fn restrict(&mut self, id: ThreadId, affinity: Affinity, caller: CpuId) {
        let record = self.records[&id].clone();
        let noted = affinity.clone();
        if !record.is_resting() {
            // One that waits has its wait so far counted, and another begins, also where it stays.
            self.ledger.queued(id, self.now);
        }
        let reached = protocol::restrict(&mut self.at(caller), &record, affinity, noted);
        assert_eq!(reached, Reached::Done);
    }
}
