//! The `[[thread]]` tables: what runs.

use sched::{CpuMask, LatencyClass, Spec, Weight};

use super::objects::{mask, usable};
use super::section::{Item, Section};
use crate::input::LONGEST;
use crate::input::objects::Objects;
use crate::input::{step, words};
use crate::scenario::{Arrival, Phase, Program, Step, Thread};

/// Reads all threads. Their names come first, so that programs can name those that follow.
pub(super) fn threads(root: &Section<'_>, objects: &mut Objects, cpus: Option<u32>) -> Option<Vec<Thread>> {
    let sections = root.sections("thread");
    if sections.is_empty() && !root.has("thread") {
        root.error("there is no [[thread]]; a scenario without any is written `thread = []`");
    }
    for section in &sections {
        let name = section.required("name", Section::text).unwrap_or_default();
        if let Err(message) = objects.threads.add(name, ()) {
            section.error(message);
        }
    }
    let read = sections.iter().map(|section| thread(section, objects, cpus));
    // Every thread is read before any that is wrong ends the list, so that all complaints are found.
    let threads: Vec<Option<Thread>> = read.collect();
    threads.into_iter().collect()
}

fn thread(section: &Section<'_>, objects: &mut Objects, cpus: Option<u32>) -> Option<Thread> {
    let name = section.text("name").unwrap_or_default().to_owned();
    let process = section.number("process", 1..=u32::MAX).unwrap_or(1);
    let weight = section.number("weight", Weight::MIN.get()..=Weight::MAX.get());
    let class = section.word("class", &*words::CLASSES);
    let affinity: Option<CpuMask> = section
        .value("cpus")
        .and_then(|item| mask(section.file, item, cpus));
    let context = context(section);
    let arrival = arrival(section);
    let program = program(section, objects, cpus);
    section.finish();
    Some(Thread {
        name,
        process,
        weight: weight.and_then(Weight::new).unwrap_or_default(),
        class: class.unwrap_or(LatencyClass::Normal),
        affinity,
        context: context?,
        arrival: arrival?,
        program: program?,
    })
}

/// `limit = { budget = "2ms", period = "10ms" }`, or `reserve` with a `deadline`; both with an `overrun`. The outer `None` is for one
/// that cannot be read.
pub(super) fn context(section: &Section<'_>) -> Option<Option<Spec>> {
    let key = match (section.has("limit"), section.has("reserve")) {
        (false, false) => return Some(None),
        (true, false) => "limit",
        (false, true) => "reserve",
        (true, true) => {
            section.error_at("reserve", "this has a limit or a reservation, not both");
            section.value("limit").and(section.value("reserve"));
            return None;
        }
    };
    let keys = Section::of(section.file, key, section.value(key)?)?;
    let budget = keys.required("budget", Section::duration);
    let period = keys.required("period", Section::duration);
    let deadline = keys.duration("deadline");
    if key == "limit" && keys.has("deadline") {
        keys.error_at("deadline", "a limit has no deadline: it changes no order");
    }
    let overrun = keys.word("overrun", &words::OVERRUNS).unwrap_or_default();
    keys.finish();
    let (budget, period) = (budget?, period?);
    let spec = if key == "limit" {
        Spec::limit(budget, period, overrun)
    } else {
        Spec::reservation(budget, period, deadline.unwrap_or_default(), overrun)
    };
    match spec {
        Ok(spec) => Some(Some(spec)),
        Err(error) => {
            section.error_at(key, words::spec_error(error));
            None
        }
    }
}

/// When instances come: `start` and `instances`, or `arrival`, or `forked`.
fn arrival(section: &Section<'_>) -> Option<Arrival> {
    let start = section.duration("start");
    let count = section.number("instances", 0..=u32::MAX);
    let forked = section.boolean("forked").unwrap_or(false);
    let at_once = ["start", "instances"].into_iter().find(|key| section.has(key));
    if let Some(key) = at_once
        && (forked || section.has("arrival"))
    {
        let instead = if forked {
            "comes when it is forked"
        } else {
            "has an arrival"
        };
        section.error_at(key, format!("`{key}` means nothing for a thread that {instead}"));
    }
    if let Some(item) = section.value("arrival") {
        if forked {
            section.error_at("forked", "a thread is forked or has an arrival, not both");
        }
        let arrival = Section::of(section.file, "arrival", item)?;
        let every = every(&arrival);
        arrival.finish();
        return every;
    }
    Some(if forked {
        Arrival::Forked
    } else {
        Arrival::At {
            start: start.unwrap_or_default(),
            count: count.unwrap_or(1),
        }
    })
}

/// `{ every = "5ms", start = "1s", count = 10 }`, or with `mean` for `every`.
fn every(arrival: &Section<'_>) -> Option<Arrival> {
    let start = arrival.duration("start").unwrap_or_default();
    let count = arrival.number("count", 0..=u32::MAX);
    let gap = match (arrival.has("every"), arrival.has("mean")) {
        (_, false) => arrival.required("every", Section::span),
        (false, true) => arrival.duration("mean").map(crate::scenario::Span::Exponential),
        (true, true) => {
            arrival.error_at("mean", "`every` and `mean` are two ways to say the same; say one");
            arrival.span("every").and(arrival.span("mean"))
        }
    };
    Some(Arrival::Every {
        start,
        gap: gap?,
        count,
    })
}

fn program(section: &Section<'_>, objects: &mut Objects, cpus: Option<u32>) -> Option<Program> {
    let repeat = repeat(section);
    let phases = match (section.has("program"), section.has("phase")) {
        (true, false) => vec![Phase {
            name: String::new(),
            repeat: Some(1),
            steps: steps(section, objects, cpus),
        }],
        (false, true) => section
            .sections("phase")
            .iter()
            .map(|phase| self::phase(phase, objects, cpus))
            .collect(),
        (true, true) => {
            section.error_at(
                "program",
                "a thread has a `program` or [[thread.phase]] tables, not both",
            );
            section.value("program").and(section.value("phase"));
            return None;
        }
        (false, false) => {
            section.error("this thread does nothing: it needs `program = [...]` or [[thread.phase]] tables");
            return None;
        }
    };
    if phases.len() > LONGEST {
        section.error_at(
            "phase",
            format!("a thread has {LONGEST} phases at most, not {}", phases.len()),
        );
    }
    Some(Program { phases, repeat })
}

fn phase(section: &Section<'_>, objects: &mut Objects, cpus: Option<u32>) -> Phase {
    if !section.has("program") {
        section.error("this phase does nothing: it needs `program = [...]`");
    }
    let phase = Phase {
        name: section.text("name").unwrap_or_default().to_owned(),
        repeat: repeat(section),
        steps: steps(section, objects, cpus),
    };
    section.finish();
    phase
}

/// How often: a number, or `"forever"`; once when it is not said.
fn repeat(section: &Section<'_>) -> Option<u32> {
    match section.value("repeat").map(Item::get_ref) {
        None => Some(1),
        Some(value) if value.as_str() == Some("forever") => None,
        Some(value) if value.is_str() => {
            section.error_at("repeat", "`repeat` is a number or \"forever\"");
            None
        }
        Some(_) => section.number("repeat", 0..=u32::MAX),
    }
}

fn steps(section: &Section<'_>, objects: &mut Objects, cpus: Option<u32>) -> Vec<Step> {
    let list = section.list("program");
    if list.len() > LONGEST {
        section.error_at(
            "program",
            format!("a program has {LONGEST} steps at most, not {}", list.len()),
        );
    }
    let read = list.iter().filter_map(|item| {
        let file = section.file;
        let Some(text) = item.get_ref().as_str() else {
            file.error(item.span().start, "a step is text in quotes, like \"run 4ms\"");
            return None;
        };
        match step::parse(text, objects) {
            Ok(step) => {
                if let Step::SetAffinity(id) = step
                    && let Err(message) = usable(&objects.masks.rows()[usize::from(id.0)], cpus)
                {
                    file.error(file.inside(item, text, 0), message);
                }
                Some(step)
            }
            Err(error) => {
                file.error(file.inside(item, text, error.at), error.message);
                None
            }
        }
    });
    read.collect()
}
