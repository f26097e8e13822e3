//! Requests in their good shape, one for each opcode, over objects that make their effect visible; and the checks that
//! a bad one got its code while nothing else changed. The capabilities are called `timer`, `endpoint` and `park`.

use crate::bench::{Bench, Outcome};
use crate::{ensure, raw, same, thread, wire};
use alloc::vec;
use capos_config::ring::*;
use core::sync::atomic::{AtomicU32, Ordering};

/// The shape of a good request for each opcode, over objects that make its effect visible.
pub struct Good {
    /// The request.
    pub sqe: CapSqe,
    /// What it answers when nothing is wrong with it.
    pub result: fn(i32) -> bool,
}

static WORD: AtomicU32 = AtomicU32::new(7);

/// A CALL of Timer.now.
pub fn call(bench: &Bench<'_>) -> Outcome<Good> {
    let room = vec![0u8; 128].leak();
    Ok(Good {
        sqe: raw::call(bench.cap("timer")?, 0, 0, wire::NOTHING, room),
        result: |result| result > 0,
    })
}

/// A RETURN to a call that is not open.
pub fn reply(bench: &Bench<'_>) -> Outcome<Good> {
    let sqe = CapSqe {
        cap_id: bench.cap("endpoint")?,
        call_id: 0x7fff_0000,
        ..raw::sqe(CAP_OP_RETURN, 0)
    };
    Ok(Good {
        sqe,
        result: |result| result == -1,
    })
}

/// A CANCEL of a receive that is not there.
pub fn cancel(bench: &Bench<'_>) -> Outcome<Good> {
    let sqe = CapSqe {
        cap_id: bench.cap("endpoint")?,
        pipeline_dep: 0x4444,
        ..raw::sqe(CAP_OP_CANCEL, 0)
    };
    Ok(Good {
        sqe,
        result: |result| result == -1,
    })
}

/// A NOP.
pub fn nop() -> Good {
    Good {
        sqe: raw::sqe(CAP_OP_NOP, 0),
        result: |result| result == 0,
    }
}

/// A PARK on a word that holds something else.
pub fn park(bench: &Bench<'_>) -> Outcome<Good> {
    let sqe = thread::park_sqe(bench.cap("park")?, thread::FIRST_THREAD, &WORD, 8, 0);
    Ok(Good {
        sqe,
        result: |result| result == PARK_VALUE_MISMATCH,
    })
}

/// An UNPARK of a word nobody waits on.
pub fn unpark(bench: &Bench<'_>) -> Outcome<Good> {
    Ok(Good {
        sqe: thread::unpark_sqe(bench.cap("park")?, &WORD, 1),
        result: |result| result == 0,
    })
}

static NEXT: AtomicU32 = AtomicU32::new(1);

/// Submits one request and checks its code, that it is one completion with nothing in it but that, and that the
/// indices moved by one.
pub fn expect(sqe: CapSqe, code: i32, what: &str) -> Outcome {
    let user_data = u64::from(NEXT.fetch_add(1, Ordering::Relaxed)) << 32 | 0x5a5a;
    let before = raw::indices();
    let entry = raw::one(CapSqe { user_data, ..sqe })?;
    same!(entry.result, code, "{what}");
    same!(
        (
            entry.flags,
            entry.cap_count,
            entry.badge,
            entry.call_id,
            entry._reserved
        ),
        (0, 0, 0, 0, 0),
        "the rest of the completion of: {what}"
    );
    let after = raw::indices();
    let moved = [
        after.sq_head - before.sq_head,
        after.sq_tail - before.sq_tail,
        after.cq_head - before.cq_head,
        after.cq_tail - before.cq_tail,
    ];
    same!(moved, [1; 4], "how far the indices moved with: {what}");
    Ok(())
}

/// Checks that a request is still fine, so that the refusals around it were for their own reason.
pub fn accepted(good: &Good, what: &str) -> Outcome {
    let entry = raw::one(CapSqe {
        user_data: 0x600d,
        ..good.sqe
    })?;
    ensure!(
        (good.result)(entry.result),
        "the good {what} answers {}",
        entry.result
    );
    Ok(())
}
