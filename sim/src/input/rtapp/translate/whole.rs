//! One look at all tasks before any is translated: what one of them says can concern another.

use sched::CpuMask;
use std::collections::BTreeSet;

use super::super::Options;
use super::super::event::{Event, Placed};
use super::super::global::Global;
use super::super::task::Task;
use crate::input::error::Complaints;

/// What is known of all tasks before any is translated.
pub(super) struct Whole<'t> {
    pub(super) tasks: &'t [Task],
    pub(super) complaints: &'t Complaints<'t>,
    pub(super) options: &'t Options,
    pub(super) global: &'t Global,
    /// Timers that are absolute wherever they are used, because they are somewhere: by task if they are not shared.
    pub(super) absolute: BTreeSet<(Option<usize>, &'t str)>,
    /// Names under which somebody waits to be woken.
    pub(super) waited: BTreeSet<&'t str>,
    pub(super) forked: BTreeSet<&'t str>,
    /// All CPUs of the machine.
    pub(super) everywhere: CpuMask,
}

/// Looks at everything once.
pub(super) fn survey<'t>(
    tasks: &'t [Task],
    global: &'t Global,
    complaints: &'t Complaints<'t>,
    options: &'t Options,
    everywhere: CpuMask,
) -> Whole<'t> {
    let mut whole = Whole {
        tasks,
        complaints,
        options,
        global,
        absolute: BTreeSet::new(),
        waited: BTreeSet::new(),
        forked: BTreeSet::new(),
        everywhere,
    };
    for (index, task) in tasks.iter().enumerate() {
        for placed in events(task) {
            match &placed.event {
                Event::Timer {
                    name, absolute: true, ..
                } => {
                    whole.absolute.insert((owner(index, name), name));
                }
                Event::Suspend(name) => {
                    whole.waited.insert(name.as_ref().unwrap_or(&task.name));
                }
                Event::Wait { condition, .. } | Event::Sync { condition, .. } => {
                    whole.waited.insert(condition);
                }
                Event::Fork(name) => {
                    whole.forked.insert(name);
                }
                _ => {}
            }
        }
    }
    whole
}

/// All events of a task.
pub(super) fn events(task: &Task) -> impl Iterator<Item = &Placed> {
    task.phases.iter().flat_map(|phase| &phase.events)
}

/// The task that a timer belongs to: one whose name begins with `unique` is each thread's own, any other is everybody's.
pub(super) fn owner(task: usize, timer: &str) -> Option<usize> {
    timer.starts_with("unique").then_some(task)
}
