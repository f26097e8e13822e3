//! The way into the kernel and back: alone with one NOP (N1), and shared by sixteen (N2).

use rt::raw::{Operation, with_ring};
use rt::{Env, Error};

use crate::plan::{Plan, fact};

const ENTRIES: u64 = 2_000;

/// Submissions that fit into a ring.
const BATCH: u64 = 16;

/// N1: one submission, one entry, one completion.
pub fn null_entry(_env: &Env, plan: &Plan) -> Result<(), Error> {
    let mut wrong = 0;
    plan.measure("null-entry", ENTRIES, |operations| {
        with_ring(|ring| {
            for _ in 0..operations {
                wrong += u64::from(ring.perform(&Operation::nop()).result != 0);
            }
        });
    });
    fact("null-entry", "wrong", wrong);
    Ok(())
}

/// N2: as many submissions as fit, one entry for all, and every completion read.
pub fn nop_batch(_env: &Env, plan: &Plan) -> Result<(), Error> {
    let mut completed = 0;
    plan.measure("nop-batch", ENTRIES * BATCH, |operations| {
        with_ring(|ring| {
            for _ in 0..operations / BATCH {
                for _ in 0..BATCH {
                    ring.submit(&Operation::nop());
                }
                ring.enter(BATCH as u32);
                while let Some(cqe) = ring.completion() {
                    completed += u64::from(cqe.result == 0);
                }
            }
        });
    });
    // One round to warm up.
    fact(
        "nop-batch",
        "wrong",
        (plan.rounds + 1) * ENTRIES * BATCH - completed,
    );
    Ok(())
}
