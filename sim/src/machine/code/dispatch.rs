//! Taking a CPU: timers and turns' ends, picking, stealing, levelling. The steps of the kernel's `run::switch`, `run::timer` and
//! `run::balance`.

use abi::trace::{Event, Thread};
use sched::balance::{Given, give};
use sched::placement::{helper, steal_order};
use sched::{CpuId, EndReason, EnqueueReason, Horizon, Verdict};

use super::super::Machine;
use super::super::threads::{Index, Owned, Wish};
use super::Action;
use crate::sabotage::Sabotage;

impl Machine {
    pub(in super::super) fn expire(&mut self, cpu: CpuId, left: u8) {
        let now = self.read(cpu);
        let side = &mut self.sides[cpu.index()];
        let due = (left > 0).then(|| side.deadlines.pop_due(now)).flatten();
        let Some(due) = due else {
            side.todo.push_front(Action::Expired);
            return;
        };
        let thread = due.waiter;
        side.todo.push_front(Action::Expire(left - 1));
        side.todo.push_front(Action::Wake(thread));
        let record = &mut self.threads[thread.at()];
        record.memory = Some(due);
        record.armed = None;
        record.granted |= record.wish == Wish::Time;
    }

    pub(in super::super) fn timer_ends(&mut self, cpu: CpuId) {
        let now = self.read(cpu);
        let side = &mut self.sides[cpu.index()];
        if side.timer.reached(now).is_some() {
            side.reschedule = true;
        }
        self.rearm(cpu);
    }

    pub(in super::super) fn reconsider(&mut self, cpu: CpuId) {
        let at = self.read(cpu);
        match self.cpus[cpu.index()].reconsider(at) {
            Verdict::Keep(horizon) => {
                self.set_horizon(cpu, horizon);
                self.balance(cpu);
            }
            Verdict::Switch => self.requeue(cpu, EndReason::Preempted),
        }
    }

    pub(in super::super) fn balance(&mut self, cpu: CpuId) {
        if self.cpus.len() < 2 || self.sabotage == Some(Sabotage::KeepUnlevel) {
            return;
        }
        let at = self.read(cpu);
        let from = &mut self.cpus[cpu.index()];
        let Some(Given { entity, to }) = give(from, &self.topology, &self.board, at) else {
            return;
        };
        self.board.publish(from);
        self.note(
            cpu,
            Event::Migrate {
                from: cpu.0,
                thread: Thread(entity.id().0),
                to: u64::from(to.0),
            },
        );
        let put = Action::Put(entity, to, EnqueueReason::Balanced);
        self.sides[cpu.index()].todo.push_front(put);
    }

    /// Picks and begins the next thread.
    pub(in super::super) fn pick(&mut self, cpu: CpuId) {
        let at = self.read(cpu);
        let own = &mut self.cpus[cpu.index()];
        let begun = own.pick(at).map(|picked| {
            let mut thread = picked.entity;
            let horizon = own.begin(&mut thread, at);
            (thread, horizon)
        });
        self.let_others_know(cpu);
        match begun {
            Some((thread, horizon)) => self.begun(cpu, thread, horizon),
            None => {
                let side = &mut self.sides[cpu.index()];
                side.looked = true;
                side.todo.push_back(Action::Steal);
            }
        }
    }

    /// Publishes this CPU's load after a choice, and calls an idle CPU if somebody is left waiting.
    pub(in super::super) fn let_others_know(&mut self, cpu: CpuId) {
        let own = &self.cpus[cpu.index()];
        self.board.publish(own);
        if let Some(helper) = helper(own, &self.topology, &self.board) {
            self.sides[cpu.index()].todo.push_front(Action::Help(helper));
        }
    }

    /// A thread has begun to run.
    pub(in super::super) fn begun(&mut self, cpu: CpuId, thread: Owned, horizon: Option<Horizon>) {
        self.dispatched(cpu, &thread);
        self.set_horizon(cpu, horizon);
        let side = &mut self.sides[cpu.index()];
        side.running = Some(thread);
        side.looked = false;
        side.idle_since = None;
    }

    pub(in super::super) fn set_horizon(&mut self, cpu: CpuId, horizon: Option<Horizon>) {
        self.sides[cpu.index()].timer.set(horizon);
        if horizon.is_some() {
            self.rearm(cpu);
        }
    }

    pub(in super::super) fn steal(&mut self, thief: CpuId) {
        if self.sides[thief.index()].running.is_some() {
            return;
        }
        let at = self.read(thief);
        let stolen = steal_order(thief, &self.topology, &self.board).find_map(|victim| {
            let cpu = &mut self.cpus[victim.index()];
            let stolen = cpu.steal_for(thief, at);
            self.board.publish(cpu);
            Some((victim, stolen?))
        });
        let Some((victim, thread)) = stolen else {
            if self.sabotaged(Sabotage::TurnBackAClock) && self.cpus[thief.index()].load().idle() {
                self.cpus[thief.index()] = sched::Cpu::new(thief, self.scenario.machine.policy, at);
            }
            return self.quiesce(thief);
        };
        self.steals += 1;
        let event = Event::Steal {
            victim: victim.0,
            thread: Thread(thread.id().0),
        };
        self.note(thief, event);
        self.sides[thief.index()].todo.push_front(Action::Adopt(thread));
    }

    pub(in super::super) fn adopt(&mut self, cpu: CpuId, thread: Owned) {
        let at = self.read(cpu);
        let own = Index::of(thread.id());
        let queued = self.cpus[cpu.index()].enqueue(thread, EnqueueReason::Migrated, at);
        self.queued(own, cpu, queued.rank);
        self.pick(cpu);
    }
}
