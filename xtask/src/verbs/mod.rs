//! The verbs of `./x`, one file each. A verb answers with an exit code, or with an error that says what to do.

mod become_runner;
mod boot;
mod build;
mod clean;
mod doctor;
pub mod mutants;
mod relay;
mod rules;
mod run;
mod sim;
mod sources;
mod test;
mod tools;

use crate::cli::Verb;
use anyhow::Result;

/// Performs a verb.
///
/// # Errors
/// When it could not do what was asked.
pub fn perform(verb: Verb) -> Result<u8> {
    match verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Boot(arguments) => boot::boot(&arguments),
        Verb::Build(arguments) => build::build(&arguments),
        Verb::Bench(arguments) => become_runner::bench(&arguments),
        Verb::Chaos(arguments) => become_runner::chaos(&arguments),
        Verb::Sim(arguments) => sim::sim(&arguments),
        Verb::Doctor(arguments) => doctor::doctor(&arguments),
        Verb::Test(arguments) => test::test(&arguments),
        Verb::Mutants(arguments) => mutants::mutants(&arguments),
        Verb::Fuzz(arguments) => tools::fuzz(&arguments),
        Verb::Rules(arguments) => rules::rules(&arguments),
        Verb::Schema => tools::schema(),
        Verb::Fmt => tools::fmt(),
        Verb::Clean => clean::clean(),
    }
}
