//! Running a program: what a thread's next step asks of the machine.

use protocol::Reweigh;
use sched::{Affinity, CpuId, Nanos};

use super::Machine;
use super::code::Action;
use super::threads::{Index, Owned, Wish};
use crate::scenario::{Program, Step};

/// What a thread does after a step.
pub(super) enum Next {
    /// Goes on with its next step.
    Go,
    /// Is listed for something, and rests until it is granted.
    Wait(Wish),
    /// Gives way.
    Yield,
    /// Ends.
    Exit,
}

impl Machine {
    /// The step that a thread is at; `None` at the end of its program.
    fn step_of(&self, thread: &Owned) -> Option<Step> {
        let task = &thread.payload;
        let program = &self.scenario.threads[usize::from(task.kind.0)].program;
        let phase = program.phases.get(usize::from(task.phase))?;
        phase.steps.get(usize::from(task.step)).copied()
    }

    /// A new thread stands before its first step.
    pub(super) fn start_program(&mut self, thread: &mut Owned) {
        let scenario = self.scenario.clone();
        let program = &scenario.threads[usize::from(thread.payload.kind.0)].program;
        if program.repeat == Some(0) {
            thread.payload.phase = u16::try_from(program.phases.len()).unwrap_or(u16::MAX);
        }
        settle(program, thread);
        self.prepare(thread);
    }

    /// The user time that the step the thread is at now takes.
    fn prepare(&mut self, thread: &mut Owned) {
        thread.payload.remaining = match self.step_of(thread) {
            Some(Step::Run(span)) => self.chooser.span(span).max(Nanos(1)),
            _ => self.scenario.machine.entry.max(Nanos(1)),
        };
    }

    /// The thread has done its step: on to the next.
    fn advance(&mut self, thread: &mut Owned) {
        let scenario = self.scenario.clone();
        let program = &scenario.threads[usize::from(thread.payload.kind.0)].program;
        thread.payload.step += 1;
        thread.payload.stage = 0;
        settle(program, thread);
        self.prepare(thread);
    }

    /// The running thread has used the user time of its step: performs the step.
    pub(super) fn perform_step(&mut self, cpu: CpuId) -> Next {
        let Some(mut thread) = self.sides[cpu.index()].running.take() else {
            return Next::Go;
        };
        let next = match self.step_of(&thread) {
            None => Next::Exit,
            Some(step) => self.execute(cpu, &mut thread, step),
        };
        match next {
            Next::Go | Next::Yield => self.advance(&mut thread),
            Next::Wait(_) => {
                thread.payload.stage += 1;
                thread.payload.waiting = true;
            }
            Next::Exit => {}
        }
        self.sides[cpu.index()].running = Some(thread);
        next
    }

    fn execute(&mut self, cpu: CpuId, thread: &mut Owned, step: Step) -> Next {
        let own = Index::of(thread.id());
        let stage = thread.payload.stage;
        match step {
            Step::Run(_) => Next::Go,
            Step::Exit => Next::Exit,
            Step::Yield => {
                self.audit.stretch.ends(self.now);
                Next::Yield
            }
            Step::Sleep(span) if stage == 0 => {
                let until = self.read(cpu) + self.chooser.span(span);
                self.sleep_until(cpu, own, until)
            }
            Step::Timer {
                timer,
                period,
                absolute,
            } if stage == 0 => {
                let until = self.next_beat(cpu, thread, timer, period, absolute);
                if until <= self.read(cpu) {
                    return Next::Go;
                }
                self.sleep_until(cpu, own, until)
            }
            Step::Lock(lock) if stage == 0 => {
                if self.objects.lock(lock.0, own) {
                    Next::Go
                } else {
                    Next::Wait(Wish::Lock(lock))
                }
            }
            Step::Unlock(lock) => {
                let next = self.objects.unlock(lock.0, own);
                self.grant(cpu, next);
                Next::Go
            }
            Step::Wait { condition, lock } => match stage {
                0 => {
                    self.objects.await_condition(condition.0, own);
                    let next = self.objects.unlock(lock.0, own);
                    self.grant(cpu, next);
                    Next::Wait(Wish::Condition(condition))
                }
                1 if !self.objects.lock(lock.0, own) => Next::Wait(Wish::Lock(lock)),
                _ => Next::Go,
            },
            Step::Signal(condition) => {
                let woken = self.objects.signal(condition.0);
                self.grant(cpu, woken);
                Next::Go
            }
            Step::Broadcast(condition) => {
                let woken = self.objects.broadcast(condition.0);
                self.grant(cpu, woken);
                Next::Go
            }
            Step::Barrier(barrier) if stage == 0 => match self.objects.arrive(barrier.0, own) {
                None => Next::Wait(Wish::Barrier(barrier)),
                Some(others) => {
                    self.grant(cpu, others);
                    Next::Go
                }
            },
            Step::Write { pipe, bytes } if stage == 0 => {
                let (done, others) = self.objects.write(pipe.0, bytes, own);
                self.grant(cpu, others);
                if done {
                    Next::Go
                } else {
                    Next::Wait(Wish::Pipe(pipe))
                }
            }
            Step::Read { pipe, bytes } if stage == 0 => {
                let (done, others) = self.objects.read(pipe.0, bytes, own);
                self.grant(cpu, others);
                if done {
                    Next::Go
                } else {
                    Next::Wait(Wish::Pipe(pipe))
                }
            }
            Step::Call(endpoint, patience) if stage == 0 => self.call(cpu, own, endpoint, patience),
            Step::Serve(endpoint) if stage == 0 => self.serve(cpu, thread, endpoint),
            Step::Serve(_) => {
                thread.payload.client = self.clients.remove(&own);
                Next::Go
            }
            Step::Suspend if stage == 0 => {
                let record = &mut self.threads[own.at()];
                if core::mem::take(&mut record.resumed) {
                    Next::Go
                } else {
                    Next::Wait(Wish::Resumption)
                }
            }
            Step::Resume(kind) => {
                self.resume_all(cpu, kind);
                Next::Go
            }
            Step::Fork(kind) => {
                self.spawn(cpu, kind);
                Next::Go
            }
            Step::SetPolicy { weight, class } => {
                self.audit.stretch.ends(self.now);
                let change = Reweigh {
                    weight: Some(weight),
                    class: Some(class),
                };
                self.reweigh(cpu, own, change);
                Next::Go
            }
            Step::SetAffinity(mask) => {
                self.audit.stretch.ends(self.now);
                let mask = self.scenario.masks[usize::from(mask.0)].clone();
                self.restrict(cpu, own, Affinity::Mask(mask));
                Next::Go
            }
            Step::Context(deed, context) => {
                self.audit.stretch.ends(self.now);
                self.perform_deed(cpu, own, deed, context);
                Next::Go
            }
            Step::Kill(kind) => {
                for other in self.instances[usize::from(kind.0)].clone() {
                    self.sides[cpu.index()].todo.push_back(Action::Kill(other));
                }
                Next::Go
            }
            // What these waited for has been granted.
            Step::Sleep(_)
            | Step::Timer { .. }
            | Step::Lock(_)
            | Step::Barrier(_)
            | Step::Write { .. }
            | Step::Read { .. }
            | Step::Call(..)
            | Step::Suspend => Next::Go,
        }
    }

    fn resume_all(&mut self, cpu: CpuId, kind: crate::scenario::ThreadKind) {
        let instances = self.instances[usize::from(kind.0)].clone();
        for thread in instances {
            let record = &mut self.threads[thread.at()];
            if record.wish == Wish::Resumption && !record.granted {
                self.grant(cpu, Some(thread));
            } else if record.alive {
                record.resumed = true;
            }
        }
    }

    /// Fulfils the wishes of these threads and has this CPU wake them.
    pub(super) fn grant(&mut self, cpu: CpuId, threads: impl IntoIterator<Item = Index>) {
        for thread in threads {
            self.threads[thread.at()].granted = true;
            self.sides[cpu.index()].todo.push_back(Action::Wake(thread));
        }
    }
}

/// Puts a thread that stands behind a phase's last step where its program goes on: at the end, behind the last phase.
fn settle(program: &Program, thread: &mut Owned) {
    let task = &mut thread.payload;
    // Phases without steps must not keep a thread here for ever.
    let mut empty = 0;
    while let Some(phase) = program.phases.get(usize::from(task.phase)) {
        let nothing = phase.steps.is_empty() || phase.repeat == Some(0);
        if !nothing && usize::from(task.step) < phase.steps.len() {
            return;
        }
        task.step = 0;
        task.phase_round += 1;
        empty = if nothing { empty + 1 } else { 0 };
        let again = phase.repeat.is_none_or(|times| task.phase_round < times) && !nothing;
        if !again {
            task.phase_round = 0;
            task.phase += 1;
        }
        if usize::from(task.phase) == program.phases.len() {
            task.round += 1;
            let again = program.repeat.is_none_or(|times| task.round < times);
            if again && empty < program.phases.len() {
                task.phase = 0;
            }
        }
    }
}
