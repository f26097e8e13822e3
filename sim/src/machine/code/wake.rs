//! Making threads runnable: out of the parking place, to a CPU, with an interrupt where one is needed.

use abi::trace::Event;
use protocol::Host;
use sched::{CpuId, EnqueueReason};

use super::super::Machine;
use super::super::agenda::Happening;
use super::super::threads::{Index, Owned};
use crate::sabotage::Sabotage;

impl Machine {
    pub(in super::super) fn wake(&mut self, cpu: CpuId, thread: Index) {
        if self.sabotaged(Sabotage::LoseAWake) {
            return;
        }
        let mut host = self.host(cpu);
        let Some(mut entity) = protocol::take_parked(&mut host, &thread) else {
            return;
        };
        let now = host.machine.now;
        host.machine.audit.stretch.ends(now);
        let record = &mut host.machine.threads[thread.at()];
        record.ready_at = now;
        record.woken = true;
        host.machine.woken(&mut entity);
        protocol::ready(&mut host, entity);
    }

    pub(in super::super) fn enqueue(&mut self, cpu: CpuId, thread: Owned, target: CpuId, why: EnqueueReason) {
        if self.sabotaged(Sabotage::LoseAThread) {
            return;
        }
        if self.sabotaged(Sabotage::AskForNothing) {
            return self.enqueue_in_silence(cpu, thread, target, why);
        }
        protocol::enqueue(&mut self.host(cpu), thread, target, why);
    }

    /// What it does by mistake: queues a thread, and has nobody notice.
    fn enqueue_in_silence(&mut self, cpu: CpuId, thread: Owned, target: CpuId, why: EnqueueReason) {
        let at = self.read(cpu);
        let mut host = self.host(cpu);
        let mut locked = host.lock(target);
        let _ = locked.enqueue_noted(thread, why, at, |thread, rank| host.queued(thread, target, rank));
        host.publish(&locked);
        host.unlock(locked);
    }

    pub(in super::super) fn send(&mut self, cpu: CpuId, target: CpuId) {
        self.note(
            cpu,
            Event::IpiSent {
                to: target.0,
                purpose: 0,
            },
        );
        if self.sabotaged(Sabotage::LoseAnInterrupt) {
            return;
        }
        let mut delay = self.chooser.delay(self.scenario.machine.ipi_delay);
        if self.faulty() && self.chooser.faults().chance(self.scenario.faults.late_ipi.chance) {
            delay += self.chooser.faults().delay(self.scenario.faults.late_ipi.span);
        }
        self.agenda
            .add(self.now + delay, Happening::Interrupt { cpu: target.0 });
    }
}
