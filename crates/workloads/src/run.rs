//! Runs the rows of a plan, and the parts of the program that live in processes of their own.

use crate::plan::{Plan, fact};
use crate::system::{Budgets, Calls, Counters, Entry, Processes, Threads};
use crate::{
    entry, fair, lives, map_reduce, parking, phases, processes, scale, services, task_pool, throttle, tick,
    wake, yielding,
};
use alloc::string::String;
use alloc::vec::Vec;

/// A system that has everything any load needs.
pub trait Everything: Threads + Entry + Processes + Calls + Counters + Budgets {}

impl<S: Threads + Entry + Processes + Calls + Counters + Budgets> Everything for S {}

/// A row: its name in a plan, and what measures it.
pub type Row<S> = (
    &'static str,
    fn(&S, &Plan) -> Result<(), <S as crate::system::System>::Error>,
);

/// The rows that every system has under the same name.
pub fn common_rows<S: Everything>() -> Vec<Row<S>> {
    alloc::vec![
        ("null-entry", entry::null_entry::<S>),
        ("nop-batch", entry::nop_batch::<S>),
        ("park", parking::ping_pong::<S>),
        ("yield", yielding::two_switches::<S>),
        ("tick-idle", tick::idle::<S>),
        ("tick-alone", tick::alone::<S>),
        ("tick-shared", tick::shared::<S>),
        ("tick-budget", tick::alone_with_a_budget::<S>),
        ("throttle-limit", throttle::limited::<S>),
        ("throttle-reservation", throttle::reserved::<S>),
        ("thread", lives::create_and_join::<S>),
        ("process", lives::spawn_to_reaped::<S>),
        ("scale", scale::one_and_two_workers::<S>),
        ("map-reduce", map_reduce::one_and_two_workers::<S>),
        ("task-pool", task_pool::one_and_two_workers::<S>),
        ("phases", phases::one_and_two_workers::<S>),
        ("processes", processes::one_and_two_processes::<S>),
        ("services", services::one_and_two_clients::<S>),
        ("wake-idle", wake::idle::<S>),
        ("wake-hogs", wake::beside_hogs::<S>),
        ("wake-idle-reserved", wake::idle_reserved::<S>),
        ("wake-hogs-reserved", wake::beside_hogs_reserved::<S>),
        ("fair-hogs", fair::hogs::<S>),
        ("fair-sleepers", fair::sleepers::<S>),
        ("fair-calls", fair::calls::<S>),
        ("fair-processes", fair::processes::<S>),
        ("fair-threads", fair::threads::<S>),
        ("fair-weights", fair::weights::<S>),
    ]
}

/// Measures the rows that the plan names: the program's exit code. 0: all were measured; 1: some were not; 2: the plan
/// names a row that there is not, and nothing was done.
pub fn rows<S: Everything>(system: &S, plan: &Plan, rows: &[Row<S>]) -> u8 {
    for name in &plan.rows {
        if !rows.iter().any(|(known, _)| known == name) {
            system.line(format_args!("@error {name} there is no such row here"));
            return 2;
        }
    }
    if let Err(error) = system.sleep_ns(plan.settle * 1_000_000_000) {
        system.line(format_args!("@error settle {error}"));
        return 1;
    }
    let mut failed = 0;
    for (name, measure) in rows {
        if plan.rows.iter().any(|row| row == name)
            && let Err(error) = with_counters(system, plan, name, *measure)
        {
            system.line(format_args!("@error {name} {error}"));
            failed = 1;
        }
    }
    failed
}

/// Measures a row, and prints what the kernel counted meanwhile.
fn with_counters<S: Everything>(
    system: &S,
    plan: &Plan,
    row: &str,
    measure: fn(&S, &Plan) -> Result<(), S::Error>,
) -> Result<(), S::Error> {
    let all = || {
        let mut found: Vec<(String, u64)> = Vec::new();
        system.counters(&mut |name, value| found.push((alloc::format!("counter-{name}"), value)))?;
        Ok(found)
    };
    let before = all()?;
    measure(system, plan)?;
    for ((name, after), (_, before)) in all()?.iter().zip(&before) {
        fact(system, row, name, after.saturating_sub(*before));
    }
    Ok(())
}

/// Runs the part of the program that a process was started for: its exit code.
pub fn part<S: Everything>(system: &S, name: &str) -> u8 {
    let ran = match name {
        processes::PART => processes::transform_own_blocks(system),
        fair::PART => fair::hog_in_own_process(system),
        _ => return 2,
    };
    match ran {
        Ok(()) => 0,
        Err(error) => {
            system.line(format_args!("@error {name} {error}"));
            1
        }
    }
}
