//! P7, P6: numbers that go round. Ring indices pass their slots thousands of times and 2^32 once, and every submission
//! completes exactly once and in order; a capability slot is used again and again, and no old id ever names the new
//! tenant.
//!
//! A ring starts at zero and no test waits for four billion submissions. But the kernel throws away a queue that claims
//! to hold more than fits, and goes on from its tail wherever that is: so a program can put its ring just below 2^32.

use alloc::vec::Vec;

use abi::layout::RING;
use abi::ring::{CQ_ENTRIES, Opcode, SQ_ENTRIES, Sqe, cqe_at, offset, sqe_at};
use abi::syscall::CAP_ENTER;
use rt::hostile::{forge, read_u32, read_u64, syscall, write_u32, write_u64};
use rt::monitor::Supervisor;
use rt::process::{ProcessHandle, ProcessSpawner};
use rt::{Client, Env, Error};

use crate::tools::Wrong;
use crate::{child, ensure};

/// Tenancies of one slot.
const TENANCIES: usize = 3_000;

/// Where the ring is put: this far below 2^32.
const BELOW: u32 = 37;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let spawner: ProcessSpawner = env.first()?;
    let code = child::start(&spawner, "turner", &[])?.handle.wait()?;
    ensure!(
        code == 0,
        "the child that turns its ring round ended at step {code}"
    );
    old_ids_name_nobody(env)
}

fn old_ids_name_nobody(env: &Env) -> Result<(), Wrong> {
    let supervisor: Supervisor = env.first()?;
    let mut old: Vec<u32> = Vec::new();
    for tenancy in 0..TENANCIES {
        let handle = supervisor.process(env.pid() as u32)?;
        let id = handle.cap().id();
        ensure!(
            !old.contains(&id),
            "tenancy {tenancy} has the id of an older one: {id:#x}"
        );
        // The last tenants of the slot, and the first.
        for stale in old.iter().rev().take(3).chain(old.first()) {
            let answer = forge::<ProcessHandle>(*stale).terminate();
            ensure!(
                matches!(answer, Err(Error::Refused(_))),
                "the old id {stale:#x} names somebody: {answer:?}"
            );
        }
        drop(handle);
        old.push(id);
    }
    Ok(())
}

/// The child's part, on the raw ring: 0, or the step that went wrong.
pub fn turn() -> i64 {
    let mut ring = Raw { next: 1, expected: 1 };
    if !ring.many_rounds(2_000) {
        return 1;
    }
    // More than fits: forgotten, and the kernel goes on at the tail.
    let tail = u32::MAX - BELOW + 1;
    write_u32(RING + offset::SQ_TAIL as u64, tail);
    syscall(CAP_ENTER, 0, 0);
    if read_u32(RING + offset::SQ_HEAD as u64) != tail || ring.pop().is_some() {
        return 2;
    }
    if !ring.many_rounds(300) {
        return 3;
    }
    // It did go round.
    if read_u32(RING + offset::SQ_HEAD as u64) >= tail {
        4
    } else {
        0
    }
}

struct Raw {
    /// Number of the next submission.
    next: u64,
    /// Number of the next completion.
    expected: u64,
}

impl Raw {
    /// Submits in groups of every size and takes completions in others, so that both queues stand at every slot with
    /// every fill. Whether each came once and in order.
    fn many_rounds(&mut self, rounds: u32) -> bool {
        for round in 0..rounds {
            for _ in 0..1 + round % SQ_ENTRIES {
                self.push();
            }
            syscall(CAP_ENTER, 0, 0);
            // At times nothing is taken, until the completion queue is half full.
            let unread = self.next - self.expected;
            if round % 3 == 0 && unread <= u64::from(CQ_ENTRIES - SQ_ENTRIES) {
                continue;
            }
            for _ in 0..unread {
                if self.pop() != Some((self.expected, 0)) {
                    return false;
                }
                self.expected += 1;
            }
        }
        while let Some(completion) = self.pop() {
            if completion != (self.expected, 0) {
                return false;
            }
            self.expected += 1;
        }
        self.expected == self.next
    }

    fn push(&mut self) {
        let nop = Sqe {
            opcode: Opcode::Nop as u8,
            user_data: self.next,
            ..Sqe::default()
        };
        let tail = read_u32(RING + offset::SQ_TAIL as u64);
        for (word, value) in nop.to_words().into_iter().enumerate() {
            write_u64(RING + sqe_at(tail) as u64 + 8 * word as u64, value);
        }
        write_u32(RING + offset::SQ_TAIL as u64, tail.wrapping_add(1));
        self.next += 1;
    }

    fn pop(&self) -> Option<(u64, i32)> {
        let head = read_u32(RING + offset::CQ_HEAD as u64);
        if head == read_u32(RING + offset::CQ_TAIL as u64) {
            return None;
        }
        let at = RING + cqe_at(head) as u64;
        let completion = (read_u64(at), read_u32(at + 8).cast_signed());
        write_u32(RING + offset::CQ_HEAD as u64, head.wrapping_add(1));
        Some(completion)
    }
}
