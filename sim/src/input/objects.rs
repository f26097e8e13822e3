//! Names and numbers: files call objects by name, scenarios by their index in a table.
//!
//! A [`Table`] holds the rows of one kind in the order in which they came. A [`Name`] in a file is a word or `#3`, the
//! row with that index: this is how a row can be meant whose name is empty or not the only one, so that every scenario
//! can be written. Locks, conditions, endpoints, timers and masks come into being when they are named; barriers,
//! pipes and contexts have to be declared, because they have a size; threads are declared by being described.

use sched::CpuMask;
use std::borrow::Cow;
use std::collections::BTreeMap;

use super::words;
use crate::scenario::{
    Barrier, BarrierId, ConditionId, Context, ContextIndex, EndpointId, LockId, MaskId, Pipe, PipeId,
    Scenario, ThreadKind, Timer, TimerId,
};

/// How a file refers to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name<'t> {
    /// By its name.
    Word(Cow<'t, str>),
    /// By its index.
    Number(u16),
}

/// How often a name occurs in a table.
#[derive(Clone, Copy)]
enum Found {
    Once(u16),
    Often,
}

/// The rows of one kind.
pub(super) struct Table<T> {
    kind: &'static str,
    rows: Vec<T>,
    names: BTreeMap<String, Found>,
}

impl<T> Table<T> {
    fn new(kind: &'static str) -> Table<T> {
        Table {
            kind,
            rows: Vec::new(),
            names: BTreeMap::new(),
        }
    }

    /// Adds a row at the end.
    pub(super) fn add(&mut self, name: &str, row: T) -> Result<u16, String> {
        let id = u16::try_from(self.rows.len())
            .map_err(|_| format!("there are more than 65536 {}s", self.kind))?;
        self.rows.push(row);
        self.names
            .entry(name.to_owned())
            .and_modify(|found| *found = Found::Often)
            .or_insert(Found::Once(id));
        Ok(id)
    }

    /// The row that is meant; `create` makes one of a name that is new, or says why it cannot.
    fn resolve(
        &mut self,
        name: &Name<'_>,
        create: impl Fn(&str) -> Result<T, String>,
    ) -> Result<u16, String> {
        let kind = self.kind;
        match name {
            Name::Number(id) if usize::from(*id) < self.rows.len() => Ok(*id),
            Name::Number(id) => Err(format!(
                "there is no {kind} #{id}: {} are declared, counted from 0",
                self.rows.len()
            )),
            Name::Word(word) => match self.names.get(word.as_ref()) {
                Some(Found::Once(id)) => Ok(*id),
                Some(Found::Often) => Err(format!(
                    "more than one {kind} is called `{word}`; write # and its place in the file, from 0"
                )),
                None => {
                    let row = create(word).map_err(|message| self.with_hint(word, message))?;
                    self.add(word, row)
                }
            },
        }
    }

    fn with_hint(&self, word: &str, message: String) -> String {
        match words::nearest(word, self.names.keys().map(String::as_str)) {
            Some(near) => format!("{message}; did you mean `{near}`?"),
            None => message,
        }
    }

    /// How a file refers to the row `id` that is called `name`.
    pub(super) fn reference(&self, name: &str, id: u16) -> String {
        match self.names.get(name) {
            Some(Found::Once(only)) if *only == id && !name.is_empty() => quote(name),
            _ => format!("#{id}"),
        }
    }

    pub(super) fn rows(&self) -> &[T] {
        &self.rows
    }

    pub(super) fn into_rows(self) -> Vec<T> {
        self.rows
    }
}

/// A name as one word of a step: as it is, or in quotes.
fn quote(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-.:/+@".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// The tables of a scenario.
pub(super) struct Objects {
    pub(super) locks: Table<String>,
    pub(super) conditions: Table<String>,
    pub(super) barriers: Table<Barrier>,
    pub(super) pipes: Table<Pipe>,
    pub(super) endpoints: Table<String>,
    pub(super) timers: Table<Timer>,
    /// Masks have no names; they are found by what [`words::print_cpus`] says.
    pub(super) masks: Table<CpuMask>,
    pub(super) contexts: Table<Context>,
    /// Only the names.
    pub(super) threads: Table<()>,
}

impl Objects {
    /// The scenario with these as its objects.
    pub(super) fn put_into(self, scenario: Scenario) -> Scenario {
        Scenario {
            locks: self.locks.into_rows(),
            conditions: self.conditions.into_rows(),
            barriers: self.barriers.into_rows(),
            pipes: self.pipes.into_rows(),
            endpoints: self.endpoints.into_rows(),
            timers: self.timers.into_rows(),
            masks: self.masks.into_rows(),
            contexts: self.contexts.into_rows(),
            ..scenario
        }
    }

    pub(super) fn new() -> Objects {
        Objects {
            locks: Table::new("lock"),
            conditions: Table::new("condition"),
            barriers: Table::new("barrier"),
            pipes: Table::new("pipe"),
            endpoints: Table::new("endpoint"),
            timers: Table::new("timer"),
            masks: Table::new("mask"),
            contexts: Table::new("context"),
            threads: Table::new("thread"),
        }
    }

    /// The tables of a scenario that exists. Rows behind the 65536th, which nothing can refer to, are left out.
    pub(super) fn of(scenario: &Scenario) -> Objects {
        let mut objects = Objects::new();
        for name in &scenario.locks {
            let _ = objects.locks.add(name, name.clone());
        }
        for name in &scenario.conditions {
            let _ = objects.conditions.add(name, name.clone());
        }
        for barrier in &scenario.barriers {
            let _ = objects.barriers.add(&barrier.name, barrier.clone());
        }
        for pipe in &scenario.pipes {
            let _ = objects.pipes.add(&pipe.name, pipe.clone());
        }
        for name in &scenario.endpoints {
            let _ = objects.endpoints.add(name, name.clone());
        }
        for timer in &scenario.timers {
            let _ = objects.timers.add(&timer.name, timer.clone());
        }
        for mask in &scenario.masks {
            let _ = objects.masks.add(&words::print_cpus(mask), mask.clone());
        }
        for context in &scenario.contexts {
            let _ = objects.contexts.add(&context.name, context.clone());
        }
        for thread in &scenario.threads {
            let _ = objects.threads.add(&thread.name, ());
        }
        objects
    }

    pub(super) fn context(&mut self, name: &Name<'_>) -> Result<ContextIndex, String> {
        let undeclared = |word: &str| {
            Err(format!(
                "there is no context `{word}`; contexts are declared in [objects]"
            ))
        };
        self.contexts.resolve(name, undeclared).map(ContextIndex)
    }

    pub(super) fn lock(&mut self, name: &Name<'_>) -> Result<LockId, String> {
        self.locks.resolve(name, |word| Ok(word.to_owned())).map(LockId)
    }

    pub(super) fn condition(&mut self, name: &Name<'_>) -> Result<ConditionId, String> {
        let id = self.conditions.resolve(name, |word| Ok(word.to_owned()));
        id.map(ConditionId)
    }

    pub(super) fn barrier(&mut self, name: &Name<'_>) -> Result<BarrierId, String> {
        let id = self.barriers.resolve(name, |word| {
            Err(format!(
                "barrier `{word}` has no size; declare it: [objects] barriers = [{{ name = \"{word}\", size = 4 }}]"
            ))
        });
        id.map(BarrierId)
    }

    pub(super) fn pipe(&mut self, name: &Name<'_>) -> Result<PipeId, String> {
        let id = self.pipes.resolve(name, |word| {
            Err(format!(
                "pipe `{word}` has no capacity; declare it: [objects] pipes = [{{ name = \"{word}\", capacity = 4096 }}]"
            ))
        });
        id.map(PipeId)
    }

    pub(super) fn endpoint(&mut self, name: &Name<'_>) -> Result<EndpointId, String> {
        let id = self.endpoints.resolve(name, |word| Ok(word.to_owned()));
        id.map(EndpointId)
    }

    /// The timer; one that is new is `shared` or not.
    pub(super) fn timer(&mut self, name: &Name<'_>, shared: bool) -> Result<TimerId, String> {
        let id = self.timers.resolve(name, |word| {
            Ok(Timer {
                name: word.to_owned(),
                shared,
            })
        });
        id.map(TimerId)
    }

    pub(super) fn mask(&mut self, mask: &CpuMask) -> Result<MaskId, String> {
        let name = words::print_cpus(mask);
        match self.masks.names.get(&name) {
            // Masks that are equal are the same; a file that means the second one says # and its index.
            Some(Found::Often) => {
                let first = self.masks.rows.iter().position(|row| row == mask).unwrap_or(0);
                Ok(MaskId(first as u16))
            }
            Some(Found::Once(id)) => Ok(MaskId(*id)),
            None => self.masks.add(&name, mask.clone()).map(MaskId),
        }
    }

    pub(super) fn mask_number(&mut self, id: u16) -> Result<MaskId, String> {
        let number = Name::Number(id);
        self.masks.resolve(&number, |_| Ok(CpuMask::empty())).map(MaskId)
    }

    pub(super) fn thread(&mut self, name: &Name<'_>) -> Result<ThreadKind, String> {
        let id = self
            .threads
            .resolve(name, |word| Err(format!("no [[thread]] is called `{word}`")));
        id.map(ThreadKind)
    }
}
