//! Timers and turns' ends, and a CPU that has nothing to run. The steps of the kernel's `run::timer` and of its idle loop.

use sched::CpuId;

use super::super::Machine;
use super::super::threads::Wish;
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
        match record.wish {
            Wish::Time => record.granted = true,
            Wish::Answer(endpoint) if !record.granted => self.gives_up(cpu, thread, endpoint),
            _ => {}
        }
    }

    pub(in super::super) fn timer_ends(&mut self, cpu: CpuId) {
        let now = self.read(cpu);
        let side = &mut self.sides[cpu.index()];
        if side.timer.reached(now).is_some() {
            side.reschedule = true;
        }
        self.rearm(cpu);
    }

    pub(in super::super) fn steal(&mut self, cpu: CpuId) {
        if self.sides[cpu.index()].running.is_some() {
            return;
        }
        let before = self.steals;
        let next = protocol::steal(&mut self.host(cpu));
        self.begins(cpu, next);
        if self.steals > before {
            return;
        }
        if self.sabotaged(Sabotage::TurnBackAClock) && self.cpus[cpu.index()].load().idle() {
            let at = self.read(cpu);
            *self.cpus[cpu.index()] = sched::Cpu::new(cpu, self.scenario.machine.policy, at);
        }
        self.rearm_for_idling(cpu);
    }
}
