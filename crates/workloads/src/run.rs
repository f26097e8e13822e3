//! Runs the rows of a plan, and the parts of the program that live in processes of their own.

use crate::plan::{Plan, fact};
use crate::system::{Calls, Counters, Entry, Processes, Threads};
use crate::{calls, entry, lives, parking, scale, tick, yielding};
use alloc::string::String;
use alloc::vec::Vec;

/// A system that has everything any load needs.
pub trait Everything: Threads + Entry + Processes + Calls + Counters {}

impl<S: Threads + Entry + Processes + Calls + Counters> Everything for S {}

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
        ("thread", lives::create_and_join::<S>),
        ("process", lives::spawn_to_reaped::<S>),
        ("scale", scale::one_and_two_workers::<S>),
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
pub fn part<S: Everything>(_system: &S, name: &str) -> u8 {
    let _ = (name, calls::piece_of_work);
    2
}
