//! The ring's indices and header as a liar writes them, queues that are full, and system calls that do not exist. The
//! kernel trusts nothing it reads from the page, and loses no completion.

#![no_std]
#![no_main]

use capos::syscall::{self, SyscallError};
use capos_config::ring::CAP_OP_NOP;
use capos_config::ring::CAP_OP_RELEASE;
use sdk_check::prelude::*;
use sdk_check::request::{accepted, call, nop};
use sdk_check::{raw, wire};

fn main(runtime: Runtime) -> i64 {
    run(
        "rings",
        runtime,
        &[
            ("a submission queue longer than it can be is dropped", long_queue),
            ("a submission that is withdrawn never runs", withdrawn),
            (
                "the kernel's own indices are not taken from the page",
                kernel_indices,
            ),
            ("masks, counts and offsets are not taken from the page", header),
            (
                "a full completion queue holds everything back and loses nothing",
                back_pressure,
            ),
            (
                "a nonsensical completion head stops dispatch until it makes sense",
                bad_completion_head,
            ),
            (
                "system calls that do not exist, and registers that survive",
                system_calls,
            ),
        ],
    )
}

fn long_queue(bench: &mut Bench<'_>) -> Outcome {
    for excess in [17, 18, 1000, 1 << 31, u32::MAX] {
        let before = raw::indices();
        let tail = before.sq_head.wrapping_add(excess);
        raw::set_sq_tail(tail);
        same!(
            syscall::cap_enter(0, 0),
            Ok(0),
            "cap_enter with {excess} submissions"
        );
        let after = raw::indices();
        same!(
            (after.sq_head, after.sq_tail, after.cq_tail),
            (tail, tail, before.cq_tail),
            "indices after {excess} submissions"
        );
        accepted(&nop(), "NOP")?;
    }
    accepted(&call(bench)?, "CALL")
}

fn withdrawn(bench: &mut Bench<'_>) -> Outcome {
    let before = raw::indices();
    for _ in 0..16 {
        raw::submit(CapSqe {
            cap_id: bench.cap("timer")?,
            ..raw::sqe(CAP_OP_RELEASE, 0xbad)
        });
    }
    raw::set_sq_tail(before.sq_tail);
    same!(
        syscall::cap_enter(1, 0),
        Ok(0),
        "cap_enter after everything was withdrawn"
    );
    same!(raw::indices(), before, "indices");
    accepted(&call(bench)?, "CALL")
}

fn kernel_indices(bench: &mut Bench<'_>) -> Outcome {
    for lie in [0, 1, 15, 16, 17, 0x8000_0000, u32::MAX] {
        let before = raw::indices();
        raw::set_sq_head(before.sq_head.wrapping_add(lie));
        raw::submit(raw::sqe(CAP_OP_NOP, 0x11));
        same!(
            raw::enter(1, FOREVER)?,
            1,
            "completions with the submission head off by {lie}"
        );
        let after = raw::indices();
        same!(
            (after.sq_head, after.sq_tail),
            (before.sq_tail.wrapping_add(1), before.sq_tail.wrapping_add(1)),
            "submission indices"
        );
        same!(raw::wait()?.user_data, 0x11, "the completion");
        // The completion tail: the kernel writes where it knows the next entry belongs.
        let before = raw::indices();
        raw::set_cq_tail(before.cq_tail.wrapping_add(lie));
        raw::submit(raw::sqe(CAP_OP_NOP, 0x12));
        same!(
            raw::enter(1, FOREVER)?,
            1,
            "completions with the completion tail off by {lie}"
        );
        same!(
            raw::indices().cq_tail,
            before.cq_tail.wrapping_add(1),
            "completion tail"
        );
        same!(raw::wait()?.user_data, 0x12, "the completion");
    }
    accepted(&call(bench)?, "CALL")
}

fn header(bench: &mut Bench<'_>) -> Outcome {
    // sq_mask, sq_entries, sq_flags, cq_mask, cq_entries, cq_flags, cq_overflow, sqe_offset, cqe_offset.
    let words = [0x08, 0x0c, 0x10, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x30];
    let kept: Vec<u32> = words.iter().map(|&offset| raw::header_word(offset)).collect();
    same!(
        kept[..],
        [15, 16, 0, 31, 32, 0, 0, 128, 1152][..],
        "header of the ring"
    );
    for lie in [0, 1, 0xffff_ffff, 4096, 0x7fff_fff0] {
        for &offset in &words {
            raw::set_header_word(offset, lie);
        }
        for user_data in 0..40 {
            raw::submit(raw::sqe(CAP_OP_NOP, user_data));
            same!(
                raw::wait()?.user_data,
                user_data,
                "a completion with {lie:#x} all over the header"
            );
        }
    }
    for (&offset, &value) in words.iter().zip(&kept) {
        raw::set_header_word(offset, value);
    }
    accepted(&call(bench)?, "CALL")
}

fn back_pressure(bench: &mut Bench<'_>) -> Outcome {
    let before = raw::indices();
    for user_data in 0..32 {
        raw::submit(raw::sqe(CAP_OP_NOP, user_data));
        if user_data % 16 == 15 {
            raw::enter(0, 0)?;
        }
    }
    for user_data in 32..48 {
        raw::submit(raw::sqe(CAP_OP_NOP, user_data));
    }
    same!(raw::enter(0, 0)?, 32, "completions in a full queue");
    let full = raw::indices();
    same!(
        (full.cq_tail - before.cq_tail, full.sq_tail - full.sq_head),
        (32, 16),
        "completions and submissions waiting"
    );
    same!(raw::header_word(0x28), 0, "overflows");
    for user_data in 0..5 {
        same!(
            raw::next().map(|entry| entry.user_data),
            Some(user_data),
            "the oldest completion"
        );
    }
    same!(raw::enter(0, 0)?, 32, "completions after five were taken");
    for user_data in 5..48 {
        same!(raw::wait()?.user_data, user_data, "the order of completions");
    }
    same!(raw::next().is_none(), true, "nothing is left");
    // Completions that come by themselves wait for room as well.
    let params = wire::encode::<capos::capos_capnp::timer::sleep_params::Owned>(|mut params| {
        params.set_duration_ns(MILLISECOND)
    });
    for user_data in 100..104 {
        raw::submit(raw::call(bench.cap("timer")?, 1, user_data, &params, &mut []));
    }
    raw::enter(0, 0)?;
    for user_data in 0..32 {
        raw::submit(raw::sqe(CAP_OP_NOP, user_data));
        if user_data % 16 == 15 {
            raw::enter(0, 0)?;
        }
    }
    raw::enter(32, FOREVER)?;
    for _ in 0..200 {
        // Until the sleeps are over for certain, in a queue that stays full.
        let _ = raw::system_call(2, 0, 0);
        for _ in 0..20_000 {
            core::hint::spin_loop();
        }
    }
    let mut seen = Vec::new();
    while seen.len() < 36 {
        seen.push(raw::wait()?.user_data);
    }
    seen.sort_unstable();
    let expected: Vec<u64> = (0..32).chain(100..104).collect();
    ensure!(seen == expected, "completions {seen:?}");
    same!(raw::header_word(0x28), 0, "overflows");
    Ok(())
}

fn bad_completion_head(bench: &mut Bench<'_>) -> Outcome {
    for lie in [1, 33u32.wrapping_neg(), 0x8000_0000] {
        let before = raw::indices();
        raw::set_cq_head(before.cq_head.wrapping_add(lie));
        raw::submit(raw::sqe(CAP_OP_NOP, 0x31));
        let _ = raw::system_call(2, 0, 0);
        let during = raw::indices();
        same!(
            (during.sq_head, during.cq_tail),
            (before.sq_head, before.cq_tail),
            "indices with the completion head off by {lie:#x}"
        );
        raw::set_cq_head(before.cq_head);
        same!(
            raw::wait()?.user_data,
            0x31,
            "the completion after the head made sense again"
        );
    }
    accepted(&call(bench)?, "CALL")
}

fn system_calls(_: &mut Bench<'_>) -> Outcome {
    ensure!(
        syscall::legacy_ambient_write_is_rejected(),
        "the retired write is not refused"
    );
    for number in [
        4,
        5,
        63,
        255,
        256,
        1 << 32,
        (1 << 32) | 1,
        (1 << 32) | 2,
        1 << 63,
        u64::MAX,
    ] {
        same!(
            raw::system_call(number, 0, 0),
            u64::MAX,
            "system call {number:#x}"
        );
    }
    same!(
        syscall::cap_enter(33, 0),
        Err(SyscallError::Rejected),
        "waiting for 33"
    );
    same!(raw::system_call(2, 1 << 32, 0), u64::MAX, "waiting for 2^32");
    for number in [0, 2, 77] {
        same!(
            raw::registers_changed_by(number, 0, 0),
            0,
            "registers that system call {number} changed"
        );
    }
    raw::submit(raw::sqe(CAP_OP_NOP, 0x41));
    same!(
        raw::registers_changed_by(2, 1, u64::MAX),
        0,
        "registers that a cap_enter with work changed"
    );
    same!(raw::wait()?.user_data, 0x41, "that work");
    same!(
        raw::registers_changed_by(2, 1, MILLISECOND),
        0,
        "registers that a cap_enter with a sleep changed"
    );
    Ok(())
}

capos::entry_point!(main);
