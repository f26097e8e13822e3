//! N14: a process's whole life, from the request to its exit code in the parent's hands, with a program that does
//! nothing; and the same with a larger image, which tells what a page of image costs.

use rt::process::ProcessSpawner;
use rt::{Env, Error};

use crate::plan::{Plan, fact};

const PROCESSES: u64 = 20;

/// Pages that the padded program has more than the other (src/bin/padded.rs).
const PADDING_PAGES: u64 = 64;

fn measure(env: &Env, plan: &Plan, row: &str, binary: &str) -> Result<(), Error> {
    let spawner: ProcessSpawner = env.first()?;
    let mut failed = 0;
    plan.measure(row, PROCESSES, |operations| {
        for _ in 0..operations {
            let code = spawner
                .spawn("nothing", binary, &[])
                .and_then(|child| child.handle.wait());
            failed += u64::from(!matches!(code, Ok(0)));
        }
    });
    fact(row, "wrong", failed);
    Ok(())
}

/// The program that does nothing.
pub fn spawn_to_reaped(env: &Env, plan: &Plan) -> Result<(), Error> {
    measure(env, plan, "process", "bench-nothing")
}

/// The same with more pages.
pub fn spawn_padded(env: &Env, plan: &Plan) -> Result<(), Error> {
    fact("process-padded", "pages", PADDING_PAGES);
    measure(env, plan, "process-padded", "bench-padded")
}
