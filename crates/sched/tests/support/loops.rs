//! What CPUs do: take threads, steal them, serve their timers and interrupts.

use super::{Machine, named};
use abi::trace::Event;
use sched::balance::{Given, give};
use sched::placement::{helper, steal_order};
use sched::{Cpu, CpuId, EnqueueReason, Horizon, Nanos, Verdict};

impl Machine {
    pub(super) fn interrupt(&mut self, cpu: CpuId) {
        if self.cpus[cpu.index()].request_reschedule() {
            let (to, purpose) = (cpu.0, 0);
            self.note(cpu, Event::IpiSent { to, purpose });
        }
    }

    pub(super) fn set_timer(&mut self, cpu: CpuId, horizon: Option<Horizon>) {
        let timer = horizon.map(|horizon| horizon.at);
        self.timers[cpu.index()] = timer;
    }

    /// Publishes this CPU's load; if it keeps somebody waiting beside an idle CPU, that one is asked to come.
    pub(super) fn publish(&mut self, cpu: CpuId) {
        let busy = &self.cpus[cpu.index()];
        self.board.publish(busy);
        if let Some(idle) = helper(busy, &self.topology, &self.board)
            && self.board.summon(idle)
        {
            self.interrupt(idle);
        }
    }

    /// Fills an idle CPU: own queue first, then the neighbours'.
    pub fn dispatch(&mut self, cpu: CpuId) {
        let index = cpu.index();
        assert!(self.running[index].is_none());
        if self.cpus[index].load().waiting == 0 {
            self.board.publish(&self.cpus[index]);
            self.steal(cpu);
        }
        if let Some(mut thread) = self.cpus[index].pick(self.now) {
            assert!(
                thread.affinity().allows(cpu),
                "{} runs where it may not",
                thread.id()
            );

            self.ranks.remove(&thread.id());
            let timer = self.cpus[index].begin(&mut thread, self.now);
            self.set_timer(cpu, timer);
            self.note(
                cpu,
                Event::Switch {
                    from: abi::trace::Thread::NONE,
                    to: named(thread.id()),
                },
            );
            self.running[index] = Some(thread);
        } else {
            self.note(cpu, Event::IdleEnter {});
        }
        self.publish(cpu);
    }

    pub(super) fn steal(&mut self, thief: CpuId) {
        let victims: Vec<CpuId> = steal_order(thief, &self.topology, &self.board).take(4).collect();
        for victim in victims {
            if let Some(thread) = self.cpus[victim.index()].steal_for(thief, self.now) {
                self.note(
                    thief,
                    Event::Steal {
                        victim: victim.0,
                        thread: named(thread.id()),
                    },
                );
                self.publish(victim);
                self.put(thief, thread, EnqueueReason::Migrated);
                self.cpus[thief.index()].acknowledge_reschedule();
                return;
            }
        }
    }

    /// A turn has ended: gives a thread to a CPU that is ahead, if this one lags.
    pub(super) fn balance(&mut self, cpu: CpuId) {
        let given = give(&mut self.cpus[cpu.index()], &self.topology, &self.board, self.now);
        if let Some(Given { entity, to }) = given {
            self.publish(cpu);
            self.balanced += 1;
            self.put(to, entity, EnqueueReason::Balanced);
        }
    }

    pub(super) fn obey(&mut self, cpu: CpuId, verdict: Verdict) {
        match verdict {
            Verdict::Keep(timer) => self.set_timer(cpu, timer),
            Verdict::Switch => self.preempt(cpu),
        }
        self.publish(cpu);
        self.balance(cpu);
    }

    /// The reschedule interrupt of this CPU arrives, if one is on its way.
    pub fn deliver(&mut self, cpu: CpuId) {
        if self.cpus[cpu.index()].reschedule_pending() {
            self.cpus[cpu.index()].acknowledge_reschedule();
            self.note(cpu, Event::IpiReceived { purpose: 0 });
            if self.running[cpu.index()].is_none() {
                self.dispatch(cpu);
                return;
            }
            let verdict = self.cpus[cpu.index()].reconsider(self.now);
            self.obey(cpu, verdict);
        }
    }

    pub fn deliver_all(&mut self) {
        while self.cpus.iter().any(Cpu::reschedule_pending) {
            for cpu in 0..self.cpus.len() as u32 {
                self.deliver(CpuId(cpu));
            }
        }
    }

    /// Lets time pass; timers fire when they are due, earliest first, then by CPU.
    pub fn advance(&mut self, span: Nanos) {
        let until = self.now + span;
        loop {
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
            let verdict = self.cpus[index].reconsider(self.now);
            self.obey(CpuId(index as u32), verdict);
        }
        self.now = until;
    }
}
