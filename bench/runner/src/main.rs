//! `./x bench`: what the kernel's operations cost, beside Linux on the same virtual machine in the same run. Costs are
//! instructions, counted by the emulator, so they do not depend on this machine or its load; the rows that are wall
//! times say so, and their boots take turns. Every row is kept with all its samples in bench/results/.
//!
//! [`run`] goes through it. [`table`] lists the rows, [`sources`] says from which of the programs' rows each comes and
//! [`formulas`] how; [`system`], [`linux`], [`plan`] and [`boot`] are about what boots, [`readings`] reads what it prints.
//! [`counted`], [`series`], [`memory`] and [`scheduler`] measure; [`gates`], [`screen`], [`compare`], [`keep`] and [`report`]
//! say what came out; [`recipe`] says what the figures belong to. [`attribution`] is for those who want to know why one costs
//! what it does. What builds and boots is `xtask`'s: a measured kernel is the one that a person boots.
#![forbid(unsafe_code)]

mod arguments;
mod attribution;
mod boot;
mod compare;
mod counted;
mod findings;
mod formulas;
mod gates;
mod keep;
mod linux;
mod measured;
mod memory;
mod plan;
mod readings;
mod recipe;
mod report;
mod run;
mod scheduler;
mod screen;
mod series;
mod sources;
mod system;
mod table;

use arguments::BenchArguments;
use clap::Parser;
use findings::Findings;
use run::Bench;
use std::process::ExitCode;
use xtask::{exit, progress};

fn main() -> ExitCode {
    match run::bench(&BenchArguments::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            progress::say(format!("{error:#}"));
            ExitCode::from(exit::FAILED)
        }
    }
}
