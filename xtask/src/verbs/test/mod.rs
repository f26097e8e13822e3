//! `test`: everything CI runs, cheapest first, each step timed. A step that fails does not stop the others, so that
//! one run shows all there is to mend; what depends on a failed build is counted as failed with it.

mod citations;
mod lengths;
mod links;
mod steps;

use crate::cli::{Step, TestArguments};
use crate::{exit, progress};
use anyhow::Result;
use std::time::{Duration, Instant};

/// How a step went.
struct Done {
    step: Step,
    took: Duration,
    error: Option<String>,
}

/// The verb: exit code 1 when a step failed.
pub(super) fn test(arguments: &TestArguments) -> Result<u8> {
    let all = <Step as clap::ValueEnum>::value_variants();
    let wanted = |step: &&Step| arguments.steps.is_empty() || arguments.steps.contains(step);
    let mut done = Vec::new();
    for step in all.iter().filter(wanted) {
        progress::say(format!("=== {}: {}", step.name(), step.about()));
        let began = Instant::now();
        let error = steps::perform(*step, &arguments.filter)
            .err()
            .map(|error| format!("{error:#}"));
        if let Some(error) = &error {
            progress::say(format!("FAILED: {error}"));
        }
        done.push(Done {
            step: *step,
            took: began.elapsed(),
            error,
        });
    }
    Ok(report(&done))
}

fn report(done: &[Done]) -> u8 {
    println!();
    for one in done {
        let word = if one.error.is_some() { "FAILED" } else { "ok" };
        println!("{word:8}{:10}{:>6.1} s", one.step.name(), one.took.as_secs_f64());
        if let Some(error) = &one.error {
            println!("        {}", error.lines().next().unwrap_or_default());
            println!("        again, alone: ./x test {}", one.step.name());
        }
    }
    let failed = done.iter().filter(|one| one.error.is_some()).count();
    println!("steps: {} passed, {failed} failed", done.len() - failed);
    if failed == 0 { exit::OK } else { exit::FAILED }
}
