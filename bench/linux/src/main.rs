//! The loads of crates/workloads on Linux, to compare Sundial with.
//!
//! The program is either an ordinary one (`linux-bench --rows call-pipe,park --rounds 3`), or the first process of
//! a machine, where it reads what to do from the file `/plan` and switches the machine off at its end ([`init`]). It
//! prints what crates/workloads/src/plan.rs describes.
//!
//! [`system`], [`processes`], [`calls`], [`scheduling`] and [`counters`] say how Linux does what a load needs; [`own_rows`] are the
//! rows that only Linux has. All unsafe code is in [`raw`].
#![deny(unsafe_code)]

mod arguments;
mod calls;
mod counters;
mod init;
mod own_rows;
mod processes;
#[allow(unsafe_code)] // Threads, clone, shared memory, io_uring, ports: docs/soundness/linux-bench.md.
mod raw;
mod scheduling;
mod system;

use arguments::Wish;
use std::process::ExitCode;
use system::Linux;
use workloads::plan::Plan;
use workloads::run;

fn main() -> ExitCode {
    let begun = raw::ticks();
    if rustix::process::getpid().is_init() {
        init::run(begun);
    }
    match arguments::read(std::env::args().skip(1), begun) {
        Ok(Wish::Rows(plan)) => ExitCode::from(measure(&plan)),
        Ok(Wish::Part(part)) => {
            ExitCode::from(calls::serve_part(&part).unwrap_or_else(|| run::part(&Linux, &part)))
        }
        Ok(Wish::Help) => {
            println!("{}", arguments::USAGE);
            ExitCode::SUCCESS
        }
        Ok(Wish::List) => {
            for (row, _) in rows() {
                println!("{row}");
            }
            ExitCode::SUCCESS
        }
        Err(mistake) => {
            eprintln!("linux-bench: {mistake}\n{}", arguments::USAGE);
            ExitCode::from(2)
        }
    }
}

fn rows() -> Vec<run::Row<Linux>> {
    // One of its own changes what the scheduler does.
    let mut rows = run::common_rows();
    rows.extend(own_rows::rows());
    rows
}

/// Measures: the exit code.
fn measure(plan: &Plan) -> u8 {
    println!("@begin");
    run::rows(&Linux, plan, &rows())
}
