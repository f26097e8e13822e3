//! A queue that a sibling refills while the kernel works through it. One entry must take what was there when it began,
//! of which there are 16 at most: otherwise a single system call lasts as long as the attacker likes, interrupts off.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use abi::layout::{PAGE_SIZE, RING};
use abi::ring::{Opcode, SQ_ENTRIES, Sqe, offset};
use rt::hostile::{read_u32, write_u32, write_u64};
use rt::memory::{Protection, VirtualMemory};
use rt::thread::Threads;
use rt::{Client, Env, Error};

use crate::child;
use crate::indices::Raw;
use crate::report::Report;

const NOPS: &str = "refill-nops";
const CALLS: &str = "refill-calls";

/// Entries into a queue that is being refilled.
const ROUNDS: u32 = 50;
/// When one entry has taken so many, the sibling has shown what it wanted to, and stops: the entry ends, to be judged.
const ENOUGH: u32 = 1_000;
/// Memory whose protection each call changes: long enough for a sibling on another CPU to refill the queue meanwhile.
const BYTES: u64 = 2 << 20;

/// Exit code of a child one of whose entries took more than was there.
const TOOK_MORE: i64 = 3;

/// Both versions.
pub fn attack(env: &Env, report: &mut Report) {
    child::attack(env, report, NOPS, "refilling the queue with NOPs", &[0]);
    child::attack(env, report, CALLS, "refilling the queue with long calls", &[0]);
}

/// The child's part.
pub fn act(env: &Env, name: &str) -> Option<i64> {
    let submission = match name {
        NOPS => Ok(Sqe {
            opcode: Opcode::Nop as u8,
            ..Sqe::default()
        }),
        CALLS => long_call(env),
        _ => return None,
    };
    Some(submission.and_then(|sqe| refill(env, &sqe)).unwrap_or(2))
}

/// Enters while a sibling refills the queue with `submission`; 0 if no entry took more than was there.
fn refill(env: &Env, submission: &Sqe) -> Result<i64, Error> {
    let (go, began_at) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let sibling = Threads::new(env)?.spawn({
        let (go, began_at) = (go.clone(), began_at.clone());
        move || {
            while !go.load(Ordering::Acquire) {
                core::hint::spin_loop();
            }
            loop {
                let done = header(offset::CQ_TAIL);
                write_u32(RING + offset::CQ_HEAD as u64, done);
                let head = header(offset::SQ_HEAD);
                if head.wrapping_sub(began_at.load(Ordering::Relaxed)) < ENOUGH {
                    write_u32(RING + offset::SQ_TAIL as u64, head.wrapping_add(SQ_ENTRIES));
                }
            }
        }
    })?;
    // This thread's lane no longer knows the ring's indices, so it cannot join: the process's end ends the other.
    core::mem::forget(sibling);
    for slot in 0..SQ_ENTRIES {
        Raw.write(slot, submission);
    }
    began_at.store(header(offset::SQ_HEAD), Ordering::Relaxed);
    go.store(true, Ordering::Release);
    for _ in 0..ROUNDS {
        let before = header(offset::SQ_HEAD);
        while header(offset::SQ_TAIL) == before {
            core::hint::spin_loop();
        }
        began_at.store(before, Ordering::Relaxed);
        Raw.enter();
        if header(offset::SQ_HEAD).wrapping_sub(before) > SQ_ENTRIES {
            return Ok(TOOK_MORE);
        }
    }
    Ok(0)
}

fn header(at: usize) -> u32 {
    read_u32(RING + at as u64)
}

/// A call that changes the protection of many pages, to what it is.
fn long_call(env: &Env) -> Result<Sqe, Error> {
    let memory: VirtualMemory = env.first()?;
    let target = memory.map(0, BYTES, Protection::ReadWrite)?;
    for page in 0..BYTES / PAGE_SIZE {
        write_u32(target + page * PAGE_SIZE, 1);
    }
    let room = memory.map(0, PAGE_SIZE, Protection::ReadWrite)?;
    // One segment of four words: a struct with three words of data. The bits are those of reading and writing.
    for (word, value) in (0..).zip([4 << 32, 3 << 32, target, BYTES, 3]) {
        write_u64(room + 8 * word, value);
    }
    Ok(Sqe {
        opcode: Opcode::Call as u8,
        cap_id: memory.cap().id(),
        method_id: 2,
        addr: room,
        len: 40,
        result_addr: room + 2048,
        result_len: 512,
        ..Sqe::default()
    })
}
