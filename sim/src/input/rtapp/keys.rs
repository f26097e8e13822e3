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

    /// Whether the key is new; one that is not is complained about. A `null` is no value for rt-app, and its key as good
    /// as absent.
    pub(super) fn first(&mut self, member: &Member) -> bool {
        if member.value.value == Value::Null {
            let message = format!("`{}` is null, which is as if it were not there", member.key);
            self.complaints.note(member.place, message);
            return false;
        }
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

/// A whole number. rt-app has 32 bits for every one of them and takes the nearest that it has for any other.
pub(super) fn integer(member: &Member, complaints: &Complaints<'_>) -> Option<i64> {
    match &member.value.value {
        Value::Integer(number) => {
            let nearest = (*number).clamp(i32::MIN.into(), i32::MAX.into());
            if nearest != *number {
                let message = format!("rt-app has no number like {number} and takes {nearest}");
                complaints.note(member.value.place, message);
            }
            Some(nearest)
        }
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

/// A length of time, which rt-app counts in microseconds and takes for an unsigned number: one below 0 ends in half a
/// million years.
pub(super) fn micros(member: &Member, complaints: &Complaints<'_>) -> Option<Nanos> {
    let number = integer(member, complaints)?;
    Some(match u64::try_from(number) {
        Ok(count) => Nanos::from_micros(count),
        Err(_) => {
            let message = format!("`{}` of {number} is for ever, as for rt-app", member.key);
            complaints.note(member.value.place, message);
            Nanos::MAX
        }
    })
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
