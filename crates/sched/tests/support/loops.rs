//! What CPUs do: serve their timers and interrupts, and go on with whoever is next.

use super::host::Here;
use super::{Machine, Thread};
use protocol::Reconsidered;
use sched::{Cpu, CpuId, Nanos};

impl Machine {
    /// CPU `cpu` of the machine, to act.
    pub(super) fn at(&mut self, cpu: CpuId) -> Here<'_> {
        Here { machine: self, cpu }
    }

    /// The CPU goes on with this thread, if there is one, else with one that it finds.
    pub(super) fn go_on(&mut self, cpu: CpuId, next: Option<Thread>) {
        let index = cpu.index();
        assert!(self.running[index].is_none());
        let next = match next {
            Some(next) => Some(next),
            None => protocol::pick(&mut self.at(cpu)),
        };
        self.running[index] = next;
    }

    /// The reschedule interrupt of this CPU arrives, if one is on its way.
    pub fn deliver(&mut self, cpu: CpuId) {
        if self.cpus[cpu.index()].reschedule_pending() {
            self.cpus[cpu.index()].acknowledge_reschedule();
            self.look(cpu);
        }
    }

    pub fn deliver_all(&mut self) {
        let mut rounds = 0;
        while self.cpus.iter().any(Cpu::reschedule_pending) {
            rounds += 1;
            assert!(rounds < 1_000, "interrupts lead to interrupts without end");
            for cpu in 0..self.cpus.len() as u32 {
                self.deliver(CpuId(cpu));
            }
        }
    }

    /// Looks whether its thread goes on.
    fn look(&mut self, cpu: CpuId) {
        let Some(thread) = self.running[cpu.index()].take() else {
            return self.go_on(cpu, None);
        };
        if self.records[&thread.id()].is_dying() {
            return self.leave(cpu, thread);
        }
        match protocol::reconsider(&mut self.at(cpu), thread) {
            Reconsidered::Keeps(thread) => self.running[cpu.index()] = Some(thread),
            Reconsidered::Next(next) => self.go_on(cpu, next),
        }
    }

    /// Lets time pass; timers fire when they are due, earliest first, then by CPU.
    pub fn advance(&mut self, span: Nanos) {
        let until = self.now + span;
        let mut looks = 0;
        loop {
            looks += 1;
            assert!(looks < 1_000_000, "timers come without end");
            let due = self
                .timers
                .iter()
                .enumerate()
                .filter_map(|(index, at)| at.map(|at| (at, index)))
                .min();
            let Some((at, index)) = due.filter(|(at, _)| *at <= until) else {
                break;
            };
            self.now = self.now.max(at);
            self.timers[index] = None;
            self.look(CpuId(index as u32));
        }
        self.now = until;
    }
}
