//! The section `[objects]`: what has a size or is shared, and the order of everything when that matters.

use ::toml::de::DeValue;
use sched::CpuMask;

use super::section::{File, Item, Section, number};
use super::threads;
use crate::input::objects::{Name, Objects};
use crate::input::words;
use crate::scenario::{Barrier, Context, Pipe, Timer};

/// Reads the section into the tables. `cpus` is how many CPUs the machine has, if that is known.
pub(super) fn declare(root: &Section<'_>, objects: &mut Objects, cpus: Option<u32>) {
    let Some(section) = root.section("objects") else {
        return;
    };
    let file = section.file;
    let names = |key: &'static str, add: &mut dyn FnMut(&str) -> Result<u16, String>| {
        for item in section.list(key) {
            match item.get_ref().as_str() {
                Some(name) => full(file, item, add(name)),
                None => file.error(item.span().start, format!("`{key}` is a list of names in quotes")),
            }
        }
    };
    names("locks", &mut |name| objects.locks.add(name, name.to_owned()));
    names("conditions", &mut |name| {
        objects.conditions.add(name, name.to_owned())
    });
    names("endpoints", &mut |name| {
        objects.endpoints.add(name, name.to_owned())
    });
    for item in section.list("barriers") {
        sized(file, item, "barriers", "size", |name, size| {
            objects.barriers.add(
                name,
                Barrier {
                    name: name.to_owned(),
                    size,
                },
            )
        });
    }
    for item in section.list("pipes") {
        sized(file, item, "pipes", "capacity", |name, capacity| {
            objects.pipes.add(
                name,
                Pipe {
                    name: name.to_owned(),
                    capacity,
                },
            )
        });
    }
    for item in section.list("timers") {
        if let Some(table) = Section::of(file, "timers", item) {
            let name = table.required("name", Section::text).unwrap_or_default();
            let timer = Timer {
                name: name.to_owned(),
                shared: table.boolean("shared").unwrap_or(false),
            };
            table.finish();
            full(file, item, objects.timers.add(name, timer));
        }
    }
    for item in section.list("masks") {
        if let Some(set) = mask(file, item, cpus) {
            full(file, item, objects.masks.add(&words::print_cpus(&set), set));
        }
    }
    for item in section.list("contexts") {
        if let Some(table) = Section::of(file, "contexts", item) {
            context(file, item, &table, objects);
        }
    }
    section.finish();
}

/// A context that threads make by a step: what it grants, and out of which one before it that is carved.
fn context<'t>(file: &'t File<'t>, item: &'t Item<'t>, table: &Section<'t>, objects: &mut Objects) {
    let name = table.required("name", Section::text).unwrap_or_default();
    let spec = threads::context(table);
    let from = table.text("from").map(|from| {
        if table.has("limit") {
            table.error_at("from", "a limit is carved out of nothing: any number may be made");
        }
        match from.strip_prefix('#').and_then(|number| number.parse().ok()) {
            Some(number) => objects.context(&Name::Number(number)),
            None => objects.context(&Name::Word(from.into())),
        }
    });
    table.finish();
    if spec == Some(None) {
        file.error(item.span().start, "a context has a `limit` or a `reserve`");
    }
    let from = from.transpose();
    if let Err(message) = &from {
        table.error_at("from", message.clone());
    }
    if let (Some(Some(spec)), Ok(from)) = (spec, from) {
        let context = Context {
            name: name.to_owned(),
            spec,
            from,
        };
        full(file, item, objects.contexts.add(name, context));
    }
}

/// An object with a name and a size.
fn sized<'t>(
    file: &'t File<'t>,
    item: &'t Item<'t>,
    title: &str,
    key: &'static str,
    add: impl FnOnce(&str, u32) -> Result<u16, String>,
) {
    let Some(table) = Section::of(file, title, item) else {
        return;
    };
    let name = table.required("name", Section::text);
    let size = table.required(key, |table, key| table.number(key, 1..=u32::MAX));
    table.finish();
    if let (Some(name), Some(size)) = (name, size) {
        full(file, item, add(name, size));
    }
}

/// Complains when a table is full.
fn full(file: &File<'_>, item: &Item<'_>, added: Result<u16, String>) {
    if let Err(message) = added {
        file.error(item.span().start, message);
    }
}

/// A set of CPUs: a list of numbers and of texts like `"4-7"`.
pub(super) fn mask(file: &File<'_>, item: &Item<'_>, cpus: Option<u32>) -> Option<CpuMask> {
    let at = item.span().start;
    let Some(list) = item.get_ref().as_array() else {
        file.error(
            at,
            "CPUs are a list of numbers and stretches, like [0, 2, \"4-7\"]",
        );
        return None;
    };
    let mut mask = CpuMask::empty();
    for element in list {
        match element.get_ref() {
            DeValue::String(text) => {
                if let Err(message) = words::cpus(text, &mut mask) {
                    file.error(element.span().start, message);
                }
            }
            _ => {
                let cpu = number(file, "cpus", element, 0..=words::LAST_CPU)?;
                mask.insert(sched::CpuId(cpu));
            }
        }
    }
    if let Err(message) = usable(&mask, cpus) {
        file.error(at, message);
        return None;
    }
    Some(mask)
}

/// Whether a thread can run on these CPUs.
pub(super) fn usable(mask: &CpuMask, cpus: Option<u32>) -> Result<(), String> {
    if mask.is_empty() {
        return Err("a set without any CPU leaves a thread nowhere to run".to_owned());
    }
    let last = mask.iter().last().map_or(0, |cpu| cpu.0);
    match cpus {
        Some(cpus) if last >= cpus => Err(format!(
            "there is no CPU {last}: the machine has CPUs 0 to {}",
            cpus - 1
        )),
        _ => Ok(()),
    }
}
