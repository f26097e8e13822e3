//! Workloads in the JSON of rt-app (<https://github.com/scheduler-tools/rt-app>), as Linux users write them.
//!
//! The language is that of rt-app 1.0's tutorial (doc/tutorial.txt of its repository); where the tutorial and the program
//! differ, the program is followed (src/rt-app_parse_config.c and src/rt-app.c), and so are later versions where they only
//! add. What maps to what is a table in docs/scenarios.md.
//!
//! Reading goes in three steps: [`json`] makes a tree that keeps the order, the repetitions and the place of everything;
//! [`global`], [`task`], [`event`], [`policy`] and [`deadline`] give each key its meaning, or say why it has none; [`translate`] turns
//! tasks into threads. Every key ends as a meaning, a note or an error.

use sched::Nanos;

mod deadline;
mod event;
mod global;
mod json;
mod keys;
mod policy;
mod task;
mod translate;

use super::error::{Complaints, Errors, Note, Place};
use super::name_of;
use crate::scenario::{Machine, Scenario};
use json::{Item, Member, Value};
use keys::Once;

/// What rt-app's files do not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The machine: `None` is a flat one with as many CPUs as the file names, and four at least.
    pub machine: Option<Machine>,
    /// How long a workload runs whose file sets no end.
    pub endless: Nanos,
    /// Whether threads of SCHED_FIFO and SCHED_RR become interactive ones of the heaviest weight, each with a note, instead
    /// of being refused.
    pub realtime_as_interactive: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            machine: None,
            endless: Nanos::from_secs(10),
            realtime_as_interactive: false,
        }
    }
}

/// Reads a workload. `file` is for messages, and its stem is the scenario's name.
///
/// # Errors
/// Everything that is wrong or not supported, each by name and place; or the first thing that is not even JSON in rt-app's
/// generous sense.
pub fn read(text: &str, file: &str, options: &Options) -> Result<(Scenario, Vec<Note>), Errors> {
    let complaints = Complaints::new(file);
    let scenario = match json::parse(text, &complaints) {
        Ok(root) => workload(&root, &complaints, options, name_of(file)),
        Err((place, message)) => {
            complaints.error(place, message);
            None
        }
    };
    let notes = complaints.finish()?;
    let scenario = scenario.ok_or_else(|| Errors::about(file, "is no workload of rt-app"))?;
    Ok((scenario, notes))
}

fn workload(root: &Item, complaints: &Complaints<'_>, options: &Options, name: String) -> Option<Scenario> {
    let Value::Object(members) = &root.value else {
        complaints.error(root.place, "a workload is an object: { \"tasks\" : { ... } }");
        return None;
    };
    let mut once = Once::new(complaints);
    let mut global = None;
    let mut tasks: Option<(&[Member], Place)> = None;
    for member in members {
        if !once.first(member) {
            continue;
        }
        match member.key.as_str() {
            "global" => global = keys::object(member, complaints),
            "tasks" => tasks = keys::object(member, complaints).map(|members| (members, member.place)),
            "resources" => resources(member, complaints),
            _ => keys::unknown(member, &["global", "tasks", "resources"], complaints),
        }
    }
    let global = global::read(global.unwrap_or_default(), complaints, options);
    let Some((members, place)) = tasks else {
        if !members.iter().any(|member| member.key == "tasks") {
            complaints.error(root.place, "`tasks` is missing: nothing would run");
        }
        return None;
    };
    if members.is_empty() {
        complaints.error(place, "`tasks` is empty: nothing would run");
    }
    let tasks = task::read(members, &global, complaints, options);
    translate::scenario(name, &tasks, &global, complaints, options)
}

/// The section that declares resources: they come into being by being used, so it only has to make sense.
fn resources(section: &Member, complaints: &Complaints<'_>) {
    complaints.note(
        section.place,
        "`resources` is not needed: locks, conditions and timers come into being when they are used",
    );
    for resource in keys::object(section, complaints).unwrap_or_default() {
        for member in keys::object(resource, complaints).unwrap_or_default() {
            match (member.key.as_str(), &member.value.value) {
                ("type", Value::Text(kind)) => {
                    let known = ["mutex", "wait", "signal", "broadcast", "sync", "timer", "sleep", "run"];
                    if !known.contains(&kind.as_str()) {
                        complaints.error(member.value.place, format!("rt-app has no resource of type `{kind}`"));
                    }
                }
                ("type", _) => keys::wrong_kind(member, "text", complaints),
                ("target", _) => complaints.error(
                    member.place,
                    "`target` is from before rt-app 1.0: there, `signal` and `broad` events name what they wake",
                ),
                _ => keys::unknown(member, &["type"], complaints),
            }
        }
    }
}
