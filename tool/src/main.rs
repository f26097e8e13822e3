//! The `sundial` command. Verbs are thin: they parse arguments, call the library and print.
//!
//! Exit codes: 0 done, 1 the input has errors (printed to standard error), 2 wrong usage.
#![forbid(unsafe_code)]

mod cli;
mod output;
mod report;
mod simulate;
mod trace;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprint!("{message}");
            ExitCode::from(1)
        }
    }
}
