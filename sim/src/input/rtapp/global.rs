//! The section `global`: how long the workload runs and what its threads are when they do not say.

use sched::Nanos;

use super::Options;
use super::json::{Member, Value};
use super::keys::{self, Once};
use super::policy::Kind;
use crate::input::error::{Complaints, Place};

/// What the section says.
pub(super) struct Global {
    pub(super) duration: Nanos,
    /// The policy of threads that name none, and where it is named; without a place it is rt-app's own default.
    pub(super) policy: (Kind, Option<Place>),
}

/// Keys that mean nothing here, and why.
const WITHOUT_MEANING: &[(&[&str], &str)] = &[
    (
        &["calibration"],
        "`run` is taken for so many microseconds at full speed",
    ),
    (&["lock_pages"], "threads have no pages that could be swapped out"),
    (&["gnuplot"], "the report has plots of its own"),
    (&["ftrace"], "the trace of a run has every event"),
    (
        &["logdir", "log_basename", "log_size", "cumulative_slack"],
        "rt-app's logs are not written; the report has their numbers",
    ),
    (&["io_device"], "`iorun` is not supported"),
    (&["mem_buffer_size"], "`mem` is not supported"),
    // Of older versions or misspelt, and often found.
    (
        &["frag", "spacing", "logsize"],
        "rt-app 1.0 does not know it either",
    ),
];

pub(super) fn read(members: &[Member], complaints: &Complaints<'_>, options: &Options) -> Global {
    let mut global = Global {
        duration: options.endless,
        policy: (Kind::Other, None),
    };
    let mut ends = false;
    let mut once = Once::new(complaints);
    for member in members {
        if !once.first(member) {
            continue;
        }
        match member.key.as_str() {
            "duration" => {
                if let Some(seconds) = keys::integer(member, complaints)
                    && let Ok(seconds @ 1..) = u64::try_from(seconds)
                {
                    global.duration = Nanos::from_secs(seconds);
                    ends = true;
                }
            }
            "default_policy" => {
                let kind =
                    keys::text(member, complaints).and_then(|name| Kind::named(name, member, complaints));
                global.policy = (kind.unwrap_or(Kind::Other), Some(member.value.place));
            }
            "pi_enabled" => {
                if keys::boolean(member, complaints) == Some(true) {
                    complaints.note(
                        member.place,
                        "locks pass on no priority here; on Linux that concerns the real-time policies only",
                    );
                }
            }
            key => match WITHOUT_MEANING.iter().find(|(known, _)| known.contains(&key)) {
                Some((_, why)) => {
                    if matches!(member.value.value, Value::Object(_) | Value::List(_)) {
                        keys::wrong_kind(member, "one value", complaints);
                    }
                    complaints.note(member.place, format!("`{key}` means nothing here: {why}"));
                }
                None => {
                    let known = WITHOUT_MEANING
                        .iter()
                        .flat_map(|(known, _)| known.iter().copied());
                    let known: Vec<&str> = known
                        .chain(["duration", "default_policy", "pi_enabled"])
                        .collect();
                    keys::unknown(member, &known, complaints);
                }
            },
        }
    }
    if !ends {
        let place = members.first().map_or(Place::START, |member| member.place);
        let seconds = options.endless.0 as f64 / 1e9;
        complaints.note(
            place,
            format!("no duration ends this workload; it runs for {seconds} s here"),
        );
    }
    global
}
