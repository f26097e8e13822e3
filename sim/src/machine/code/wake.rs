//! Making threads runnable: out of the parking place, to a CPU, with an interrupt where one is needed. The steps of the
//! kernel's `run::wake`.

use abi::trace::{Event, Thread};
use sched::placement::{helper, new_thread_target, wake_target};
use sched::{CpuId, Effect, EnqueueReason, Instant};

use super::super::Machine;
use super::super::agenda::Happening;
use super::super::threads::{Index, Owned};
use super::Action;
use crate::sabotage::Sabotage;

impl Machine {
    pub(in super::super) fn wake(&mut self, cpu: CpuId, thread: Index) {
        if self.sabotaged(Sabotage::LoseAWake) {
            return;
        }
        let record = &mut self.threads[thread.at()];
        let Some(entity) = record.place.wake() else {
            return;
        };
        record.ready_at = self.now;
        record.woken = true;
        self.audit.stretch.ends(self.now);
        let side = &mut self.sides[cpu.index()];
        if side.in_call && side.candidate.is_none() {
            side.candidate = Some(entity);
        } else {
            side.todo.push_front(Action::Place(entity, EnqueueReason::Wake));
        }
    }

    pub(in super::super) fn place(&mut self, cpu: CpuId, mut thread: Owned, why: EnqueueReason) {
        let chosen = match why {
            EnqueueReason::New => new_thread_target(thread.affinity(), cpu, &self.topology, &self.board),
            _ => wake_target(
                thread.last_cpu(),
                thread.affinity(),
                cpu,
                &self.topology,
                &self.board,
            ),
        };
        let Ok(placed) = chosen else {
            // No CPU that it may run on is online; it goes on when one is.
            self.stranded.push(thread);
            return;
        };
        let slept = why == EnqueueReason::Wake;
        if slept && thread.last_cpu().is_some_and(|last| last != placed.cpu) {
            thread.observe_home_clock(|home| self.board.clock(home));
        }
        self.placements += 1;
        let id = Thread(thread.id().0);
        match why {
            EnqueueReason::New => self.note(
                placed.cpu,
                Event::ThreadStart {
                    cpu: placed.cpu.0,
                    thread: id,
                    weight: u64::from(thread.weight().get()),
                },
            ),
            _ => self.note(
                cpu,
                Event::Wake {
                    target: placed.cpu.0,
                    thread: id,
                    by: self.running_trace_id(cpu),
                },
            ),
        }
        self.sides[cpu.index()]
            .todo
            .push_front(Action::Put(thread, placed.cpu, why));
    }

    pub(in super::super) fn put(&mut self, cpu: CpuId, thread: Owned, target: CpuId, why: EnqueueReason) {
        if !self.sides[target.index()].online {
            // It left between the choice and the lock.
            self.sides[cpu.index()]
                .todo
                .push_front(Action::Place(thread, why));
            return;
        }
        if self.sabotaged(Sabotage::LoseAThread) {
            return;
        }
        let forgets = self.sabotaged(Sabotage::AskForNothing);
        let at = self.read(cpu);
        let own = Index::of(thread.id());
        let to = &mut self.cpus[target.index()];
        let queued = to.enqueue(thread, why, at);
        self.board.publish(to);
        let notices = queued.effect != Effect::Nothing && !forgets;
        let interrupt = notices && target != cpu && to.request_reschedule();
        let helper = helper(to, &self.topology, &self.board);
        self.queued(own, target, queued.rank);
        let side = &mut self.sides[cpu.index()];
        if let Some(helper) = helper {
            side.todo.push_front(Action::Help(helper));
        }
        if notices && target == cpu {
            side.reschedule = true;
            side.looked = false;
        }
        if interrupt {
            side.todo.push_front(Action::Interrupt(target));
        }
    }

    pub(in super::super) fn queued(&mut self, thread: Index, cpu: CpuId, rank: sched::Rank) {
        let record = &mut self.threads[thread.at()];
        record.queued.note(cpu, rank);
        if record.ready_at == Instant::NEVER {
            record.ready_at = self.now;
            record.woken = false;
        }
    }

    pub(in super::super) fn call_helper(&mut self, cpu: CpuId, helper: CpuId) {
        if self.board.call(helper) && self.cpus[helper.index()].request_reschedule() {
            self.sides[cpu.index()].todo.push_front(Action::Interrupt(helper));
        }
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
