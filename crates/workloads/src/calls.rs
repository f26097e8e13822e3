//! N3: a call to another process and its return, with an empty message. What goes over and how is the system's; a
//! system with several ways has a row for each.

use crate::hog;
use crate::plan::{Plan, fact};
use crate::system::{Calls, Link, Service};

const CALLS: u64 = 2_000;

/// Steps of the work that a server does for a call: about 80,000 instructions.
const STEPS: u64 = 16_000;

/// Calls by one way, and waits for each answer.
pub fn call_and_return<S: Calls>(system: &S, plan: &Plan, row: &str, way: S::Way) -> Result<(), S::Error> {
    let mut link = system.connect(way, Service::Empty)?;
    let mut wrong = 0;
    plan.measure(system, row, CALLS, |calls| {
        wrong += link.empty_calls(calls)?;
        Ok(())
    })?;
    fact(system, row, "wrong", wrong);
    fact(system, row, "server-code", link.end()?);
    Ok(())
}

/// What a server of [`Service::Work`] answers, after a piece of work of always the same length.
pub fn piece_of_work(request: u64) -> u64 {
    hog::steps(request, STEPS)
}

/// The same answer without the work, for whoever checks it.
pub fn piece_without_work(request: u64) -> u64 {
    hog::steps_at_once(request, STEPS)
}
