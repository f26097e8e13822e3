//! `./x`: reads the command line, runs the verb, ends with its exit code.
#![forbid(unsafe_code)]

use clap::Parser;
use std::process::ExitCode;
use xtask::cli::{Arguments, Verb};
use xtask::{exit, progress, verbs};

fn main() -> ExitCode {
    let verb = Arguments::parse().verb;
    let boots = matches!(verb, Verb::Boot(_) | Verb::Run(_));
    match verbs::perform(verb) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            progress::say(format!("{error:#}"));
            ExitCode::from(if boots { exit::NOT_STARTED } else { exit::FAILED })
        }
    }
}
