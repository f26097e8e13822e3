//! Attacks that the attacker may not survive run in a process of their own: how one is started, and how its exit
//! code is judged.

use alloc::format;
use alloc::vec::Vec;

use rt::child::{end_within, everyday, with_output};
use rt::process::{Child, Grant, ProcessSpawner};
use rt::{Env, Error};

use crate::report::Report;
use crate::{ATTACK, faults, indices, partners, passes, race};

/// The manifest's name for this program's binary.
const BINARY: &str = "evil";

/// Not an attack: a child that waits to be ended.
pub const SLEEPER: &str = "sleep";

/// How long a child may take before it is ended from outside, in nanoseconds.
const PATIENCE_NS: u64 = 60_000_000_000;

/// Exit code of a child that does not know its attack.
const UNKNOWN_ATTACK: i64 = 99;

/// What a child does.
pub fn act(env: &Env, name: &str) -> i64 {
    if name == SLEEPER {
        loop {
            rt::nap(u64::MAX);
        }
    }
    faults::act(env, name)
        .or_else(|| indices::act(name))
        .or_else(|| race::act(env, name))
        .or_else(|| partners::act(env, name))
        .or_else(|| passes::act(env, name))
        .unwrap_or(UNKNOWN_ATTACK)
}

/// Starts a child for one attack, with capabilities of its own and nothing of ours but the output.
pub fn start(env: &Env, spawner: &ProcessSpawner, name: &str) -> Result<Child, Error> {
    start_with(env, spawner, name, Vec::new())
}

/// The same, with something of ours besides.
pub fn start_with(env: &Env, spawner: &ProcessSpawner, name: &str, more: Vec<Grant>) -> Result<Child, Error> {
    let mut grants = with_output(env, everyday());
    grants.extend(more);
    rt::child::start(spawner, &format!("evil:{name}"), BINARY, [ATTACK, name], grants)
}

/// Runs attack `name` in a child, which must end with one of `expected`.
pub fn attack(env: &Env, report: &mut Report, name: &str, what: &str, expected: &[i64]) {
    match run_to_end(env, name) {
        Ok(Some(code)) => report.line(
            expected.contains(&code),
            what,
            format_args!("the process ended with {code}"),
        ),
        Ok(None) => report.line(false, what, "the process did not end and was ended from outside"),
        Err(error) => report.line(false, what, error),
    }
}

fn run_to_end(env: &Env, name: &str) -> Result<Option<i64>, Error> {
    let spawner: ProcessSpawner = env.first()?;
    end_of(&start(env, &spawner, name)?)
}

/// Waits for a child's exit code; `None` if it had to be ended from outside.
pub fn end_of(child: &Child) -> Result<Option<i64>, Error> {
    end_within(child, PATIENCE_NS)
}
