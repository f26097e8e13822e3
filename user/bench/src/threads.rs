//! N13: a thread's whole life: its stack, its ring, its start, an empty body, its end, the join, and everything given
//! back.

use rt::thread::Threads;
use rt::{Env, Error};

use crate::plan::{Plan, fact};

const THREADS: u64 = 100;

/// Creates a thread and joins it.
pub fn create_and_join(env: &Env, plan: &Plan) -> Result<(), Error> {
    let threads = Threads::new(env)?;
    let mut failed = 0;
    plan.measure("thread", THREADS, |operations| {
        for number in 0..operations {
            let joined = threads.spawn(move || number).and_then(|thread| thread.join());
            failed += u64::from(!matches!(joined, Ok(answer) if answer == number));
        }
    });
    fact("thread", "wrong", failed);
    Ok(())
}
