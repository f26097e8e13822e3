//! The program of one task: its phases, their settings and their events as steps.

use sched::Spec;
use std::borrow::Cow;
use std::collections::BTreeSet;

use super::super::event::{Event, Placed};
use super::super::policy::Kind;
use super::super::task::{Phase, Task};
use super::whole::{Whole, owner};
use crate::input::LONGEST;
use crate::input::error::Place;
use crate::input::objects::{Name, Objects};
use crate::scenario::{Phase as Steps, Span, Step};

/// Translates one task.
pub(super) struct Translator<'t, 'o> {
    index: usize,
    task: &'t Task,
    whole: &'t Whole<'t>,
    objects: &'o mut Objects,
    /// Locks that the thread has at this point, as far as one walk through its phases tells.
    held: BTreeSet<&'t str>,
    /// The policy at this point.
    kind: Kind,
    /// What the task has reserved.
    context: Option<Spec>,
}

impl<'t, 'o> Translator<'t, 'o> {
    /// One for the task with this index, whose policy at the start is `kind`, with what it has reserved.
    pub(super) fn new(
        index: usize,
        task: &'t Task,
        whole: &'t Whole<'t>,
        objects: &'o mut Objects,
        (kind, context): (Kind, Option<Spec>),
    ) -> Translator<'t, 'o> {
        Translator {
            index,
            task,
            whole,
            objects,
            held: BTreeSet::new(),
            kind,
            context,
        }
    }

    /// The phases of the program, unless something is wrong.
    pub(super) fn phases(&mut self) -> Option<Vec<Steps>> {
        let task = self.task;
        let usual = task.cpus.as_ref().unwrap_or(&self.whole.everywhere);
        let cpus_of = |phase: &'t Phase| phase.cpus.as_ref().unwrap_or(usual);
        // The first phase comes after the thread's start and, when the phases repeat, after the last one.
        let last = task.phases.last().map_or(usual, cpus_of);
        let mut before = if task.repeat == Some(1) { usual } else { last };
        let mut phases = Vec::new();
        // An event that is wrong does not keep the others from being looked at.
        let mut right = true;
        for (index, phase) in task.phases.iter().enumerate() {
            let mut settings = Vec::new();
            if phase.policy.place().is_some() {
                settings.extend(self.policy(phase));
            }
            let cpus = cpus_of(phase);
            if cpus != before || (index == 0 && cpus != usual) {
                settings.push(Step::SetAffinity(
                    self.named(task.place, |objects| objects.mask(cpus))?,
                ));
            }
            before = cpus;
            if !settings.is_empty() {
                phases.push(Steps {
                    name: phase.name.clone(),
                    repeat: Some(1),
                    steps: settings,
                });
            }
            let mut steps = Vec::new();
            for placed in &phase.events {
                right &= self.event(placed, &mut steps).is_some();
            }
            if steps.len() > LONGEST {
                let message = format!("a phase comes to {LONGEST} steps at most, not {}", steps.len());
                self.whole.complaints.error(task.place, message);
            }
            phases.push(Steps {
                name: phase.name.clone(),
                repeat: phase.repeat,
                steps,
            });
        }
        if phases.len() > LONGEST {
            let message = format!("a task comes to {LONGEST} phases at most, not {}", phases.len());
            self.whole.complaints.error(task.place, message);
        }
        right.then_some(phases)
    }

    /// The step that sets a phase's policy. A reservation is its task's from the start to the end, so a phase may repeat what the
    /// task says of SCHED_DEADLINE, which needs no step, and nothing else.
    fn policy(&mut self, phase: &Phase) -> Option<Step> {
        let Whole {
            complaints, options, ..
        } = self.whole;
        let (kind, weight, class) = phase.policy.resolve(self.kind, None, complaints, options);
        let before = core::mem::replace(&mut self.kind, kind);
        if before != Kind::Deadline && kind != Kind::Deadline {
            return Some(Step::SetPolicy { weight, class });
        }
        let place = phase.policy.place().unwrap_or(self.task.place);
        let same = before == kind && phase.policy.reservation(place, complaints) == self.context;
        if !same {
            complaints.error(
                place,
                "a phase cannot change what its task has reserved: SCHED_DEADLINE and its numbers are the task's",
            );
        }
        None
    }

    /// The number of an object; a full table is complained about.
    fn named<T>(&mut self, place: Place, find: impl FnOnce(&mut Objects) -> Result<T, String>) -> Option<T> {
        let found = find(self.objects);
        found
            .map_err(|message| self.whole.complaints.error(place, message))
            .ok()
    }

    fn event(&mut self, placed: &'t Placed, steps: &mut Vec<Step>) -> Option<()> {
        let (place, complaints) = (placed.place, self.whole.complaints);
        match &placed.event {
            Event::Run(span) => steps.push(Step::Run(Span::Fixed(*span))),
            Event::Sleep(span) => steps.push(Step::Sleep(Span::Fixed(*span))),
            Event::Lock(name) => {
                steps.push(Step::Lock(
                    self.named(place, |objects| objects.lock(&word(name)))?,
                ));
                self.held.insert(name);
            }
            Event::Unlock(name) => {
                steps.push(Step::Unlock(
                    self.named(place, |objects| objects.lock(&word(name)))?,
                ));
                self.held.remove(name.as_str());
            }
            Event::Signal(name) => {
                self.somebody_waits(place, name);
                let condition = self.named(place, |objects| objects.condition(&word(name)))?;
                steps.push(Step::Signal(condition));
            }
            Event::Broadcast(name) => {
                self.somebody_waits(place, name);
                let condition = self.named(place, |objects| objects.condition(&word(name)))?;
                steps.push(Step::Broadcast(condition));
            }
            Event::Wait { condition, mutex } => self.wait(place, false, condition, mutex, steps)?,
            Event::Sync { condition, mutex } => self.wait(place, true, condition, mutex, steps)?,
            Event::Barrier(name) => {
                let barrier = self.named(place, |objects| objects.barrier(&word(name)))?;
                steps.push(Step::Barrier(barrier));
            }
            Event::Timer { name, period, .. } if period.0 == 0 => {
                complaints.note(
                    place,
                    format!("`{name}` has a period of 0 and never waits; it is left out"),
                );
            }
            Event::Timer { name, period, .. } => {
                let owner = owner(self.index, name);
                let timer = self.named(place, |objects| objects.timer(&word(name), owner.is_none()))?;
                steps.push(Step::Timer {
                    timer,
                    period: *period,
                    absolute: self.whole.absolute.contains(&(owner, name)),
                });
            }
            Event::Suspend(name) => {
                if let Some(name) = name
                    && *name != self.task.name
                {
                    let message = format!(
                        "suspended as `{name}`, as rt-app 1.0 does; versions since 2025 would say `{}`",
                        self.task.name
                    );
                    complaints.note(place, message);
                }
                let name = name.as_ref().unwrap_or(&self.task.name);
                let condition = self.named(place, |objects| objects.condition(&word(name)))?;
                let lock = self.named(place, |objects| objects.lock(&word(name)))?;
                steps.extend([
                    Step::Lock(lock),
                    Step::Wait { condition, lock },
                    Step::Unlock(lock),
                ]);
            }
            Event::Resume(name) => {
                self.somebody_waits(place, name);
                let condition = self.named(place, |objects| objects.condition(&word(name)))?;
                let lock = self.named(place, |objects| objects.lock(&word(name)))?;
                steps.extend([Step::Lock(lock), Step::Broadcast(condition), Step::Unlock(lock)]);
            }
            Event::Yield => steps.push(Step::Yield),
            Event::Fork(name) => {
                let kind = self.objects.thread(&word(name));
                let message = format!("`fork` names no task: there is no `{name}`");
                steps.push(Step::Fork(
                    kind.map_err(|_| complaints.error(place, message)).ok()?,
                ));
            }
        }
        Some(())
    }

    /// A wait, or a signal and a wait. Who has not taken the lock gets it around them: the tutorial says that `sync` takes
    /// it, rt-app's example files take it before, and no wait makes sense without.
    fn wait(
        &mut self,
        place: Place,
        signal: bool,
        condition: &str,
        mutex: &str,
        steps: &mut Vec<Step>,
    ) -> Option<()> {
        let lock = self.named(place, |objects| objects.lock(&word(mutex)))?;
        let condition = self.named(place, |objects| objects.condition(&word(condition)))?;
        let held = self.held.contains(mutex);
        if !held {
            let message = format!("`{mutex}` is not locked before this wait; it is locked around it");
            self.whole.complaints.note(place, message);
            steps.push(Step::Lock(lock));
        }
        if signal {
            steps.push(Step::Signal(condition));
        }
        steps.push(Step::Wait { condition, lock });
        if !held {
            steps.push(Step::Unlock(lock));
        }
        Some(())
    }

    /// Notes it when nobody ever waits to be woken under this name.
    fn somebody_waits(&self, place: Place, name: &str) {
        if !self.whole.waited.contains(name) {
            self.whole
                .complaints
                .note(place, format!("nobody ever waits as `{name}`"));
        }
    }
}

fn word(name: &str) -> Name<'_> {
    Name::Word(Cow::Borrowed(name))
}
