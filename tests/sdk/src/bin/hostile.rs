//! A program that means harm: buffers in every wrong place, requests rewritten by another thread while the kernel reads
//! them, and random ones by the thousand. It gets errors, and goes on.

#![no_std]
#![no_main]

use capos::syscall;
use capos_config::ring::*;
use core::sync::atomic::{AtomicU32, Ordering};
use sdk_check::prelude::*;
use sdk_check::request::{Good, accepted, call, expect};
use sdk_check::{raw, thread};

fn main(runtime: Runtime) -> i64 {
    run(
        "hostile",
        runtime,
        &[
            (
                "buffers in the kernel, in no memory, in read-only memory, around the end",
                buffers,
            ),
            ("a request rewritten while it is read", rewritten),
            ("random requests, ten thousand of them", random),
        ],
    )
}

fn buffers(bench: &mut Bench<'_>) -> Outcome {
    let good = call(bench)?;
    let image = main as *const () as u64;
    let nowhere = [
        0,
        1,
        0x1000,
        0x1f_ffff,
        0xff_f000,
        0x101_0000,
        0x140_0000,
        0x7000_0000_0000,
        0x7fff_ffff_ffff,
        0x8000_0000_0000,
        0xffff_7fff_ffff_ffff,
        0xffff_8000_0000_0000,
        0xffff_ffff_8000_0000,
        u64::MAX - 15,
        u64::MAX,
    ];
    for address in nowhere {
        expect(
            CapSqe {
                addr: address,
                ..good.sqe
            },
            -2,
            &format!("params at {address:#x}"),
        )?;
        expect(
            CapSqe {
                result_addr: address,
                ..good.sqe
            },
            -3,
            &format!("result at {address:#x}"),
        )?;
        expect(
            CapSqe {
                addr: address,
                result_addr: address,
                ..good.sqe
            },
            -3,
            &format!("both at {address:#x}"),
        )?;
    }
    for (what, address) in [("code", image), ("the capability page", 0x130_0000)] {
        expect(
            CapSqe {
                result_addr: address,
                ..good.sqe
            },
            -3,
            &format!("result over {what}"),
        )?;
    }
    // The ring page and the stack are the program's own memory, and may be written to.
    accepted(
        &Good {
            sqe: CapSqe {
                result_addr: 0x120_0f00,
                ..good.sqe
            },
            ..good
        },
        "CALL with its result in the ring page",
    )?;
    for length in [65537, 1 << 20, u32::MAX] {
        expect(
            CapSqe {
                len: length,
                ..good.sqe
            },
            -2,
            &format!("params of {length} bytes"),
        )?;
        expect(
            CapSqe {
                result_len: length,
                ..good.sqe
            },
            -3,
            &format!("result of {length} bytes"),
        )?;
    }
    // Without a length, any address is fine.
    let empty = CapSqe {
        len: 0,
        addr: u64::MAX,
        result_len: 0,
        result_addr: 0xffff_8000_0000_0000,
        method_id: 99,
        ..good.sqe
    };
    same!(
        raw::one(empty)?.result,
        -10,
        "an unknown method without buffers, at impossible addresses"
    );
    accepted(&good, "CALL")
}

static STOP: AtomicU32 = AtomicU32::new(0);

/// The words of a request that works, for the scribbler to mix with nonsense: a leaked array's address is its argument.
type Words = [u64; 8];

/// Rewrites the whole submission queue again and again, word by word, with what works and what does not.
fn scribbler(words: u64, _: u32) -> i64 {
    // SAFETY: the first thread leaked the array before it started this one.
    let good: &Words = unsafe { &*(words as *const Words) };
    let mut state = 0x1234_5678_9abc_def1u64;
    while STOP.load(Ordering::Relaxed) == 0 {
        for slot in 0..16 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let word = (state >> 8) as usize % 8;
            // A word in four is nonsense, but never one that could release what the program needs.
            let nonsense = if word == 0 {
                state & !0xff | CAP_OP_NOP as u64
            } else {
                state
            };
            raw::scribble(
                slot,
                word,
                if state >> 16 & 3 == 0 {
                    nonsense
                } else {
                    good[word]
                },
            );
        }
    }
    0
}

fn rewritten(bench: &mut Bench<'_>) -> Outcome {
    let good = call(bench)?.sqe;
    let word_0 = u64::from(CAP_OP_CALL) | u64::from(good.cap_id) << 32;
    let lengths = u64::from(good.len) | u64::from(good.result_len) << 32;
    let words: &'static Words = Box::leak(Box::new([
        word_0,
        0xabcd,
        good.addr,
        lengths,
        good.result_addr,
        0,
        0,
        0,
    ]));
    STOP.store(0, Ordering::SeqCst);
    let words = words.as_ptr() as u64;
    let thread = thread::start(bench.cap("threads")?, bench.cap("control")?, scribbler, words)?;
    let mut answered = 0;
    for _ in 0..3000 {
        // Whatever is in the slots by now. Owned by a thread that does not exist, it blocks the queue: withdraw.
        let tail = raw::indices().sq_tail;
        raw::set_sq_tail(tail.wrapping_add(4));
        if syscall::cap_enter(0, 0).is_err() {
            raw::set_sq_tail(raw::indices().sq_head);
        }
        answered += core::iter::from_fn(raw::next)
            .filter(|entry| entry.result > 0)
            .count();
    }
    raw::set_sq_tail(raw::indices().sq_head);
    STOP.store(1, Ordering::SeqCst);
    // What was left behind may complete late; the join finds its own.
    same!(thread::join(&thread)?, 0, "exit code of the scribbler");
    while raw::next().is_some() {}
    ensure!(
        answered > 0,
        "not one of 12,000 requests was a good one: nothing was tried"
    );
    Ok(())
}

fn random(bench: &mut Bench<'_>) -> Outcome {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let ids = [
        bench.cap("timer")?,
        bench.cap("endpoint")?,
        bench.cap("park")?,
        0,
        0xffff_ffff,
    ];
    let room = vec![0u8; 4096].leak().as_mut_ptr() as u64;
    for _ in 0..10_000 {
        let bits = next();
        let pick = |shift: u32, good: u64, bad: u64| if bits >> shift & 3 == 0 { bad } else { good };
        // Never a RELEASE that works, and no owner but ourselves: the rest of the program needs both.
        let opcode = match bits as u8 % 12 {
            CAP_OP_RELEASE => CAP_OP_NOP,
            opcode => opcode,
        };
        let sqe = CapSqe {
            opcode,
            flags: if bits >> 8 & 15 == 0 {
                (bits >> 12) as u8 & !CAP_SQE_THREAD_OWNED
            } else {
                0
            },
            method_id: (bits >> 20) as u16 & 3,
            cap_id: ids[(bits >> 24) as usize % ids.len()],
            user_data: bits,
            addr: pick(32, room + (bits >> 40 & 1023), next()),
            len: pick(34, next() & 255, next()) as u32,
            result_addr: pick(36, room + (bits >> 41 & 1023), next()),
            result_len: pick(38, next() & 255, next()) as u32,
            pipeline_dep: pick(44, 0, bits),
            pipeline_field: pick(46, 0, 1) as u16,
            xfer_cap_count: pick(48, 0, bits & 31) as u16,
            call_id: pick(50, 0, bits) as u32,
            session_disclosure: pick(52, 0, bits),
        };
        raw::submit(sqe);
        let _ = syscall::cap_enter(0, 0);
        while raw::next().is_some() {}
    }
    // It still answers as it should.
    let mut entry = None;
    raw::submit(CapSqe {
        user_data: 0xa11_600d,
        ..call(bench)?.sqe
    });
    while entry.is_none() {
        raw::enter(1, FOREVER)?;
        entry = core::iter::from_fn(raw::next).find(|entry| entry.user_data == 0xa11_600d);
    }
    ensure!(entry.is_some_and(|entry| entry.result > 0), "the last CALL");
    Ok(())
}

capos::entry_point!(main);
