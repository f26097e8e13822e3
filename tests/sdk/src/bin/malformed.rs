//! Every rule about the form of a submission, broken one at a time: opcodes that do not exist, flags that are not for
//! this opcode, fields that must be zero. Each breach gets its code, one completion, and changes nothing.

#![no_std]
#![no_main]

use capos_config::ring::*;
use sdk_check::prelude::*;
use sdk_check::raw;
use sdk_check::request::{Good, accepted, call, cancel, expect, nop, park, reply, unpark};

fn main(runtime: Runtime) -> i64 {
    run(
        "malformed",
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
        ],
    )
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

capos::entry_point!(main);
