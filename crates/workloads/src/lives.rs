//! N13 and N14: the whole life of a thread (a stack, a start, an empty body, an end, the join, everything given back), and
//! of a process that does nothing (from the request to its exit code in the parent's hands).

use crate::plan::{Plan, fact};
use crate::system::{Processes, System, Threads};

const THREADS: u64 = 100;
const PROCESSES: u64 = 20;

/// N13: creates a thread and joins it.
pub fn create_and_join<S: Threads>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    let mut wrong = 0;
    plan.measure(system, "thread", THREADS, |threads| {
        for number in 0..threads {
            let thread = system.spawn(move || number)?;
            wrong += u64::from(system.join(thread)? != number);
        }
        Ok(())
    })?;
    fact(system, "thread", "wrong", wrong);
    Ok(())
}

/// Measures lives of processes; `life` says whether one was right.
pub fn measure_processes<S: System>(
    system: &S,
    plan: &Plan,
    row: &str,
    mut life: impl FnMut() -> Result<bool, S::Error>,
) -> Result<(), S::Error> {
    let mut wrong = 0;
    plan.measure(system, row, PROCESSES, |processes| {
        for _ in 0..processes {
            wrong += u64::from(!life()?);
        }
        Ok(())
    })?;
    fact(system, row, "wrong", wrong);
    Ok(())
}

/// N14: the program that does nothing.
pub fn spawn_to_reaped<S: Processes>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    measure_processes(system, plan, "process", || system.process_life())
}
