//! Leaving a CPU: a call's end, coming to rest, going back into the queue, dying.

use protocol::{Blocked, Host, Reconsidered, Step};
use sched::{CpuId, EndReason};

use super::super::Machine;
use super::super::program::Next;
use super::super::threads::{Index, Owned};
use super::Action;
use crate::sabotage::Sabotage;

impl Machine {
    pub(in super::super) fn enter(&mut self, cpu: CpuId) {
        self.sides[cpu.index()].in_call = true;
        let todo = |machine: &mut Machine, action| machine.sides[cpu.index()].todo.push_back(action);
        match self.perform_step(cpu) {
            Next::Go => todo(self, Action::Protocol(Step::Settle)),
            Next::Wait(wish) => {
                let thread = self.running_index(cpu);
                let record = &mut self.threads[thread.at()];
                (record.wish, record.waits_since) = (wish, self.now);
            }
            Next::Yield => {
                todo(self, Action::Protocol(Step::Settle));
                todo(self, Action::Requeue(EndReason::Yielded));
            }
            Next::Exit => {
                todo(self, Action::Protocol(Step::Settle));
                let thread = self.running_index(cpu);
                self.threads[thread.at()].dying = true;
            }
        }
    }

    /// Parks the running thread, unless it was woken meanwhile.
    pub(in super::super) fn rest(&mut self, cpu: CpuId) {
        let Some(thread) = self.sides[cpu.index()].running.take() else {
            return;
        };
        let own = Index::of(thread.id());
        match protocol::block(&mut self.host(cpu), thread, &own) {
            Blocked::Next(next) => {
                self.audit.stretch.ends(self.now);
                self.sides[cpu.index()].in_call = false;
                self.begins(cpu, next);
            }
            Blocked::WokenAlready(same) => self.sides[cpu.index()].running = Some(same),
        }
    }

    pub(in super::super) fn reconsider(&mut self, cpu: CpuId) {
        let Some(thread) = self.sides[cpu.index()].running.take() else {
            return;
        };
        if self.sabotage == Some(Sabotage::IgnoreTheEnd) {
            return self.begin_anew(cpu, thread, EndReason::Preempted);
        }
        match protocol::reconsider(&mut self.host(cpu), thread) {
            Reconsidered::Keeps(same) => self.sides[cpu.index()].running = Some(same),
            Reconsidered::Next(next) => self.begins(cpu, next),
        }
    }

    pub(in super::super) fn requeue(&mut self, cpu: CpuId, why: EndReason) {
        let Some(thread) = self.sides[cpu.index()].running.take() else {
            return;
        };
        let next = protocol::requeue(&mut self.host(cpu), thread, why);
        self.begins(cpu, next);
    }

    /// What it does by mistake: the thread whose turn is over begins another.
    fn begin_anew(&mut self, cpu: CpuId, mut thread: Owned, why: EndReason) {
        let at = self.read(cpu);
        let charge = self.cpus[cpu.index()].end(&mut thread, at, why);
        self.collect(charge);
        let horizon = self.cpus[cpu.index()].begin(&mut thread, at);
        let mut host = self.host(cpu);
        host.set_horizon(horizon);
        host.began(&thread, at);
        self.begins(cpu, Some(thread));
    }

    pub(in super::super) fn die(&mut self, cpu: CpuId) {
        self.sides[cpu.index()].in_call = false;
        let Some(mut thread) = self.sides[cpu.index()].running.take() else {
            return;
        };
        let next = protocol::depart(&mut self.host(cpu), &mut thread);
        self.begins(cpu, next);
        self.bury(cpu, thread);
    }

    /// Ends a thread wherever it is, as `process::exit` does.
    pub(in super::super) fn kill(&mut self, cpu: CpuId, thread: Index) {
        let record = &mut self.threads[thread.at()];
        if !record.alive || core::mem::replace(&mut record.dying, true) {
            return;
        }
        if let Some(taken_out) = protocol::take_out(&mut self.host(cpu), &thread) {
            self.bury(cpu, taken_out);
        }
    }
}
