//! A second thread rewrites submissions while the kernel reads them. The kernel must read each field once: every
//! submission then gets exactly one completion, which fits one of the versions it could have seen whole fields of.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::layout::RING;
use abi::ring::{Opcode, Sqe, offset, sqe_at};
use rt::hostile::{read_u32, write_u64};
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Client, Env};

use crate::child;
use crate::indices::Raw;
use crate::pointers::stack_scratch;
use crate::report::Report;

const NAME: &str = "race";
const HEADER: &str = "race-header";

/// Submissions made while they are being rewritten.
const ROUNDS: u32 = 20_000;

/// Both versions of the race.
pub fn attack(env: &Env, report: &mut Report) {
    child::attack(
        env,
        report,
        NAME,
        "rewriting submissions while they are read",
        &[0],
    );
    child::attack(env, report, HEADER, "rewriting the header while it is read", &[0]);
}

/// The child's part.
pub fn act(env: &Env, name: &str) -> Option<i64> {
    match name {
        NAME => Some(race(env, rewrite_submissions, true)),
        HEADER => Some(race(env, rewrite_header, false)),
        _ => None,
    }
}

/// Submits while `rewrite` runs on another thread; 0 if everything stayed in order. With a header under attack
/// completions may be lost to the attacker itself, so only the kernel's survival counts.
fn race(env: &Env, rewrite: fn(u32), completions_count: bool) -> i64 {
    let (Ok(threads), Ok(timer)) = (Threads::new(env), env.first::<Timer>()) else {
        return 1;
    };
    let cap = timer.cap().id();
    let (go, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let attacker = threads.spawn({
        let (go, stop) = (go.clone(), stop.clone());
        move || {
            while !go.load(Ordering::Acquire) {
                core::hint::spin_loop();
            }
            while !stop.load(Ordering::Relaxed) {
                rewrite(cap);
            }
        }
    });
    let Ok(attacker) = attacker else { return 2 };
    let addr = stack_scratch();
    rt::hostile::write_u64(addr, 1 << 32);
    rt::hostile::write_u64(addr + 8, 0xffff_fffc);
    let honest = Sqe {
        opcode: Opcode::Call as u8,
        cap_id: cap,
        addr,
        len: 16,
        result_addr: addr + 1024,
        result_len: 512,
        user_data: 1,
        ..Sqe::default()
    };
    // A tail that is nonsense makes the kernel take whatever lies in the slots. What start-up left there must be gone: a
    // replayed request for a thread, its parameters overwritten since, would start one at address 0.
    for slot in 0..abi::ring::SQ_ENTRIES {
        for (word, value) in (0..).zip(honest.to_words()) {
            write_u64(RING + sqe_at(slot) as u64 + 8 * word, value);
        }
    }
    go.store(true, Ordering::Release);
    let ring = Raw;
    let mut code = 0;
    for _ in 0..ROUNDS {
        ring.push(&honest);
        ring.enter();
        if completions_count {
            match (ring.pop(), ring.pop()) {
                (Some((0 | 1 | u64::MAX, -10..=512)), None) => {}
                (None, _) => code = 3,
                (Some(_), Some(_)) => code = 4,
                _ => code = 5,
            }
        } else {
            // At most this many: with the indices under attack there may seem to be billions.
            (0..64).take_while(|_| ring.pop().is_some()).for_each(drop);
        }
        if code != 0 {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    // This thread's lane no longer knows the ring's indices, so it cannot join: the process's end ends the other.
    core::mem::forget(attacker);
    code
}

/// Turns words of every submission into hostile ones and back.
fn rewrite_submissions(cap: u32) {
    const HOSTILE: [u64; 8] = [
        0xffff_ffff_ffff_ffff, // opcode, flags, method, capability
        u64::MAX,              // user data
        0xffff_8000_0000_0000, // parameters in the kernel
        u64::MAX,              // lengths
        0xffff_8000_0000_0000, // results in the kernel
        u64::MAX,              // dependency
        0x0000_0000_ffff_0000, // transfers
        u64::MAX,              // disclosure
    ];
    let honest = u64::from(cap) << 32;
    for slot in 0..abi::ring::SQ_ENTRIES {
        let at = RING + sqe_at(slot) as u64;
        for (word, hostile) in HOSTILE.into_iter().enumerate() {
            write_u64(at + 8 * word as u64, hostile);
            write_u64(at + 8 * word as u64, if word == 0 { honest } else { 0 });
        }
    }
}

/// Turns the words of the header into nonsense and back, heads and tails included.
fn rewrite_header(_: u32) {
    for at in (0..offset::CQE_OFFSET as u64).step_by(8) {
        let before = u64::from(read_u32(RING + at)) | u64::from(read_u32(RING + at + 4)) << 32;
        write_u64(RING + at, u64::MAX);
        write_u64(RING + at, before ^ 0x8000_0001_8000_0001);
        write_u64(RING + at, before);
    }
}
