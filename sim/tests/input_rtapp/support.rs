//! Readings in one line.

use sched::Nanos;
use sim::input::rtapp::{Options, read};
use sim::input::{Errors, Note, toml};
use sim::scenario::{Scenario, Span, Step, Thread};

pub(crate) fn with(text: &str, options: &Options) -> Result<(Scenario, Vec<Note>), Errors> {
    read(text, "test.json", options)
}

#[track_caller]
pub(crate) fn good(text: &str) -> (Scenario, Vec<Note>) {
    let read = with(text, &Options::default()).unwrap_or_else(|errors| panic!("{errors}"));
    let again = toml::read(&toml::write(&read.0), "again.toml");
    assert_eq!(
        again.as_ref(),
        Ok(&read.0),
        "what was read can be written as TOML"
    );
    read
}

/// The threads of a file whose `tasks` are these, after a duration that needs no note.
#[track_caller]
pub(crate) fn threads(tasks: &str) -> Vec<Thread> {
    good(&format!(
        "{{ \"global\" : {{ \"duration\" : 1 }}, \"tasks\" : {{ {tasks} }} }}"
    ))
    .0
    .threads
}

/// The steps of all phases, as TOML writes them.
#[track_caller]
pub(crate) fn programs(tasks: &str) -> String {
    let (scenario, _) = good(&format!("{{ \"tasks\" : {{ {tasks} }} }}"));
    let text = toml::write(&scenario);
    let lines = text.lines().filter(|line| {
        ["[[", "program", "repeat", "    \"", "]"]
            .iter()
            .any(|start| line.starts_with(start))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// All complaints, as `line:column: message`.
#[track_caller]
pub(crate) fn complaints(text: &str) -> Vec<String> {
    let errors = with(text, &Options::default()).expect_err("this is refused");
    let lines = errors.0.iter().map(|error| match error.place {
        Some(place) => format!("{place}: {}", error.message),
        None => error.message.clone(),
    });
    lines.collect()
}

pub(crate) fn notes_of(text: &str) -> Vec<String> {
    good(text).1.iter().map(ToString::to_string).collect()
}

pub(crate) fn run(micros: u64) -> Step {
    Step::Run(Span::Fixed(Nanos::from_micros(micros)))
}

pub(crate) fn sleep(micros: u64) -> Step {
    Step::Sleep(Span::Fixed(Nanos::from_micros(micros)))
}
