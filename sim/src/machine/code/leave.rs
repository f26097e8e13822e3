//! Leaving a CPU: a call's end, coming to rest, going back into the queue, dying. The steps of the kernel's `run::switch` and
//! `process::exit`.

use abi::trace::{Event, Thread};
use sched::{CpuId, EndReason, EnqueueReason};

use super::super::program::Next;
use super::super::threads::Index;
use super::super::{Machine, Side};
use super::Action;
use crate::sabotage::Sabotage;

impl Machine {
    pub(in super::super) fn call(&mut self, cpu: CpuId) {
        self.sides[cpu.index()].in_call = true;
        let todo = |machine: &mut Machine, action| machine.sides[cpu.index()].todo.push_back(action);
        match self.perform_step(cpu) {
            Next::Go => todo(self, Action::Settle),
            Next::Wait(wish) => {
                let thread = self.running_index(cpu);
                let record = &mut self.threads[thread.at()];
                (record.wish, record.waits_since) = (wish, self.now);
            }
            Next::Yield => {
                todo(self, Action::Settle);
                todo(self, Action::Requeue(EndReason::Yielded));
            }
            Next::Move => {
                todo(self, Action::Settle);
                self.sides[cpu.index()].moves_away = true;
                todo(self, Action::Requeue(EndReason::Preempted));
            }
            Next::Exit => {
                todo(self, Action::Settle);
                let thread = self.running_index(cpu);
                self.threads[thread.at()].dying = true;
            }
        }
    }

    /// Parks the running thread, unless it was woken meanwhile, and runs whom it has just woken, if the scheduler
    /// core allows that, or the first of the queue.
    pub(in super::super) fn rest(&mut self, cpu: CpuId) {
        let at = self.read(cpu);
        let side = &mut self.sides[cpu.index()];
        let Some(thread) = side.running.take() else {
            return;
        };
        let id = thread.id();
        let place = &mut self.threads[Index::of(id).at()].place;
        if let Err(woken_already) = place.rest(thread) {
            side.running = Some(woken_already);
            side.todo.push_front(Action::Settle);
            return;
        }
        let Some(resting) = place.resting_mut() else {
            return;
        };
        side.in_call = false;
        self.audit.stretch.ends(self.now);
        let own = &mut self.cpus[cpu.index()];
        let handed = side.candidate.take().map(|next| own.hand_over(resting, next, at));
        let charge = match &handed {
            Some(Ok(done)) => done.charge,
            _ => own.end(resting, at, EndReason::Blocked),
        };
        self.usage.add(charge);
        let from = Thread(id.0);
        self.note(
            cpu,
            Event::Block {
                reason: 0,
                thread: from,
            },
        );
        match handed {
            Some(Ok(done)) => {
                self.board.publish(&self.cpus[cpu.index()]);
                let to = Thread(done.entity.id().0);
                self.note(cpu, Event::Handoff { from, to });
                self.begun(cpu, done.entity, done.horizon);
            }
            refused => {
                self.pick(cpu);
                if let Some(Err(refused)) = refused {
                    let place = Action::Place(refused.entity, EnqueueReason::Wake);
                    self.sides[cpu.index()].todo.push_back(place);
                }
            }
        }
    }

    pub(in super::super) fn settle_candidate(&mut self, cpu: CpuId) {
        let side = &mut self.sides[cpu.index()];
        side.in_call = false;
        if let Some(thread) = side.candidate.take() {
            side.todo.push_front(Action::Place(thread, EnqueueReason::Wake));
        }
    }

    pub(in super::super) fn requeue(&mut self, cpu: CpuId, why: EndReason) {
        let at = self.read(cpu);
        let Some(mut thread) = self.sides[cpu.index()].running.take() else {
            return;
        };
        let own = Index::of(thread.id());
        let record = &mut self.threads[own.at()];
        record.ready_at = self.now;
        record.woken = false;
        self.note(
            cpu,
            Event::Preempt {
                thread: Thread(thread.id().0),
                by: Thread::NONE,
            },
        );
        let moves_away = core::mem::take(&mut self.sides[cpu.index()].moves_away);
        if moves_away || self.sabotage == Some(Sabotage::IgnoreTheEnd) {
            let charge = self.cpus[cpu.index()].end(&mut thread, at, why);
            self.collect(charge);
            if !moves_away {
                let horizon = self.cpus[cpu.index()].begin(&mut thread, at);
                return self.begun(cpu, thread, horizon);
            }
            let place = Action::Place(thread, EnqueueReason::Migrated);
            self.sides[cpu.index()].todo.push_front(place);
            return self.pick(cpu);
        }
        let mut left = None;
        let rotated =
            self.cpus[cpu.index()].rotate(thread, at, why, |_, charge, rank| left = Some((charge, rank)));
        if let Some((charge, rank)) = left {
            self.collect(charge);
            self.queued(own, cpu, rank);
        }
        self.let_others_know(cpu);
        self.begun(cpu, rotated.entity, rotated.horizon);
        self.sides[cpu.index()].todo.push_back(Action::Balance);
    }

    pub(in super::super) fn die(&mut self, cpu: CpuId) {
        let at = self.read(cpu);
        self.sides[cpu.index()].in_call = false;
        let Some(mut thread) = self.sides[cpu.index()].running.take() else {
            return;
        };
        let charge = self.cpus[cpu.index()].end(&mut thread, at, EndReason::Exited);
        self.collect(charge);
        self.pick(cpu);
        self.bury(cpu, thread);
    }

    /// Ends a thread wherever it is, as `process::exit` does.
    pub(in super::super) fn kill(&mut self, cpu: CpuId, thread: Index) {
        let record = &mut self.threads[thread.at()];
        if !record.alive || core::mem::replace(&mut record.dying, true) {
            return;
        }
        if let Some(parked) = record.place.wake() {
            return self.bury(cpu, parked);
        }
        let on = record.queued.cpu();
        let rank = record.queued.rank(on, record.id);
        let at = self.read(cpu);
        let queued = rank.and_then(|rank| self.cpus[on.index()].remove(rank, at));
        self.publish(on);
        if let Some(queued) = queued {
            return self.bury(cpu, queued);
        }
        // It runs, or is on its way to: whoever has it looks at the order before it goes on.
        let id = self.threads[thread.at()].id;
        let runs_it = |side: &Side| side.running.as_ref().is_some_and(|running| running.id() == id);
        if let Some(on) = self.sides.iter().position(runs_it)
            && on != cpu.index()
        {
            self.send(cpu, CpuId(on as u32));
        }
    }
}
