//! Scenarios in TOML: [`read`] and [`write()`]. The language is explained by example in docs/scenarios.md.
//!
//! What [`write()`] prints, [`read`] reads as the same scenario; the property test in tests/input_toml.rs tries it with
//! generated ones. Unknown keys are refused, and one run finds everything that is wrong.

use ::toml::de::DeTable;
use std::ops::Range;

mod machine;
mod objects;
mod section;
mod threads;
mod write;

use super::error::{Complaints, Errors, place_of};
use super::name_of;
use super::objects::Objects;
use crate::scenario::Scenario;
use section::{File, Section};

pub use write::write;

/// Reads a scenario. `file` is for messages, and its stem is the scenario's name when the text gives none.
///
/// # Errors
/// Everything that is wrong with the text, each with its place.
pub fn read(text: &str, file: &str) -> Result<Scenario, Errors> {
    let complaints = Complaints::new(file);
    let usual_name = name_of(file);
    let scenario = match DeTable::parse(text) {
        Ok(root) => {
            let file = File {
                text,
                complaints: &complaints,
            };
            let span = root.span();
            scenario(
                &Section::new(&file, "the file", span, root.get_ref()),
                &usual_name,
            )
        }
        Err(error) => {
            let at = error.span().unwrap_or(Range { start: 0, end: 0 });
            let message = error.message().replace('\n', ", ");
            complaints.error(place_of(text, at.start), message);
            None
        }
    };
    // Without a scenario there is an error.
    complaints.finish()?;
    scenario.ok_or_else(|| Errors::about(file, "is no scenario"))
}

/// Everything in the file, as far as it can be read.
fn scenario(root: &Section<'_>, usual_name: &str) -> Option<Scenario> {
    let name = root.text("name").unwrap_or(usual_name);
    let duration = root.required("duration", Section::duration);
    if duration == Some(sched::Nanos(0)) {
        root.error_at(
            "duration",
            "in no time nothing happens; say how long, like \"4ms\"",
        );
    }
    let machine = machine::machine(root);
    let faults = machine::faults(root);
    let explore = machine::explore(root);
    let cpus = machine.as_ref().map(crate::scenario::Machine::cpus);
    let mut objects = Objects::new();
    objects::declare(root, &mut objects, cpus);
    let threads = threads::threads(root, &mut objects, cpus);
    root.finish();
    Some(objects.put_into(Scenario {
        faults,
        explore: explore?,
        threads: threads?,
        ..Scenario::empty(name, machine?, duration?)
    }))
}
