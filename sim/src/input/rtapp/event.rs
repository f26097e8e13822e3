//! Events: what a thread does, one after the other.
//!
//! rt-app tells events by how their keys begin, so that `run`, `run0` and `run_again` are all `run`; the longest word that
//! fits wins (`runtime` before `run`).

use sched::Nanos;

use super::json::{Member, Value};
use super::keys::{self, Once};
use crate::input::error::{Complaints, Place};

/// One event, with its names still names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// `run` and `runtime`: the CPUs have one speed here, so work and time are the same; [`Nanos::MAX`] is for ever.
    Run(Nanos),
    Sleep(Nanos),
    Lock(String),
    Unlock(String),
    Wait {
        condition: String,
        mutex: String,
    },
    Signal(String),
    Broadcast(String),
    /// Signal, then wait.
    Sync {
        condition: String,
        mutex: String,
    },
    Barrier(String),
    Timer {
        name: String,
        period: Nanos,
        absolute: bool,
    },
    /// Where the thread waits to be resumed; `None` is under its own name.
    Suspend(Option<String>),
    Resume(String),
    Yield,
    Fork(String),
}

/// An event and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) event: Event,
    pub(super) place: Place,
}

/// What keys of events begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Run,
    Runtime,
    Sleep,
    Lock,
    Unlock,
    Wait,
    Signal,
    Broad,
    Sync,
    Barrier,
    Timer,
    Suspend,
    Resume,
    Yield,
    Fork,
    /// Known to rt-app, and not supported for this reason.
    Refused(&'static str),
}

const MEMORY: &str = "there is no model of memory and caches here";

/// Words that begin with another one come before it.
const WORDS: &[(&str, Word)] = &[
    ("runtime", Word::Runtime),
    ("run", Word::Run),
    ("sleep", Word::Sleep),
    ("lock", Word::Lock),
    ("unlock", Word::Unlock),
    ("wait", Word::Wait),
    ("signal", Word::Signal),
    ("broad", Word::Broad),
    ("sync", Word::Sync),
    ("barrier", Word::Barrier),
    ("timer", Word::Timer),
    ("suspend", Word::Suspend),
    ("resume", Word::Resume),
    ("yield", Word::Yield),
    ("fork", Word::Fork),
    ("mem", Word::Refused(MEMORY)),
    ("iorun", Word::Refused("there are no devices here")),
    ("sem_post", Word::Refused("semaphores are newer than rt-app 1.0")),
    ("sem_wait", Word::Refused("semaphores are newer than rt-app 1.0")),
];

/// The words of events, for complaints about keys that are none.
pub(super) fn known() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(word, _)| *word)
}

/// Which event a key is.
pub(super) fn word(key: &str) -> Option<Word> {
    let found = WORDS.iter().find(|(word, _)| key.starts_with(word));
    found.map(|(_, word)| *word)
}

/// Reads an event. What is wrong with it is complained about.
pub(super) fn read(word: Word, member: &Member, complaints: &Complaints<'_>) -> Option<Placed> {
    let text = || keys::text(member, complaints).map(str::to_owned);
    let event = match word {
        Word::Run => Event::Run(keys::micros(member, complaints)?),
        Word::Runtime => Event::Run(runtime(member, complaints)?),
        Word::Sleep => Event::Sleep(keys::micros(member, complaints)?),
        Word::Lock => Event::Lock(text()?),
        Word::Unlock => Event::Unlock(text()?),
        Word::Signal => Event::Signal(text()?),
        Word::Broad => Event::Broadcast(text()?),
        Word::Barrier => Event::Barrier(text()?),
        Word::Resume => Event::Resume(text()?),
        Word::Fork => Event::Fork(text()?),
        Word::Yield => Event::Yield,
        Word::Suspend => suspend(member, complaints)?,
        Word::Wait => {
            let (condition, mutex) = condition(member, complaints)?;
            Event::Wait { condition, mutex }
        }
        Word::Sync => {
            let (condition, mutex) = condition(member, complaints)?;
            Event::Sync { condition, mutex }
        }
        Word::Timer => timer(member, complaints)?,
        Word::Refused(why) => {
            complaints.error(member.place, format!("`{}` is not supported: {why}", member.key));
            return None;
        }
    };
    let place = member.place;
    Some(Placed { event, place })
}

/// The work that rt-app does between two looks at the clock, in microseconds.
const WORK: i64 = 32;

/// How long a `runtime` is. Other than `run`, it works and then looks whether the time is over: once at least, also when
/// that is below 0.
fn runtime(member: &Member, complaints: &Complaints<'_>) -> Option<Nanos> {
    let number = keys::integer(member, complaints)?;
    if number < WORK {
        let message = format!(
            "`{}` of {number} is one round of {WORK} microseconds, as for rt-app",
            member.key
        );
        complaints.note(member.value.place, message);
    }
    Some(Nanos::from_micros(number.max(WORK).unsigned_abs()))
}

fn suspend(member: &Member, complaints: &Complaints<'_>) -> Option<Event> {
    match &member.value.value {
        Value::Missing | Value::Null => Some(Event::Suspend(None)),
        Value::Text(name) if name.is_empty() => Some(Event::Suspend(None)),
        Value::Text(name) => Some(Event::Suspend(Some(name.clone()))),
        _ => {
            keys::wrong_kind(member, "text in quotes, or nothing", complaints);
            None
        }
    }
}

/// `{ "ref" : "condition", "mutex" : "lock" }`.
fn condition(member: &Member, complaints: &Complaints<'_>) -> Option<(String, String)> {
    let mut condition = None;
    let mut mutex = None;
    let mut once = Once::new(complaints);
    for part in keys::object(member, complaints)? {
        match part.key.as_str() {
            _ if !once.first(part) => {}
            "ref" => condition = Some(keys::text(part, complaints)?.to_owned()),
            "mutex" => mutex = Some(keys::text(part, complaints)?.to_owned()),
            _ => keys::unknown(part, &["ref", "mutex"], complaints),
        }
    }
    Some((
        named(condition, "ref", member, complaints),
        named(mutex, "mutex", member, complaints),
    ))
}

/// `{ "ref" : "name", "period" : 1000, "mode" : "relative" }`.
fn timer(member: &Member, complaints: &Complaints<'_>) -> Option<Event> {
    let mut name = None;
    let mut period = None;
    let mut absolute = false;
    let mut once = Once::new(complaints);
    for part in keys::object(member, complaints)? {
        match part.key.as_str() {
            _ if !once.first(part) => {}
            "ref" => name = Some(keys::text(part, complaints)?.to_owned()),
            "period" => period = Some(keys::micros(part, complaints)?),
            "mode" => match keys::text(part, complaints)? {
                // As rt-app compares it.
                mode if mode.starts_with("absolute") => absolute = true,
                "relative" => {}
                mode => complaints.error(
                    part.value.place,
                    format!("`{mode}` is no mode of timers; there are relative and absolute"),
                ),
            },
            _ => keys::unknown(part, &["ref", "period", "mode"], complaints),
        }
    }
    Some(Event::Timer {
        name: named(name, "ref", member, complaints),
        // As for rt-app; the translation notes that it never waits.
        period: period.unwrap_or(Nanos::ZERO),
        absolute,
    })
}

/// The name that is given, or the one that rt-app gives.
fn named(name: Option<String>, key: &str, member: &Member, complaints: &Complaints<'_>) -> String {
    name.unwrap_or_else(|| {
        let message = format!("`{}` has no `{key}`; rt-app calls it `unknown`", member.key);
        complaints.note(member.place, message);
        "unknown".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_events_are_known_by_how_they_begin() {
        for (key, expected) in [
            ("run", Some(Word::Run)),
            ("runtime_2", Some(Word::Runtime)),
            ("lock_1", Some(Word::Lock)),
            ("unlock", Some(Word::Unlock)),
            ("broadcast", Some(Word::Broad)),
            ("suspend0", Some(Word::Suspend)),
            ("memory", Some(Word::Refused(MEMORY))),
            ("priority", None),
            ("loop", None),
            ("Run", None),
        ] {
            assert_eq!(word(key), expected, "{key}");
        }
    }
}
