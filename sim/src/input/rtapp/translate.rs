//! Tasks into threads: names get their numbers, settings of phases become steps.
//!
//! A phase that changes policy or CPUs is preceded by a phase of its own that does just that, once. `suspend` and `resume`
//! are what rt-app makes of them: `suspend` waits, without memory, for a condition that has its name, under a lock that has
//! its name, and `resume` broadcasts it.

use sched::{CpuMask, Nanos};
use std::collections::{BTreeMap, BTreeSet};

mod program;
mod whole;

use super::Options;
use super::event::Event;
use super::global::Global;
use super::policy::Kind;
use super::task::Task;
use crate::input::error::{Complaints, Place};
use crate::input::objects::Objects;
use crate::scenario::{Arrival, Barrier, Machine, Program, Scenario, Thread};
use program::Translator;
use whole::{Whole, events, survey};

/// rt-app's threads start together, but not in the same instant: the last one to be made wakes the others one after the
/// other. Without that, two threads that resume each other and then suspend would do so at once and both sleep for ever.
const STARTS_APART: Nanos = Nanos::from_micros(10);

/// CPUs of a machine that nobody describes, at least.
const LEAST_CPUS: u32 = 4;

/// The scenario of these tasks.
pub(super) fn scenario(
    name: String,
    tasks: &[Task],
    global: &Global,
    complaints: &Complaints<'_>,
    options: &Options,
) -> Option<Scenario> {
    let machine = machine(tasks, complaints, options);
    let mut objects = Objects::new();
    let whole = survey(tasks, global, complaints, options, CpuMask::first(machine.cpus()));
    for task in tasks {
        full(task.place, complaints, objects.threads.add(&task.name, ()));
    }
    barriers(&whole, &mut objects);
    let threads = tasks.iter().enumerate();
    let threads = threads.map(|(index, task)| thread(index, task, &whole, &mut objects));
    let threads: Vec<Option<Thread>> = threads.collect();
    let threads: Option<Vec<Thread>> = threads.into_iter().collect();
    Some(objects.put_into(Scenario {
        threads: threads?,
        ..Scenario::empty(name, machine, global.duration)
    }))
}

fn machine(tasks: &[Task], complaints: &Complaints<'_>, options: &Options) -> Machine {
    options.machine.clone().unwrap_or_else(|| {
        let phases = tasks.iter().flat_map(|task| &task.phases);
        let masks = tasks
            .iter()
            .map(|task| &task.cpus)
            .chain(phases.map(|phase| &phase.cpus));
        let last = masks.flatten().flat_map(CpuMask::iter).map(|cpu| cpu.0 + 1).max();
        let cpus = last.unwrap_or(0).max(LEAST_CPUS);
        let message = format!("rt-app's files describe no machine; this one has {cpus} CPUs");
        complaints.note(Place::START, message);
        Machine::flat(cpus)
    })
}

/// Barriers are as large as the number of threads that name them, counted as rt-app does: each event for every instance.
fn barriers(whole: &Whole<'_>, objects: &mut Objects) {
    let mut sizes: BTreeMap<&str, u32> = BTreeMap::new();
    let mut order = Vec::new();
    for task in whole.tasks {
        let mut own = BTreeSet::new();
        for placed in events(task) {
            let Event::Barrier(name) = &placed.event else {
                continue;
            };
            if whole.forked.contains(task.name.as_str()) {
                let message =
                    format!("`barrier` in a task that is forked: nobody knows how many come to `{name}`");
                whole.complaints.error(placed.place, message);
            }
            if !own.insert(name.as_str()) {
                let message = format!(
                    "this task names the barrier `{name}` twice, so it waits for more than there are"
                );
                whole.complaints.note(placed.place, message);
            }
            let size = sizes.entry(name).or_insert_with(|| {
                order.push((name, placed.place));
                0
            });
            *size = size.saturating_add(task.instances);
        }
    }
    for (name, place) in order {
        let size = sizes.get(name.as_str()).map_or(1, |size| (*size).max(1));
        let barrier = Barrier {
            name: name.clone(),
            size,
        };
        full(place, whole.complaints, objects.barriers.add(name, barrier));
    }
}

fn full(place: Place, complaints: &Complaints<'_>, added: Result<u16, String>) {
    if let Err(message) = added {
        complaints.error(place, message);
    }
}

/// When the task with this index starts if it is not delayed.
fn nth_start(index: usize) -> Nanos {
    Nanos(STARTS_APART.0.saturating_mul(index as u64))
}

fn thread(index: usize, task: &Task, whole: &Whole<'_>, objects: &mut Objects) -> Option<Thread> {
    let Whole {
        complaints,
        options,
        global,
        ..
    } = whole;
    let (default, named) = global.policy;
    let (kind, weight, class) = task
        .policy
        .resolve(default, named.or(Some(task.place)), complaints, options);
    let mut context = None;
    if kind == Kind::Deadline {
        differences(task, complaints);
        let place = named.unwrap_or(task.place);
        context = task.policy.reservation(place, complaints);
    }
    let forked = whole.forked.contains(task.name.as_str());
    if let (Some((_, place)), true) = (task.delay, forked) {
        complaints.error(
            place,
            "`delay` in a task that is forked is not supported: rt-app counts it from the start of everything",
        );
    }
    let arrival = if task.instances == 0 {
        Arrival::Forked
    } else {
        Arrival::At {
            start: task.delay.map_or(nth_start(index), |(delay, _)| delay),
            count: task.instances,
        }
    };
    let phases = Translator::new(index, task, whole, objects, (kind, context)).phases()?;
    Some(Thread {
        name: task.name.clone(),
        process: 1,
        weight,
        class,
        affinity: task.cpus.clone(),
        context,
        arrival,
        program: Program {
            phases,
            repeat: task.repeat,
        },
    })
}

/// Notes where a reservation is allowed more than Linux allows SCHED_DEADLINE.
fn differences(task: &Task, complaints: &Complaints<'_>) {
    if task.cpus.is_some() || task.phases.iter().any(|phase| phase.cpus.is_some()) {
        complaints.note(
            task.place,
            "Linux confines no thread of SCHED_DEADLINE to some CPUs outside of cpusets; here it has its reservation on the first of them with room and stays there",
        );
    }
    for placed in events(task) {
        match &placed.event {
            Event::Fork(_) => complaints.note(
                placed.place,
                "Linux lets no thread of SCHED_DEADLINE start others; here it does",
            ),
            Event::Yield => complaints.note(
                placed.place,
                "a thread of SCHED_DEADLINE that yields gives up on Linux what is left of its budget; here it keeps it",
            ),
            _ => {}
        }
    }
}
