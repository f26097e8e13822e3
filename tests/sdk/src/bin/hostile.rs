//! A program that means harm: every malformed SQE there is a rule about, indices that are nonsense, headers scribbled
//! over, requests rewritten while the kernel reads them, and system calls that do not exist. Each gets its code, one
//! completion, and nothing else changes.

#![no_std]
#![no_main]

use capos::syscall;
use capos::syscall::SyscallError;
use capos_config::ring::*;
use core::sync::atomic::{AtomicU32, Ordering};
use sdk_check::prelude::*;
use sdk_check::{raw, thread, wire};

fn main(runtime: Runtime) -> i64 {
    run(
        "hostile",
        runtime,
        &[
            ("unknown opcodes and the reserved one", opcodes),
            ("every flag byte on every opcode", flags),
            ("fields that must be zero in a CALL", call_fields),
            ("fields that must be zero in a RETURN", return_fields),
            ("fields that must be zero in a RECV", recv_fields),
            (
                "fields that must be zero in a RELEASE, and it releases nothing",
                release_fields,
            ),
            ("fields that must be zero in a CANCEL", cancel_fields),
            ("fields that must be zero in a NOP", nop_fields),
            ("fields that must be zero in a PARK", park_fields),
            ("fields that must be zero in an UNPARK", unpark_fields),
            (
                "buffers in the kernel, in no memory, in read-only memory, around the end",
                buffers,
            ),
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
            ("a request rewritten while it is read", rewritten),
            ("random requests, ten thousand of them", random),
        ],
    )
}

/// The shape of a good request for each opcode, over objects that make its effect visible.
struct Good {
    sqe: CapSqe,
    /// What it answers when nothing is wrong with it.
    result: fn(i32) -> bool,
}

static WORD: AtomicU32 = AtomicU32::new(7);

fn call(bench: &Bench<'_>) -> Outcome<Good> {
    let room = vec![0u8; 128].leak();
    Ok(Good {
        sqe: raw::call(bench.cap("timer")?, 0, 0, wire::NOTHING, room),
        result: |result| result > 0,
    })
}

fn reply(bench: &Bench<'_>) -> Outcome<Good> {
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

fn cancel(bench: &Bench<'_>) -> Outcome<Good> {
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

fn nop() -> Good {
    Good {
        sqe: raw::sqe(CAP_OP_NOP, 0),
        result: |result| result == 0,
    }
}

fn park(bench: &Bench<'_>) -> Outcome<Good> {
    let sqe = thread::park_sqe(bench.cap("park")?, thread::FIRST_THREAD, &WORD, 8, 0);
    Ok(Good {
        sqe,
        result: |result| result == PARK_VALUE_MISMATCH,
    })
}

fn unpark(bench: &Bench<'_>) -> Outcome<Good> {
    Ok(Good {
        sqe: thread::unpark_sqe(bench.cap("park")?, &WORD, 1),
        result: |result| result == 0,
    })
}

static NEXT: AtomicU32 = AtomicU32::new(1);

/// Submits one request and checks its code, that it is one completion with nothing in it but that, and that the
/// indices moved by one.
fn expect(sqe: CapSqe, code: i32, what: &str) -> Outcome {
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
fn accepted(good: &Good, what: &str) -> Outcome {
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

/// A change to a request, and its name.
type Change = (&'static str, fn(&mut CapSqe));

fn opcodes(_: &mut Bench<'_>) -> Outcome {
    for opcode in 0..=255u8 {
        let sqe = raw::sqe(opcode, 0);
        match opcode {
            CAP_OP_FINISH => expect(sqe, -5, "the reserved opcode")?,
            // A build that measures would know this one; an ordinary one does not.
            CAP_OP_PARK_BENCH | 10.. => expect(sqe, -1, &format!("opcode {opcode}"))?,
            _ => {}
        }
    }
    let full = CapSqe {
        flags: 0xff,
        method_id: 9,
        cap_id: 9,
        addr: 9,
        len: 9,
        result_addr: 9,
        result_len: 9,
        call_id: 9,
        ..raw::sqe(CAP_OP_FINISH, 0)
    };
    expect(full, -5, "the reserved opcode with everything set")?;
    expect(
        CapSqe { opcode: 200, ..full },
        -1,
        "an unknown opcode with everything set",
    )
}

fn flags(bench: &mut Bench<'_>) -> Outcome {
    let endpoint = bench.cap("endpoint")?;
    let receive = CapSqe {
        cap_id: endpoint,
        result_addr: vec![0u8; 64].leak().as_mut_ptr() as u64,
        result_len: 64,
        ..raw::sqe(CAP_OP_RECV, 0)
    };
    let release = CapSqe {
        cap_id: endpoint,
        ..raw::sqe(CAP_OP_RELEASE, 0)
    };
    let owned = CAP_SQE_THREAD_OWNED;
    let requests = [
        ("CALL", call(bench)?.sqe, &[0, owned][..]),
        (
            "RETURN",
            reply(bench)?.sqe,
            &[0, CAP_SQE_RETURN_APPLICATION_EXCEPTION],
        ),
        ("RECV", receive, &[0]),
        ("RELEASE", release, &[0]),
        ("CANCEL", cancel(bench)?.sqe, &[0]),
        ("NOP", nop().sqe, &[0]),
        ("PARK", park(bench)?.sqe, &[owned]),
        ("UNPARK", unpark(bench)?.sqe, &[0]),
    ];
    for (name, sqe, allowed) in requests {
        for flags in 0..=255 {
            if !allowed.contains(&flags) {
                expect(
                    CapSqe { flags, ..sqe },
                    -1,
                    &format!("{name} with flags {flags:#x}"),
                )?;
            }
        }
    }
    accepted(&call(bench)?, "CALL")?;
    accepted(&park(bench)?, "PARK")?;
    // Nothing was released, and nothing receives.
    same!(raw::enter(1, 100_000)?, 0, "late completions");
    expect(
        reply(bench)?.sqe,
        -1,
        "a RETURN on the endpoint that was not released",
    )
}

fn refuse_all(good: &Good, name: &str, changes: &[Change]) -> Outcome {
    accepted(good, name)?;
    for (what, change) in changes {
        let mut sqe = good.sqe;
        change(&mut sqe);
        expect(sqe, -1, &format!("{name} with {what}"))?;
    }
    accepted(good, name)
}

const PIPELINE: [Change; 2] = [
    ("pipeline_dep", |sqe| sqe.pipeline_dep = 1),
    ("pipeline_field", |sqe| sqe.pipeline_field = 1),
];

const RESULT: [Change; 3] = [
    ("result_addr", |sqe| sqe.result_addr = 0x1000),
    ("result_len", |sqe| sqe.result_len = 1),
    ("the highest bit of result_addr", |sqe| sqe.result_addr = 1 << 63),
];

const REST: [Change; 6] = [
    ("method_id", |sqe| sqe.method_id = 1),
    ("call_id", |sqe| sqe.call_id = 1),
    ("xfer_cap_count", |sqe| sqe.xfer_cap_count = 1),
    ("session_disclosure", |sqe| sqe.session_disclosure = 1),
    ("the highest bit of call_id", |sqe| sqe.call_id = 1 << 31),
    ("the highest bit of session_disclosure", |sqe| {
        sqe.session_disclosure = 1 << 63
    }),
];

const PARAMS: [Change; 2] = [("addr", |sqe| sqe.addr = 1), ("len", |sqe| sqe.len = 1)];

const CALL_ID: [Change; 2] = [
    ("call_id", |sqe| sqe.call_id = 1),
    ("a high call_id", |sqe| sqe.call_id = 1 << 31),
];
const METHOD: [Change; 1] = [("method_id", |sqe| sqe.method_id = 0x8000)];
const TRANSFERS: [Change; 2] = [
    ("xfer_cap_count", |sqe| sqe.xfer_cap_count = 1),
    ("xfer_cap_count 16", |sqe| sqe.xfer_cap_count = 16),
];
const DISCLOSURE: [Change; 2] = [
    ("session_disclosure", |sqe| sqe.session_disclosure = 1),
    ("high session_disclosure", |sqe| sqe.session_disclosure = 1 << 40),
];

fn call_fields(bench: &mut Bench<'_>) -> Outcome {
    let good = call(bench)?;
    refuse_all(&good, "CALL", &PIPELINE)?;
    refuse_all(&good, "CALL", &CALL_ID)?;
    refuse_all(
        &good,
        "CALL",
        &[
            ("disclosure bit 3", |sqe| sqe.session_disclosure = 8),
            ("disclosure bit 63", |sqe| sqe.session_disclosure = 1 << 63),
            ("good and bad disclosure bits", |sqe| sqe.session_disclosure = 15),
            ("an owner of thread 0", |sqe| sqe.flags = CAP_SQE_THREAD_OWNED),
            ("an exception's flag", |sqe| {
                sqe.flags = CAP_SQE_RETURN_APPLICATION_EXCEPTION
            }),
        ],
    )?;
    // The three bits there are may be asked for; a kernel object ignores them.
    for bits in 1..8 {
        let sqe = CapSqe {
            session_disclosure: bits,
            ..good.sqe
        };
        accepted(&Good { sqe, ..good }, "CALL with disclosure")?;
    }
    // Wire rules come before everything else.
    let sqe = CapSqe {
        pipeline_dep: 1,
        cap_id: 0,
        addr: u64::MAX,
        len: u32::MAX,
        result_addr: u64::MAX,
        result_len: u32::MAX,
        ..good.sqe
    };
    expect(sqe, -1, "CALL with nothing right")
}

fn return_fields(bench: &mut Bench<'_>) -> Outcome {
    // Good and bad both answer −1 while no call is open: so this one answers an open call, after all that was refused.
    let endpoint = bench.cap("endpoint")?;
    let room = vec![0u8; HEADER_AND_ROOM].leak();
    let answer = vec![0u8; 64].leak();
    raw::submit(CapSqe {
        cap_id: endpoint,
        result_addr: room.as_mut_ptr() as u64,
        result_len: room.len() as u32,
        ..raw::sqe(CAP_OP_RECV, 1)
    });
    raw::submit(raw::call(endpoint, 0, 2, &[], answer));
    let received = raw::wait()?;
    same!(
        (received.user_data, received.result),
        (1, 56),
        "the call to answer"
    );
    let good = CapSqe {
        cap_id: endpoint,
        call_id: received.call_id,
        addr: answer.as_ptr() as u64,
        len: 3,
        ..raw::sqe(CAP_OP_RETURN, 0)
    };
    for (what, change) in PIPELINE.iter().chain(&RESULT).chain(&METHOD).chain(&DISCLOSURE) {
        let mut sqe = good;
        change(&mut sqe);
        expect(sqe, -1, &format!("RETURN with {what}"))?;
    }
    let exception = CapSqe {
        flags: CAP_SQE_RETURN_APPLICATION_EXCEPTION,
        xfer_cap_count: 1,
        ..good
    };
    expect(exception, -1, "RETURN of an exception with a capability")?;
    expect(CapSqe { addr: 0x1000, ..good }, -2, "RETURN of unmapped memory")?;
    expect(
        CapSqe {
            addr: 0xffff_8000_0000_0000,
            ..good
        },
        -2,
        "RETURN of the kernel's memory",
    )?;
    expect(
        CapSqe {
            len: u32::MAX,
            ..good
        },
        -2,
        "RETURN of 4 GiB",
    )?;
    raw::submit(CapSqe { user_data: 3, ..good });
    let mut seen = [raw::wait()?, raw::wait()?].map(|entry| (entry.user_data, entry.result));
    seen.sort_unstable();
    same!(
        seen,
        [(2, 3), (3, 0)],
        "the call that stayed open through all that"
    );
    Ok(())
}

/// Room for a message without params.
const HEADER_AND_ROOM: usize = size_of::<EndpointMessageHeader>() + 8;

fn recv_fields(bench: &mut Bench<'_>) -> Outcome {
    let room = vec![0u8; 64].leak();
    let good = CapSqe {
        cap_id: bench.cap("endpoint")?,
        result_addr: room.as_mut_ptr() as u64,
        result_len: 64,
        ..raw::sqe(CAP_OP_RECV, 0)
    };
    for (what, change) in PIPELINE.iter().chain(&PARAMS).chain(&REST) {
        let mut sqe = good;
        change(&mut sqe);
        expect(sqe, -1, &format!("RECV with {what}"))?;
    }
    for address in [0x1000, 0xffff_8000_0000_0000, u64::MAX - 8, 0x8000_0000_0000 - 8] {
        expect(
            CapSqe {
                result_addr: address,
                ..good
            },
            -3,
            &format!("RECV into {address:#x}"),
        )?;
    }
    expect(
        CapSqe {
            result_len: 65537,
            ..good
        },
        -3,
        "RECV into more than 64 KiB",
    )?;
    // Not one of them is pending: a cancel finds nothing.
    for user_data in [0, 0x5a5a] {
        expect(
            CapSqe {
                cap_id: good.cap_id,
                pipeline_dep: user_data | 1,
                ..raw::sqe(CAP_OP_CANCEL, 0)
            },
            -1,
            "CANCEL of a refused RECV",
        )?;
    }
    Ok(())
}

fn release_fields(bench: &mut Bench<'_>) -> Outcome {
    let timer = bench.cap("timer")?;
    let release = CapSqe {
        cap_id: timer,
        ..raw::sqe(CAP_OP_RELEASE, 0)
    };
    for (what, change) in PIPELINE.iter().chain(&PARAMS).chain(&RESULT).chain(&REST) {
        let mut sqe = release;
        change(&mut sqe);
        expect(sqe, -1, &format!("RELEASE with {what}"))?;
        accepted(&call(bench)?, "CALL through what was not released")?;
    }
    for id in [0, u32::MAX, timer ^ 0x100, timer ^ 0x8000_0000] {
        expect(
            CapSqe {
                cap_id: id,
                ..release
            },
            -1,
            &format!("RELEASE of {id:#x}"),
        )?;
    }
    accepted(&call(bench)?, "CALL through what was not released")
}

fn cancel_fields(bench: &mut Bench<'_>) -> Outcome {
    // A receive that waits, so that a cancel that slips through would show.
    let room = vec![0u8; 64].leak();
    let endpoint = bench.cap("endpoint")?;
    raw::submit(CapSqe {
        cap_id: endpoint,
        result_addr: room.as_mut_ptr() as u64,
        result_len: 64,
        ..raw::sqe(CAP_OP_RECV, 0x77)
    });
    same!(raw::enter(0, 0)?, 0, "completions of a receive that waits");
    let good = CapSqe {
        cap_id: endpoint,
        pipeline_dep: 0x77,
        ..raw::sqe(CAP_OP_CANCEL, 0)
    };
    for (what, change) in PIPELINE[1..].iter().chain(&PARAMS).chain(&RESULT).chain(&REST) {
        let mut sqe = good;
        change(&mut sqe);
        expect(sqe, -1, &format!("CANCEL with {what}"))?;
    }
    expect(
        CapSqe {
            pipeline_dep: 0,
            ..good
        },
        -1,
        "CANCEL of nothing",
    )?;
    raw::submit(CapSqe {
        user_data: 0x78,
        ..good
    });
    let mut seen = [raw::wait()?, raw::wait()?].map(|entry| (entry.user_data, entry.result));
    seen.sort_unstable();
    same!(seen, [(0x77, -4), (0x78, 0)], "the cancel that was right");
    Ok(())
}

fn nop_fields(_: &mut Bench<'_>) -> Outcome {
    refuse_all(&nop(), "NOP", &PIPELINE)?;
    refuse_all(&nop(), "NOP", &PARAMS)?;
    refuse_all(&nop(), "NOP", &RESULT)?;
    refuse_all(&nop(), "NOP", &REST)?;
    refuse_all(
        &nop(),
        "NOP",
        &[
            ("cap_id", |sqe| sqe.cap_id = 1),
            ("a high cap_id", |sqe| sqe.cap_id = 1 << 31),
        ],
    )
}

fn park_fields(bench: &mut Bench<'_>) -> Outcome {
    let good = park(bench)?;
    refuse_all(&good, "PARK", &PIPELINE[1..])?;
    refuse_all(&good, "PARK", &RESULT)?;
    refuse_all(&good, "PARK", &METHOD)?;
    refuse_all(&good, "PARK", &TRANSFERS)?;
    refuse_all(&good, "PARK", &DISCLOSURE)?;
    refuse_all(
        &good,
        "PARK",
        &[
            ("no owner", |sqe| sqe.flags = 0),
            ("thread 0", |sqe| sqe.call_id = 0),
        ],
    )
}

fn unpark_fields(bench: &mut Bench<'_>) -> Outcome {
    let good = unpark(bench)?;
    refuse_all(&good, "UNPARK", &PIPELINE)?;
    refuse_all(&good, "UNPARK", &RESULT)?;
    refuse_all(&good, "UNPARK", &REST)?;
    refuse_all(&good, "UNPARK", &[("no waiters", |sqe| sqe.len = 0)])
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
