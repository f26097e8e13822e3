//! What the kernel's operations cost: the loads of crates/workloads on Sundial.
//!
//! [`system`] says how Sundial does what a load needs: time, threads and the ring; [`processes`] and [`calls`] say it for
//! processes and calls, [`turns`] for threads that wake each other, [`counters`] for what the kernel counted, [`scheduling`] for weights and times, [`budgets`] for
//! CPU time that is capped or reserved. [`own_rows`] and [`calls_in_context`] have what only Sundial has.
//!
//! The program is booted as the first process. The manifest's `[config]` says which rows to measure and how often;
//! each row prints its raw samples, and `./x bench core` makes a table of them (docs/benchmarks.md). Loops that are
//! counted drive the ring by hand (`rt::raw`), and all of their instructions count: the kernel's and ours.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod budgets;
pub mod calls;
pub mod calls_in_context;
pub mod counters;
pub mod own_rows;
pub mod processes;
pub mod scheduling;
pub mod system;
pub mod turns;

use alloc::string::String;

use rt::config::{BootPackage, Value};
use rt::monitor::Monitor;
use rt::raw::ticks;
use rt::{Env, println};
use workloads::plan::Plan;
use workloads::run;

use system::Sundial;

/// First argument of a process that runs a part of this program; the part's name follows.
const PART: &str = "--part";

/// Whether the kernel keeps a trace. Where no monitor is granted nobody can know.
fn is_traced(env: &Env) -> bool {
    let monitor = env.first::<Monitor>();
    monitor
        .and_then(|monitor| monitor.system(|system| Ok(system.get_is_traced())))
        .unwrap_or(false)
}

/// The program.
pub fn run(env: &Env) -> i64 {
    let system = Sundial(*env);
    let arguments = env.arguments();
    if let [first, part] = arguments.as_slice()
        && first == PART
    {
        return calls::serve_part(env, part).unwrap_or_else(|| i64::from(run::part(&system, part)));
    }
    // Before the manifest is read: the host takes the wall time of this line for the time of the first instruction.
    let begun = ticks();
    println!("@begin");
    let config = match env.first::<BootPackage>().and_then(|package| package.config()) {
        Ok(config) => config,
        Err(error) => {
            println!("@error bench {error}");
            return 2;
        }
    };
    // Whoever logs switches measures the log (A3).
    if is_traced(env) && config.uint_of("traced") != Some(1) {
        println!("@error bench events are traced; only a plan that says traced = 1 is measured then");
        return 3;
    }
    let mut rows = own_rows::rows();
    rows.extend(run::common_rows());
    i64::from(run::rows(&system, &plan_from(&config, begun), &rows))
}

/// The manifest's wishes: `[config] rows = ["call"]`, `rounds = 11`, `window = 1000000000`, `settle = 0`.
fn plan_from(config: &Value, begun: u64) -> Plan {
    let plan = Plan::new(begun);
    Plan {
        rows: config.texts_of("rows").map(String::from).collect(),
        rounds: config.uint_of("rounds").unwrap_or(plan.rounds).max(1),
        window: config.uint_of("window").unwrap_or(plan.window),
        settle: config.uint_of("settle").unwrap_or(plan.settle),
        begun,
    }
}
