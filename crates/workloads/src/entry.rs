//! The way into the kernel and back: alone (N1), and shared by sixteen operations (N2).

use crate::plan::{Plan, fact};
use crate::system::{BATCH, Entry, System};

const ENTRIES: u64 = 2_000;

/// Measures entries of which `enter` makes as many as it is told, with `operations_each` operations in each. It says
/// how many went wrong.
#[inline]
pub fn measure<S: System>(
    system: &S,
    plan: &Plan,
    row: &str,
    operations_each: u64,
    mut enter: impl FnMut(u64) -> Result<u64, S::Error>,
) -> Result<(), S::Error> {
    let mut wrong = 0;
    plan.measure(system, row, ENTRIES * operations_each, |operations| {
        wrong += enter(operations / operations_each)?;
        Ok(())
    })?;
    fact(system, row, "wrong", wrong);
    Ok(())
}

/// N1: one operation that does nothing, one entry.
pub fn null_entry<S: Entry>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    measure(system, plan, "null-entry", 1, |entries| {
        system.null_entries(entries)
    })
}

/// N2: as many operations as a batch has, one entry for all.
pub fn nop_batch<S: Entry>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    measure(system, plan, "nop-batch", BATCH, |entries| {
        system.nop_batches(entries)
    })
}
