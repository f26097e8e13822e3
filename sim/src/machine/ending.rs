//! How a run ends, and who waits for ever when it does.
//!
//! A scheduler's user looks for deadlocks and lost wake-ups, so that nothing more can happen must not look like a good run.
//! A thread waits for ever when nobody who can still act has anything before it that would grant its wish. Who can
//! act is found from those that run, are about to, sleep, or are still to come: whatever they still have to do
//! may let others act, and so on until no one is added. What is left waits for ever, whether or not an unrelated
//! thread keeps the machine busy. Only what a program has before it counts, not whether it gets there in time: a
//! thread that is not named might wait for ever, one that is named does.

use std::collections::BTreeMap;

use sched::{CpuId, Entity, Instant, Parking};

use super::threads::{Index, Task, Wish};
use super::{Machine, RunResult};
use crate::input::step_text;
use crate::scenario::{Phase, Program, Step, ThreadKind};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The scenario's time is over.
    TimeIsOver,
    /// Every thread had ended, and none was still to come.
    EverybodyEnded {
        /// When the last one ended.
        at: Instant,
    },
    /// Threads were left, and none of them could go on.
    Stuck {
        /// When the last of them began to wait.
        at: Instant,
    },
    /// A rule was broken.
    Broken,
    /// Whoever ran the machine had seen enough.
    Stopped,
}

impl Ending {
    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Ending::TimeIsOver => "time-is-over",
            Ending::EverybodyEnded { .. } => "everybody-ended",
            Ending::Stuck { .. } => "stuck",
            Ending::Broken => "broken",
            Ending::Stopped => "stopped",
        }
    }
}

/// A thread that waits for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// What it is called.
    pub thread: String,
    /// The phase it is in, if that has a name.
    pub phase: String,
    /// The step it is at, as files write it.
    pub step: String,
    /// What it waits for.
    pub waits_for: String,
    /// The thread that has that.
    pub held_by: Option<String>,
    /// Since when.
    pub since: Instant,
}

impl RunResult {
    /// Why a run in which all rules held is no good one, if it is none: nobody who is left can go on, or a thread waits for what it has.
    /// Others may wait at the end as they please: a server does, for its next client.
    #[must_use]
    pub fn stuck(&self) -> Option<String> {
        let own = |waiter: &&Waiter| waiter.held_by.as_ref() == Some(&waiter.thread);
        if let Some(waiter) = self.waiters.iter().find(own) {
            return Some(format!(
                "{} waits for ever at `{}` for {}, which it has itself",
                waiter.thread, waiter.step, waiter.waits_for
            ));
        }
        matches!(self.ending, Ending::Stuck { .. }).then(|| {
            format!(
                "stuck: all {} threads that are left wait for ever",
                self.waiters.len()
            )
        })
    }
}

/// What those who can act may still do for others.
#[derive(Debug)]
struct Offers {
    signalled: Vec<bool>,
    /// How many threads can still arrive at each barrier; those that come again and again are without number.
    arriving: Vec<usize>,
    piped: Vec<bool>,
    called: Vec<bool>,
    served: Vec<bool>,
    resumed: Vec<bool>,
    ended: Vec<bool>,
    /// Kinds of which more may come.
    coming: Vec<bool>,
}

/// What every living thread is at, wherever it is, and who serves whom.
struct View<'m> {
    machine: &'m Machine,
    /// By thread; `None` for those that have ended.
    tasks: Vec<Option<&'m Task>>,
    /// The server of each client that is being served.
    servers: BTreeMap<Index, Index>,
    /// Those for whom there was no CPU, and whether there may be one again.
    stranded: BTreeMap<Index, bool>,
}

impl Machine {
    /// How the run ended, if it was not broken or stopped, and who waits for ever.
    pub(super) fn ending(&self) -> (Ending, Vec<Waiter>) {
        let view = View::of(self);
        let waiters = view.stuck();
        let since = |at: Instant, thread: &Index| at.max(self.threads[thread.at()].waits_since);
        let to_come = self.agenda.kinds_to_come().next().is_some();
        let ending = if to_come || waiters.len() < self.living as usize {
            Ending::TimeIsOver
        } else if self.living == 0 {
            Ending::EverybodyEnded { at: self.last_end }
        } else {
            let at = waiters.iter().fold(self.last_end, since);
            Ending::Stuck { at }
        };
        let waiters = waiters.into_iter().map(|thread| view.waiter(thread));
        (ending, waiters.collect())
    }

    /// What a thread is called in traces and reports.
    pub(super) fn called(&self, thread: Index) -> String {
        let name = &self.scenario.threads[usize::from(self.kinds[thread.at()].0)].name;
        format!("{name} {}", thread.0 + 1)
    }

    fn program(&self, kind: ThreadKind) -> &Program {
        &self.scenario.threads[usize::from(kind.0)].program
    }
}

impl<'m> View<'m> {
    fn of(machine: &'m Machine) -> View<'m> {
        let mut view = View {
            machine,
            tasks: vec![None; machine.threads.len()],
            servers: machine
                .clients
                .iter()
                .map(|(server, client)| (*client, *server))
                .collect(),
            stranded: BTreeMap::new(),
        };
        for (cpu, side) in machine.cpus.iter().zip(&machine.sides) {
            cpu.queued().for_each(|thread| view.add(thread));
            let held = side.running.iter().map(|thread| &**thread);
            held.chain(side.carried()).for_each(|thread| view.add(thread));
        }
        for thread in &machine.stranded {
            view.add(thread);
            let mut cpus = (0..machine.cpus.len() as u32).map(CpuId);
            let somewhere = cpus.any(|cpu| thread.affinity().allows(cpu));
            view.stranded.insert(Index::of(thread.id()), somewhere);
        }
        for record in &machine.threads {
            if let Parking::Resting(thread) = &record.place {
                view.add(thread);
            }
        }
        view
    }

    fn add(&mut self, thread: &'m Entity<Task>) {
        let own = Index::of(thread.id());
        self.tasks[own.at()] = Some(&thread.payload);
        if let Some(client) = thread.payload.client {
            self.servers.insert(client, own);
        }
    }

    /// The threads that wait for ever, in the order in which they were made.
    fn stuck(&self) -> Vec<Index> {
        let mut waiting: Vec<Index> = Vec::new();
        let mut offers = Offers::none(self.machine);
        let mut able: Vec<bool> = vec![false; self.tasks.len()];
        for (number, task) in (0..).zip(&self.tasks) {
            let Some(task) = task else { continue };
            let thread = Index(number);
            if self.can_act(thread) {
                able[thread.at()] = true;
                offers.add_rest(self.machine, task);
            } else {
                waiting.push(thread);
            }
        }
        for kind in self.machine.agenda.kinds_to_come() {
            offers.add_kind(self.machine, ThreadKind(kind));
        }
        loop {
            let before = waiting.len();
            waiting.retain(|thread| {
                let freed = self.may_be_granted(*thread, &offers, &able);
                if let Some(task) = self.tasks[thread.at()].filter(|_| freed) {
                    able[thread.at()] = true;
                    offers.add_rest(self.machine, task);
                }
                !freed
            });
            if waiting.len() == before {
                return waiting;
            }
        }
    }

    /// Whether a thread goes on without anybody's help.
    fn can_act(&self, thread: Index) -> bool {
        let record = &self.machine.threads[thread.at()];
        match self.stranded.get(&thread) {
            Some(somewhere) => *somewhere,
            None => !record.place.is_resting() || record.granted || record.armed.is_some(),
        }
    }

    /// Whether anything that may still happen would grant the wish of a thread that waits.
    fn may_be_granted(&self, thread: Index, offers: &Offers, able: &[bool]) -> bool {
        let machine = self.machine;
        if offers.ended[usize::from(machine.kinds[thread.at()].0)] {
            return true;
        }
        match machine.threads[thread.at()].wish {
            Wish::Nothing | Wish::Time => false,
            Wish::Condition(condition) => offers.signalled[usize::from(condition.0)],
            Wish::Pipe(pipe) => offers.piped[usize::from(pipe.0)],
            Wish::Client(endpoint) => offers.called[usize::from(endpoint.0)],
            Wish::Resumption => offers.resumed[usize::from(machine.kinds[thread.at()].0)],
            Wish::Barrier(barrier) => {
                let (there, size) = machine.objects.at_barrier(barrier.0);
                there + offers.arriving[usize::from(barrier.0)] >= size
            }
            // Only the owner gives a lock back, and whoever ends gives back all it has.
            Wish::Lock(lock) => {
                let owner = machine.objects.owner(lock.0).filter(|owner| able[owner.at()]);
                let gives = |step: Step| match step {
                    Step::Unlock(given) | Step::Wait { lock: given, .. } => given == lock,
                    _ => false,
                };
                owner
                    .and_then(|owner| self.tasks[owner.at()])
                    .is_some_and(|task| {
                        let program = machine.program(task.kind);
                        rest_of(program, task).any(gives) || may_end(program, task)
                    })
            }
            // Whoever serves it answers with its next `serve`, or ends, which is an answer too.
            Wish::Answer(endpoint) => match self.servers.get(&thread) {
                Some(server) => able[server.at()],
                None => offers.served[usize::from(endpoint.0)],
            },
        }
    }

    fn waiter(&self, thread: Index) -> Waiter {
        let machine = self.machine;
        let record = &machine.threads[thread.at()];
        let scenario = &machine.scenario;
        let task = self.tasks[thread.at()];
        let phase = task.and_then(|task| machine.program(task.kind).phases.get(usize::from(task.phase)));
        let step = task
            .zip(phase)
            .and_then(|(task, phase)| phase.steps.get(usize::from(task.step)));
        let name = |names: &[String], id: u16| names[usize::from(id)].clone();
        let (waits_for, holder) = match record.wish {
            Wish::Nothing | Wish::Time => ("a CPU that it may run on".to_owned(), None),
            Wish::Lock(lock) => {
                let name = name(&scenario.locks, lock.0);
                (format!("lock {name}"), machine.objects.owner(lock.0))
            }
            Wish::Condition(condition) => {
                let name = name(&scenario.conditions, condition.0);
                (format!("condition {name}"), None)
            }
            Wish::Barrier(barrier) => {
                let (there, size) = machine.objects.at_barrier(barrier.0);
                let name = &scenario.barriers[usize::from(barrier.0)].name;
                (format!("barrier {name}, where {there} of {size} are"), None)
            }
            Wish::Pipe(pipe) => {
                let (filled, capacity) = machine.objects.in_pipe(pipe.0);
                let name = &scenario.pipes[usize::from(pipe.0)].name;
                (
                    format!("pipe {name}, which holds {filled} of {capacity} bytes"),
                    None,
                )
            }
            Wish::Answer(endpoint) => {
                let name = name(&scenario.endpoints, endpoint.0);
                (
                    format!("an answer from {name}"),
                    self.servers.get(&thread).copied(),
                )
            }
            Wish::Client(endpoint) => {
                let name = name(&scenario.endpoints, endpoint.0);
                (format!("a call to {name}"), None)
            }
            Wish::Resumption => ("somebody to resume it".to_owned(), None),
        };
        Waiter {
            thread: machine.called(thread),
            phase: phase.map_or(String::new(), |phase| phase.name.clone()),
            step: step.map_or(String::new(), |step| step_text(*step, scenario)),
            waits_for,
            held_by: holder.map(|holder| machine.called(holder)),
            since: record.waits_since,
        }
    }
}

/// The steps that a thread may still perform.
fn rest_of<'p>(program: &'p Program, task: &Task) -> impl Iterator<Item = Step> + use<'p> {
    let (phase, step) = (usize::from(task.phase), usize::from(task.step));
    let again = program.repeat.is_none_or(|times| task.round + 1 < times);
    let here = program.phases.get(phase);
    let again_here = |here: &Phase| again || here.repeat.is_none_or(|times| task.phase_round + 1 < times);
    let from = here.filter(|here| !again_here(here)).map_or(0, |_| step);
    let here = here
        .into_iter()
        .flat_map(move |here| here.steps.iter().skip(from));
    let others = program.phases.iter().enumerate();
    let others = others.filter(move |(number, _)| again || *number > phase);
    here.chain(others.flat_map(|(_, phase)| &phase.steps)).copied()
}

/// Whether a thread's program has an end from here.
fn may_end(program: &Program, task: &Task) -> bool {
    let phases = &program.phases[usize::from(task.phase).min(program.phases.len())..];
    let exits = program
        .phases
        .iter()
        .any(|phase| phase.steps.contains(&Step::Exit));
    exits || (program.repeat.is_some() && phases.iter().all(|phase| phase.repeat.is_some()))
}

impl Offers {
    fn none(machine: &Machine) -> Offers {
        let scenario = &machine.scenario;
        Offers {
            signalled: vec![false; scenario.conditions.len()],
            arriving: vec![0; scenario.barriers.len()],
            piped: vec![false; scenario.pipes.len()],
            called: vec![false; scenario.endpoints.len()],
            served: vec![false; scenario.endpoints.len()],
            resumed: vec![false; scenario.threads.len()],
            ended: vec![false; scenario.threads.len()],
            coming: vec![false; scenario.threads.len()],
        }
    }

    /// A thread can act that has come so far.
    fn add_rest(&mut self, machine: &Machine, task: &Task) {
        let mut arrives = vec![false; self.arriving.len()];
        for step in rest_of(machine.program(task.kind), task) {
            if let Step::Barrier(barrier) = step
                && !core::mem::replace(&mut arrives[usize::from(barrier.0)], true)
            {
                self.arriving[usize::from(barrier.0)] += 1;
            }
            self.add(machine, step);
        }
    }

    /// Threads of a kind may still come, nobody knows how many.
    fn add_kind(&mut self, machine: &Machine, kind: ThreadKind) {
        if core::mem::replace(&mut self.coming[usize::from(kind.0)], true) {
            return;
        }
        let program = machine.program(kind);
        for step in program.phases.iter().flat_map(|phase| &phase.steps) {
            if let Step::Barrier(barrier) = step {
                self.arriving[usize::from(barrier.0)] = usize::MAX / 2;
            }
            self.add(machine, *step);
        }
    }

    fn add(&mut self, machine: &Machine, step: Step) {
        match step {
            Step::Signal(condition) | Step::Broadcast(condition) => {
                self.signalled[usize::from(condition.0)] = true;
            }
            Step::Write { pipe, .. } | Step::Read { pipe, .. } => self.piped[usize::from(pipe.0)] = true,
            Step::Call(endpoint, _) => self.called[usize::from(endpoint.0)] = true,
            Step::Serve(endpoint) => self.served[usize::from(endpoint.0)] = true,
            Step::Resume(kind) => self.resumed[usize::from(kind.0)] = true,
            Step::Kill(kind) => self.ended[usize::from(kind.0)] = true,
            Step::Fork(kind) => self.add_kind(machine, kind),
            _ => {}
        }
    }
}
