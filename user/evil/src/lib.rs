//! A program that attacks the kernel and reports, attack by attack, what it got for it. It ends with 0 if every
//! attack was answered as it should be, and the kernel still runs to say so.
//!
//! Attacks by means of words come first and happen in this process: [`syscalls`], [`submissions`], [`pointers`],
//! [`transfers`], [`messages`], [`arguments`], [`stale`], [`exhaustion`]. [`flight`] and [`departures`] need others,
//! whose parts are in [`partners`]. Attacks that ruin or end the attacker run in children, whose exit codes are the answer: [`indices`],
//! [`race`], [`passes`], [`faults`]. [`report`] keeps the score.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod arguments;
pub mod child;
pub mod departures;
pub mod exhaustion;
pub mod faults;
pub mod flight;
pub mod indices;
pub mod messages;
pub mod partners;
pub mod passes;
pub mod pointers;
pub mod race;
pub mod report;
pub mod stale;
pub mod submissions;
pub mod syscalls;
pub mod transfers;

use alloc::string::String;

use rt::Env;

use report::Report;

const USAGE: &str = "usage: evil [GROUP...]
  Attacks the kernel and reports what it answered to each attack. Ends with 0 if all were answered as they
  should be, and says which it has no capability for. Groups: syscalls submissions pointers transfers messages arguments stale exhaustion flight indices
  race passes faults. Default: all.";

/// First argument of a child, before the attack's name.
pub const ATTACK: &str = "--attack";

/// A group of attacks.
type Group = (&'static str, fn(&Env, &mut Report));

const GROUPS: [Group; 13] = [
    ("syscalls", syscalls::attack),
    ("submissions", submissions::attack),
    ("pointers", pointers::attack),
    ("transfers", transfers::attack),
    ("messages", messages::attack),
    ("arguments", arguments::attack),
    ("stale", stale::attack),
    ("exhaustion", exhaustion::attack),
    ("flight", flight::attack),
    ("indices", indices::attack),
    ("race", race::attack),
    ("passes", passes::attack),
    ("faults", faults::attack),
];

fn parse(arguments: &[&str]) -> Result<[bool; GROUPS.len()], String> {
    let mut chosen = [arguments.is_empty(); GROUPS.len()];
    for argument in arguments {
        let group = GROUPS.iter().position(|(name, _)| name == argument);
        chosen[group.ok_or_else(|| alloc::format!("`{argument}` is no group of attacks"))?] = true;
    }
    Ok(chosen)
}

/// The program: the attacker, or one of its children.
pub fn run(env: &Env) -> i64 {
    let arguments = env.arguments();
    if let [first, name] = arguments.as_slice()
        && first == ATTACK
    {
        return child::act(env, name);
    }
    let chosen = match rt::text::settings(&arguments, USAGE, parse) {
        Ok(chosen) => chosen,
        Err(code) => return code,
    };
    let mut report = Report::default();
    for ((name, attack), _) in GROUPS.iter().zip(chosen).filter(|(_, chosen)| *chosen) {
        report.group(name);
        attack(env, &mut report);
    }
    report.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_chosen_by_name() {
        assert!(parse(&[]).unwrap().iter().all(|chosen| *chosen));
        assert_eq!(
            parse(&["race", "faults"])
                .unwrap()
                .iter()
                .filter(|chosen| **chosen)
                .count(),
            2
        );
        assert_eq!(parse(&["love"]).unwrap_err(), "`love` is no group of attacks");
    }
}
