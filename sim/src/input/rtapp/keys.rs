//! Members of objects as values of one kind, each with a complaint when it is of another.

use sched::Nanos;
use std::collections::BTreeMap;

use super::json::{Member, Value};
use crate::input::error::{Complaints, Place};
use crate::input::words;

/// Keys that mean one thing for the whole object and must not come twice: rt-app takes the last of them, its workgen
/// renames all but the first, and nobody knows what was meant. Events are not such keys.
pub(super) struct Once<'c> {
    seen: BTreeMap<String, Place>,
    complaints: &'c Complaints<'c>,
}

impl<'c> Once<'c> {
    pub(super) fn new(complaints: &'c Complaints<'c>) -> Once<'c> {
        Once {
            seen: BTreeMap::new(),
            complaints,
        }
    }

    /// Whether the key is new; one that is not is complained about.
    pub(super) fn first(&mut self, member: &Member) -> bool {
        match self.seen.get(&member.key) {
            Some(place) => {
                let message = format!(
                    "`{}` is here for the second time; the first is in line {}",
                    member.key, place.line
                );
                self.complaints.error(member.place, message);
                false
            }
            None => {
                self.seen.insert(member.key.clone(), member.place);
                true
            }
        }
    }
}

pub(super) fn object<'m>(member: &'m Member, complaints: &Complaints<'_>) -> Option<&'m [Member]> {
    match &member.value.value {
        Value::Object(members) => Some(members),
        _ => {
            wrong_kind(member, "an object, { ... }", complaints);
            None
        }
    }
}

pub(super) fn text<'m>(member: &'m Member, complaints: &Complaints<'_>) -> Option<&'m str> {
    match &member.value.value {
        Value::Text(text) => Some(text),
        _ => {
            wrong_kind(member, "text in quotes", complaints);
            None
        }
    }
}

pub(super) fn integer(member: &Member, complaints: &Complaints<'_>) -> Option<i64> {
    match &member.value.value {
        Value::Integer(number) => Some(*number),
        _ => {
            wrong_kind(member, "a whole number", complaints);
            None
        }
    }
}

pub(super) fn boolean(member: &Member, complaints: &Complaints<'_>) -> Option<bool> {
    match &member.value.value {
        Value::Boolean(truth) => Some(*truth),
        _ => {
            wrong_kind(member, "true or false", complaints);
            None
        }
    }
}

/// A length of time, which rt-app counts in microseconds.
pub(super) fn micros(member: &Member, complaints: &Complaints<'_>) -> Option<Nanos> {
    let number = integer(member, complaints)?;
    let span = u64::try_from(number)
        .ok()
        .and_then(|count| count.checked_mul(1_000));
    if span.is_none() {
        let message = format!(
            "`{}` must be a number of microseconds from 0 on, not {number}",
            member.key
        );
        complaints.error(member.value.place, message);
    }
    span.map(Nanos)
}

pub(super) fn wrong_kind(member: &Member, expected: &str, complaints: &Complaints<'_>) {
    let message = match &member.value.value {
        Value::Missing => format!("`{}` has no value; it needs {expected}", member.key),
        Value::Number(number) => format!("`{}` must be {expected}, not {number}", member.key),
        _ => format!("`{}` must be {expected}", member.key),
    };
    complaints.error(member.value.place, message);
}

/// A key that rt-app does not know either. Those that are evidently remarks are noted: there is no other way to write
/// them in plain JSON.
pub(super) fn unknown(member: &Member, known: &[&str], complaints: &Complaints<'_>) {
    let key = member.key.as_str();
    if key.starts_with(['_', '#', '/']) || key.eq_ignore_ascii_case("comment") {
        complaints.note(member.place, format!("`{key}` is taken for a remark"));
        return;
    }
    let hint = words::nearest(key, known.iter().copied());
    let hint = hint.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    complaints.error(member.place, format!("rt-app has no key `{key}` here{hint}"));
}
