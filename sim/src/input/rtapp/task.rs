//! Tasks and phases: the keys of the section `tasks`, each with its meaning.

use sched::{CpuId, CpuMask, Nanos};

use super::Options;
use super::event::{self, Placed};
use super::global::Global;
use super::json::{Member, Value};
use super::keys::{self, Once};
use super::policy::{self, Keys};
use crate::input::error::{Complaints, Place};
use crate::input::words;

/// A kind of thread as the file describes it.
pub(super) struct Task {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) instances: u32,
    pub(super) delay: Option<(Nanos, Place)>,
    pub(super) cpus: Option<CpuMask>,
    pub(super) policy: Keys,
    /// How often all phases are gone through; `None` is for ever.
    pub(super) repeat: Option<u32>,
    pub(super) phases: Vec<Phase>,
}

/// A phase as the file describes it.
pub(super) struct Phase {
    pub(super) name: String,
    pub(super) repeat: Option<u32>,
    pub(super) cpus: Option<CpuMask>,
    pub(super) policy: Keys,
    pub(super) events: Vec<Placed>,
}

/// Keys that tasks and phases share, as they are read.
#[derive(Default)]
struct Common {
    cpus: Option<CpuMask>,
    policy: Keys,
    repeat: Option<(i64, Place)>,
    events: Vec<Placed>,
    /// Whether there was an event that could not be read.
    broken: bool,
}

const PHASE_KEYS: &[&str] = &["loop", "cpus", "taskgroup", "nodes_membind"];
const TASK_KEYS: &[&str] = &["instance", "delay", "phases"];

/// Reads all tasks.
pub(super) fn read(
    members: &[Member],
    global: &Global,
    complaints: &Complaints<'_>,
    options: &Options,
) -> Vec<Task> {
    let cpus = options.machine.as_ref().map(crate::scenario::Machine::cpus);
    let mut tasks: Vec<Task> = Vec::new();
    for member in members {
        let Some(mut task) =
            keys::object(member, complaints).map(|keys| task(member, keys, global, cpus, complaints))
        else {
            continue;
        };
        if tasks.iter().any(|other| other.name == task.name) {
            let mut number = 1_u32;
            while tasks
                .iter()
                .any(|other| other.name == format!("{}{number}", task.name))
            {
                number += 1;
            }
            let name = format!("{}{number}", task.name);
            let message = format!(
                "`{}` is here for the second time; this one is called `{name}`",
                task.name
            );
            complaints.note(member.place, message);
            task.name = name;
        }
        tasks.push(task);
    }
    tasks
}

fn task(
    member: &Member,
    members: &[Member],
    global: &Global,
    cpus: Option<u32>,
    complaints: &Complaints<'_>,
) -> Task {
    let mut task = Task {
        name: member.key.clone(),
        place: member.place,
        instances: 1,
        delay: None,
        cpus: None,
        policy: Keys::default(),
        repeat: None,
        phases: Vec::new(),
    };
    let mut common = Common::default();
    let mut phases: Option<&[Member]> = None;
    let has_phases = members.iter().any(|key| key.key == "phases");
    let budget = is_deadline(members, global).then(|| old_runtime(members, has_phases, complaints));
    let mut once = Once::new(complaints);
    for key in members {
        match key.key.as_str() {
            // Sequences of events repeat their keys; everything else comes once.
            name if event::word(name).is_none() && !once.first(key) => {}
            "instance" => {
                if let Some(number) = keys::integer(key, complaints) {
                    task.instances = u32::try_from(number).unwrap_or_else(|_| {
                        complaints.error(key.value.place, "`instance` must be a number from 0 on");
                        1
                    });
                }
            }
            "delay" => match keys::integer(key, complaints) {
                Some(0) | None => {}
                Some(_) => task.delay = keys::micros(key, complaints).map(|delay| (delay, key.place)),
            },
            "phases" => phases = keys::object(key, complaints),
            // Names of older versions; with `phases`, `runtime` is no event.
            "period" | "deadline" => common.policy.deadline.take(key, complaints),
            "runtime" if budget.is_some() && has_phases => common.policy.deadline.take(key, complaints),
            "exec" | "lock_order" | "resources" => complaints.error(
                key.place,
                format!(
                    "`{}` is from before rt-app 1.0; tasks are sequences of events now",
                    key.key
                ),
            ),
            name if has_phases && event::word(name).is_some() => complaints.error(
                key.place,
                format!("the event `{name}` stands beside `phases`, where rt-app does not look for events"),
            ),
            _ => common.take(key, cpus, TASK_KEYS, complaints),
        }
    }
    if let Some(Some(runtime)) = budget {
        common.policy.deadline.take(runtime, complaints);
    }
    task.cpus = common.cpus;
    task.policy = common.policy;
    match phases {
        Some(phases) => {
            task.repeat = common.repeat.and_then(|(count, _)| u32::try_from(count).ok());
            if phases.is_empty() {
                complaints.error(member.place, format!("task `{}` has no phases", member.key));
            }
            task.phases = phases
                .iter()
                .filter_map(|member| {
                    let members = keys::object(member, complaints)?;
                    Some(phase(member, members, cpus, complaints))
                })
                .collect();
        }
        // A task without phases is one phase: a loop is the phase's, and without one it goes on for ever.
        None => {
            task.repeat = common.repeat.map(|_| 1);
            if common.events.is_empty() && !common.broken && !has_phases {
                complaints.error(member.place, format!("task `{}` has no events", member.key));
            }
            task.phases.push(Phase {
                name: String::new(),
                repeat: phase_repeat(common.repeat, complaints),
                cpus: None,
                policy: Keys::default(),
                events: common.events,
            });
        }
    }
    task
}

/// The event of a task without phases that is its budget as well, because nothing else says what that is.
fn old_runtime<'m>(
    members: &'m [Member],
    has_phases: bool,
    complaints: &Complaints<'_>,
) -> Option<&'m Member> {
    if has_phases || members.iter().any(|member| member.key == "dl-runtime") {
        return None;
    }
    let mut runtimes = members.iter().filter(|member| member.key == "runtime");
    let first = runtimes.next()?;
    complaints.note(
        first.place,
        "`runtime` is an event and, without a `dl-runtime`, the budget as well, as for rt-app",
    );
    if let Some(second) = runtimes.next() {
        complaints.error(
            second.place,
            "which `runtime` is the budget is not clear; say it by `dl-runtime`",
        );
    }
    Some(first)
}

/// Whether a task is of SCHED_DEADLINE, whose budget was called `runtime` before it was `dl-runtime`.
fn is_deadline(members: &[Member], global: &Global) -> bool {
    let named = members.iter().find(|member| member.key == "policy");
    match named.map(|member| &member.value.value) {
        Some(Value::Text(name)) => name == "SCHED_DEADLINE",
        _ => global.policy.0 == policy::Kind::Deadline,
    }
}

fn phase(member: &Member, members: &[Member], cpus: Option<u32>, complaints: &Complaints<'_>) -> Phase {
    let mut common = Common::default();
    let mut once = Once::new(complaints);
    for key in members {
        match key.key.as_str() {
            name if event::word(name).is_none() && !once.first(key) => {}
            name @ ("instance" | "delay" | "phases") => {
                complaints.error(
                    key.place,
                    format!("`{name}` belongs to the task, not to a phase of it"),
                );
            }
            _ => common.take(key, cpus, &[], complaints),
        }
    }
    if common.events.is_empty() && !common.broken {
        complaints.error(member.place, format!("phase `{}` has no events", member.key));
    }
    Phase {
        name: member.key.clone(),
        repeat: phase_repeat(common.repeat, complaints),
        cpus: common.cpus,
        policy: common.policy,
        events: common.events,
    }
}

/// How often a phase is repeated: once when it is not said, for ever when it is -1.
fn phase_repeat(repeat: Option<(i64, Place)>, complaints: &Complaints<'_>) -> Option<u32> {
    match repeat {
        None => Some(1),
        Some((0, place)) => {
            // The program counts up and compares afterwards, so it never meets zero.
            complaints.note(place, "rt-app repeats a phase whose loop is 0 for ever");
            None
        }
        Some((count, _)) => u32::try_from(count).ok(),
    }
}

impl Common {
    /// Reads a key that tasks and phases both have. `more` are further ones that would be right here.
    fn take(&mut self, key: &Member, cpus: Option<u32>, more: &[&str], complaints: &Complaints<'_>) {
        match key.key.as_str() {
            "loop" => self.repeat = keys::integer(key, complaints).map(|count| (count, key.value.place)),
            "cpus" => self.cpus = mask(key, cpus, complaints),
            "taskgroup" => match &key.value.value {
                Value::Text(group) if group.is_empty() => {
                    complaints.note(key.place, "an empty `taskgroup` is none, as for rt-app");
                }
                _ => complaints.error(
                    key.place,
                    "`taskgroup` is not supported: there are no control groups",
                ),
            },
            "nodes_membind" => {
                complaints.error(
                    key.place,
                    "`nodes_membind` is not supported: memory has no nodes here",
                );
            }
            name if policy::KEYS.contains(&name) => self.policy.take(key, complaints),
            name => match event::word(name) {
                Some(word) => match event::read(word, key, complaints) {
                    Some(event) => self.events.push(event),
                    None => self.broken = true,
                },
                None => {
                    let mut known: Vec<&str> = event::known().collect();
                    known.extend(PHASE_KEYS.iter().chain(policy::KEYS).chain(more));
                    keys::unknown(key, &known, complaints);
                }
            },
        }
    }
}

/// A list of CPUs.
fn mask(member: &Member, cpus: Option<u32>, complaints: &Complaints<'_>) -> Option<CpuMask> {
    let Value::List(items) = &member.value.value else {
        keys::wrong_kind(member, "a list of numbers", complaints);
        return None;
    };
    let last = cpus.map_or(words::LAST_CPU, |cpus| cpus - 1);
    let mut mask = CpuMask::empty();
    for item in items {
        let number = match item.value {
            Value::Integer(number) => u32::try_from(number).ok(),
            _ => None,
        };
        match number.filter(|number| *number <= last) {
            Some(number) => mask.insert(CpuId(number)),
            None => {
                complaints.error(
                    item.place,
                    format!("this is no CPU: the machine has CPUs 0 to {last}"),
                );
                return None;
            }
        }
    }
    if mask.is_empty() {
        complaints.error(
            member.place,
            "a set without any CPU leaves a thread nowhere to run",
        );
        return None;
    }
    Some(mask)
}
