//! What the kernel's operations cost, one file per group: [`entry`] the way into the kernel, [`calls`] between
//! processes, [`parking`] and [`yielding`] between threads, [`tick`] the timer, [`threads`] and [`processes`] their
//! lives, [`boot`] the way here, and [`scale`] two workers against one.
//!
//! The program is booted as the first process. The manifest's `[config]` says which rows to measure and how often
//! ([`plan`]); each row prints its raw samples, and `./x bench core` makes a table of them (docs/benchmarks.md).
//! Loops drive the ring by hand (`rt::raw`), and all of their instructions count: the kernel's and ours.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod boot;
pub mod calls;
pub mod entry;
pub mod parking;
pub mod plan;
pub mod processes;
pub mod scale;
pub mod threads;
pub mod tick;
pub mod yielding;

use rt::config::BootPackage;
use rt::{Env, Error, println};

use plan::Plan;

/// First argument of the process that answers calls.
const SERVE: &str = "--serve";

/// What measures a row.
type Measure = fn(&Env, &Plan) -> Result<(), Error>;

/// Every row by the name the manifest uses, in the order of the table.
const ROWS: [(&str, Measure); 14] = [
    ("boot", boot::first_instruction),
    ("null-entry", entry::null_entry),
    ("nop-batch", entry::nop_batch),
    ("call", calls::call_and_return),
    ("park", parking::ping_pong),
    ("park-apart", parking::ping_pong_apart),
    ("yield", yielding::two_switches),
    ("tick-idle", tick::idle),
    ("tick-alone", tick::alone),
    ("tick-shared", tick::shared),
    ("thread", threads::create_and_join),
    ("process", processes::spawn_to_reaped),
    ("process-padded", processes::spawn_padded),
    ("scale", scale::one_and_two_workers),
];

/// The program.
pub fn run(env: &Env) -> i64 {
    if env.arguments().first().is_some_and(|first| first == SERVE) {
        return calls::serve(env).map_or(1, |()| 0);
    }
    // Before the manifest is read: the host takes the wall time of this line for the time of the first instruction.
    let begun = rt::raw::ticks();
    println!("@begin");
    let plan = match env.first::<BootPackage>().and_then(|package| package.config()) {
        Ok(config) => Plan::from_config(&config, begun),
        Err(error) => {
            println!("@error bench {error}");
            return 2;
        }
    };
    let mut failed = 0;
    for (name, measure) in ROWS {
        if plan.wants(name)
            && let Err(error) = measure(env, &plan)
        {
            println!("@error {name} {error}");
            failed = 1;
        }
    }
    failed
}
