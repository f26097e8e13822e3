//! Completion: what a tab makes of the words before the cursor.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::policy::LatencyClass;

use crate::budget;
use crate::command::COMMANDS;

/// What to do about a tab.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Completion {
    /// Text to insert at the cursor.
    pub insert: String,
    /// What would fit, when the choice is not clear; to be listed.
    pub choices: Vec<String>,
}

/// Completes the last word of `before`. `programs` are the names that may be started.
pub fn complete(before: &str, programs: &[&str]) -> Completion {
    let mut words: Vec<&str> = before.split(' ').filter(|word| !word.is_empty()).collect();
    let partial = if before.ends_with(' ') || before.is_empty() {
        ""
    } else {
        words.pop().unwrap_or("")
    };
    // `time` is followed by a whole command of its own.
    let words: &[&str] = words.strip_prefix(&["time"]).unwrap_or(&words);
    let commands = || COMMANDS.iter().map(|entry| entry.name);
    let candidates: Vec<&str> = match words {
        [] => commands().chain(programs.iter().copied()).collect(),
        ["run"] => programs.to_vec(),
        ["help"] => commands().collect(),
        ["class", _] => LatencyClass::ALL.iter().map(|class| class.name()).collect(),
        ["budget"] => budget::ORDERS.to_vec(),
        ["budget", "limit", _, ..] => budget::LIMIT_OPTIONS.to_vec(),
        ["budget", "reserve", _, ..] => budget::RESERVE_OPTIONS.to_vec(),
        _ => Vec::new(),
    };
    let mut fitting: Vec<&str> = candidates
        .into_iter()
        .filter(|name| name.starts_with(partial))
        .collect();
    fitting.sort_unstable();
    fitting.dedup();
    match fitting.as_slice() {
        [] => Completion::default(),
        [only] => Completion {
            insert: only[partial.len()..].to_string() + " ",
            choices: Vec::new(),
        },
        several => {
            let shared = several.iter().skip(1).fold(several[0], |shared, name| {
                let same = shared
                    .bytes()
                    .zip(name.bytes())
                    .take_while(|(a, b)| a == b)
                    .count();
                &shared[..same]
            });
            let insert = shared[partial.len()..].to_string();
            let choices = if insert.is_empty() {
                several.iter().map(ToString::to_string).collect()
            } else {
                Vec::new()
            };
            Completion { insert, choices }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAMS: &[&str] = &["hello", "hogs", "primes"];

    #[test]
    fn one_fitting_name_is_written_out() {
        assert_eq!(complete("th", PROGRAMS).insert, "reads ");
        assert_eq!(complete("run pr", PROGRAMS).insert, "imes ");
        assert_eq!(complete("class 3 ba", PROGRAMS).insert, "tch ");
        assert_eq!(complete("time pr", PROGRAMS).insert, "imes ");
        assert_eq!(complete("budget un", PROGRAMS).insert, "bind ");
        assert_eq!(complete("budget limit 2ms/10ms --f", PROGRAMS).insert, "ault ");
        assert_eq!(
            complete("budget reserve 2ms/10ms --dea", PROGRAMS).insert,
            "dline "
        );
        assert_eq!(complete("budget reserve ", PROGRAMS), Completion::default());
    }

    #[test]
    fn several_are_completed_as_far_as_they_agree_and_then_listed() {
        assert_eq!(
            complete("hel", PROGRAMS),
            Completion {
                insert: "".into(),
                choices: ["hello".into(), "help".into()].into()
            }
        );
        assert_eq!(complete("run h", PROGRAMS).choices, ["hello", "hogs"]);
        assert_eq!(complete("cl", PROGRAMS).choices, ["class", "clear"]);
        assert_eq!(complete("c", PROGRAMS).choices.len(), 4);
    }

    #[test]
    fn arguments_that_are_not_names_are_left_alone() {
        assert_eq!(complete("kill 1", PROGRAMS), Completion::default());
        assert_eq!(complete("zz", PROGRAMS), Completion::default());
    }
}
