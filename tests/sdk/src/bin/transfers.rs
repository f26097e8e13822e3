//! Capabilities that travel with calls and answers, copied and moved: they arrive whole or not at all, and a bad
//! descriptor loses nothing.

#![no_std]
#![no_main]

use capos::{CopyTransfer, ENDPOINT_INTERFACE_ID, TIMER_INTERFACE_ID};
use capos_config::ring::{CAP_CQE_TRANSFER_RESULT_CAPS, CAP_OP_CANCEL, CAP_OP_RECV, CAP_OP_RETURN};
use sdk_check::meeting::{exchange, message, receive, reply, wait};
use sdk_check::prelude::*;
use sdk_check::{raw, wire};

fn main(runtime: Runtime) -> i64 {
    run(
        "transfers",
        runtime,
        &[
            (
                "copied capabilities arrive with a call and with an answer",
                copies,
            ),
            ("moved capabilities leave their sender", moves),
            (
                "every bad descriptor is refused and nothing is lost",
                bad_descriptors,
            ),
            (
                "capabilities that do not fit the caller's buffer are not made",
                records_do_not_fit,
            ),
        ],
    )
}

/// Params with a transfer descriptor behind them, in memory that is aligned for it.
struct Packed(Vec<u64>);

impl Packed {
    fn new(descriptors: &[(u32, u16, u16)]) -> Self {
        Packed(
            descriptors
                .iter()
                .map(|&(cap, mode, reserved)| {
                    u64::from(cap) | u64::from(mode) << 32 | u64::from(reserved) << 48
                })
                .collect(),
        )
    }

    /// A CALL without params that sends the capabilities along.
    fn call(&self, endpoint: u32, user_data: u64, result: &mut [u8]) -> CapSqe {
        let count = self.0.len() as u16;
        CapSqe {
            addr: self.0.as_ptr() as u64,
            xfer_cap_count: count,
            ..raw::call(endpoint, 0, user_data, &[], result)
        }
    }

    /// A RETURN without payload that sends the capabilities along.
    fn reply(&self, endpoint: u32, call: u32, user_data: u64) -> CapSqe {
        CapSqe {
            cap_id: endpoint,
            addr: self.0.as_ptr() as u64,
            xfer_cap_count: self.0.len() as u16,
            call_id: call,
            ..raw::sqe(CAP_OP_RETURN, user_data)
        }
    }
}

const COPY: u16 = 1;
const MOVE: u16 = 2;

/// Whether the Timer behind `id` answers.
fn is_timer(bench: &mut Bench<'_>, id: u32) -> Outcome<bool> {
    Ok(bench.call(id, 0, wire::NOTHING, 64)?.cqe().result > 0)
}

fn copies(bench: &mut Bench<'_>) -> Outcome {
    let (endpoint, timer) = (bench.cap("service")?, bench.cap("timer")?);
    let receiving = receive(bench, "service", 256)?;
    let transfers = [
        CopyTransfer::from_cap_id(timer),
        CopyTransfer::from_cap_id(bench.cap("other")?),
    ];
    let params: Box<[u8]> = (*b"take these").into();
    let calling =
        bench
            .ring
            .submit_call_with_copy_transfers(endpoint, 1, params, vec![0; 64].into(), &transfers)?;
    let received = wait(bench, receiving)?;
    same!(
        received.cqe().result,
        56 + 10,
        "header and params, not the records"
    );
    same!(
        (received.cqe().cap_count, received.cqe().flags),
        (2, CAP_CQE_TRANSFER_RESULT_CAPS),
        "capabilities"
    );
    same!(message(&received)?.params, &b"take these"[..], "params");
    let first = received.result_cap(0)?;
    let second = received.result_cap(1)?;
    same!(
        (first.interface_id(), second.interface_id()),
        (TIMER_INTERFACE_ID, ENDPOINT_INTERFACE_ID),
        "interfaces"
    );
    ensure!(
        first.cap_id() != timer && first.cap_id() != second.cap_id(),
        "copies have ids of their own"
    );
    ensure!(
        is_timer(bench, first.cap_id())? && is_timer(bench, timer)?,
        "both timers work"
    );
    // And one back.
    let call = message(&received)?.call_id;
    let back = [CopyTransfer::from_cap_id(first.cap_id())];
    let returning =
        bench
            .ring
            .submit_endpoint_return_with_copy_transfers(endpoint, call, (*b"abc").into(), &back)?;
    same!(wait(bench, returning)?.cqe().result, 0, "RETURN");
    let answered = wait(bench, calling)?;
    same!(answered.result_bytes()?, &b"abc"[..], "answer");
    same!(
        (answered.cqe().cap_count, answered.cqe().flags),
        (1, CAP_CQE_TRANSFER_RESULT_CAPS),
        "capabilities"
    );
    let third = answered.result_cap(0)?.cap_id();
    ensure!(is_timer(bench, third)?, "the timer that came back");
    for id in [first.cap_id(), second.cap_id(), third] {
        same!(bench.ring.release_wait(id, FOREVER)?, 0, "release of a copy");
        same!(bench.ring.release_wait(id, FOREVER)?, -1, "release once more");
    }
    ensure!(is_timer(bench, timer)?, "the original");
    Ok(())
}

/// A copy of the Timer under an id of its own.
fn another_timer(bench: &mut Bench<'_>) -> Outcome<u32> {
    let receiving = receive(bench, "service", 128)?;
    let transfer = [CopyTransfer::from_cap_id(bench.cap("timer")?)];
    let endpoint = service(bench)?;
    let calling =
        bench
            .ring
            .submit_call_with_copy_transfers(endpoint, 1, Box::new([]), Box::new([]), &transfer)?;
    let received = wait(bench, receiving)?;
    let (call, id) = (message(&received)?.call_id, received.result_cap(0)?.cap_id());
    same!(reply(bench, "service", call, b"")?, 0, "RETURN");
    wait(bench, calling)?;
    Ok(id)
}

fn service(bench: &Bench<'_>) -> Outcome<u32> {
    bench.cap("service")
}

fn record(bytes: &[u8], at: usize) -> (u32, u64) {
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    (word(at), u64::from(word(at + 8)) | u64::from(word(at + 12)) << 32)
}

fn moves(bench: &mut Bench<'_>) -> Outcome {
    let endpoint = service(bench)?;
    let given = another_timer(bench)?;
    let (mut room, mut answer) = (vec![0u8; 128], vec![0u8; 64]);
    raw::submit(CapSqe {
        cap_id: endpoint,
        result_addr: room.as_mut_ptr() as u64,
        result_len: 128,
        ..raw::sqe(CAP_OP_RECV, 1)
    });
    let packed = Packed::new(&[(given, MOVE, 0)]);
    raw::submit(packed.call(endpoint, 2, &mut answer));
    let received = raw::wait()?;
    same!(
        (received.user_data, received.result, received.cap_count),
        (1, 56, 1),
        "the receive"
    );
    let (taken, interface) = record(&room, 56);
    same!(interface, TIMER_INTERFACE_ID, "interface of what was moved");
    same!(
        raw::one(raw::call(given, 0, 3, wire::NOTHING, &mut [0; 64]))?.result,
        -4,
        "a call through what was moved"
    );
    same!(
        raw::one(CapSqe {
            cap_id: given,
            ..raw::sqe(3, 4)
        })?
        .result,
        -1,
        "release of what was moved"
    );
    ensure!(
        raw::one(raw::call(taken, 0, 5, wire::NOTHING, &mut [0; 64]))?.result > 0,
        "a call through what arrived"
    );
    // And moved back.
    let back = Packed::new(&[(taken, MOVE, 0)]);
    raw::submit(back.reply(endpoint, received.call_id, 6));
    let mut seen = [raw::wait()?, raw::wait()?].map(|entry| (entry.user_data, entry.result, entry.cap_count));
    seen.sort_unstable();
    same!(seen, [(2, 0, 1), (6, 0, 0)], "the answer");
    let (home, interface) = record(&answer, 0);
    same!(interface, TIMER_INTERFACE_ID, "interface of what came back");
    same!(
        raw::one(CapSqe {
            cap_id: taken,
            ..raw::sqe(3, 7)
        })?
        .result,
        -1,
        "release of what was moved back"
    );
    same!(
        raw::one(CapSqe {
            cap_id: home,
            ..raw::sqe(3, 8)
        })?
        .result,
        0,
        "release of what came back"
    );
    Ok(())
}

fn bad_descriptors(bench: &mut Bench<'_>) -> Outcome {
    let endpoint = service(bench)?;
    let (timer, console) = (bench.cap("timer")?, bench.cap("console")?);
    let copy = |id| (id, COPY, 0);
    let cases: &[(&str, &[(u32, u16, u16)], i32)] = &[
        ("mode 0", &[(timer, 0, 0)], -7),
        ("mode 3", &[(timer, 3, 0)], -7),
        ("an unknown mode", &[(timer, 0x8001, 0)], -7),
        ("a reserved field", &[(timer, COPY, 1)], -7),
        ("an unknown capability", &[copy(0xffff_ff00)], -7),
        ("capability id zero", &[copy(0)], -7),
        ("moved twice", &[(timer, MOVE, 0), (timer, MOVE, 0)], -7),
        ("moved and copied", &[(timer, MOVE, 0), copy(timer)], -7),
        ("copied and moved", &[copy(timer), (timer, MOVE, 0)], -7),
        ("the console", &[copy(console)], -6),
        (
            "the console behind others",
            &[(timer, MOVE, 0), copy(console)],
            -6,
        ),
        ("the console moved", &[(console, MOVE, 0)], -6),
        (
            "a bad form before the console",
            &[copy(console), (timer, 9, 0)],
            -7,
        ),
        (
            "an unknown capability before the console",
            &[copy(console), copy(0xffff_ff00)],
            -7,
        ),
        ("seventeen", &[copy(timer); 17], -7),
        (
            "more than fit the queue's field of vision",
            &[copy(timer); 300],
            -7,
        ),
    ];
    for (what, descriptors, expected) in cases {
        let packed = Packed::new(descriptors);
        same!(
            raw::one(packed.call(endpoint, 0x50, &mut [0; 64]))?.result,
            *expected,
            "CALL with {what}"
        );
    }
    let packed = Packed::new(&[copy(timer)]);
    let good = packed.call(endpoint, 0x51, &mut [0; 64]);
    for shift in [1, 2, 3, 5] {
        same!(
            raw::one(CapSqe {
                addr: good.addr + shift,
                ..good
            })?
            .result,
            -7,
            "descriptors {shift} bytes off"
        );
    }
    same!(
        raw::one(CapSqe { addr: 0x1000, ..good })?.result,
        -2,
        "descriptors in unmapped memory"
    );
    same!(
        raw::one(CapSqe {
            addr: u64::MAX - 3,
            ..good
        })?
        .result
            < 0,
        true,
        "descriptors at the end of all memory"
    );
    // No call arrived, and the timer is still here.
    let receive = CapSqe {
        cap_id: endpoint,
        result_addr: vec![0u8; 64].leak().as_mut_ptr() as u64,
        result_len: 64,
        ..raw::sqe(CAP_OP_RECV, 0x52)
    };
    raw::submit(receive);
    same!(raw::enter(1, MILLISECOND)?, 0, "calls that arrived");
    raw::submit(CapSqe {
        cap_id: endpoint,
        pipeline_dep: 0x52,
        ..raw::sqe(CAP_OP_CANCEL, 0x53)
    });
    raw::wait()?;
    raw::wait()?;
    ensure!(is_timer(bench, timer)?, "the timer is gone");
    // The same for answers: the call stays open for a better one.
    let completion = exchange(bench, 64, |bench, call| {
        for (what, descriptors, expected) in cases {
            let packed = Packed::new(descriptors);
            same!(
                raw::one(packed.reply(endpoint, call, 0x54))?.result,
                *expected,
                "RETURN with {what}"
            );
        }
        same!(reply(bench, "service", call, b"at last")?, 0, "RETURN");
        Ok(())
    })?;
    same!(completion.result_bytes()?, &b"at last"[..], "answer");
    Ok(())
}

fn records_do_not_fit(bench: &mut Bench<'_>) -> Outcome {
    let (endpoint, timer) = (service(bench)?, bench.cap("timer")?);
    for length in [0usize, 15] {
        let (mut room, mut answer) = (vec![0u8; 64], vec![0u8; length]);
        let receive = CapSqe {
            cap_id: endpoint,
            result_addr: room.as_mut_ptr() as u64,
            result_len: 64,
            ..raw::sqe(CAP_OP_RECV, 0x60)
        };
        raw::submit(receive);
        raw::submit(raw::call(endpoint, 0, 0x61, &[], &mut answer));
        let received = raw::wait()?;
        let packed = Packed::new(&[(timer, MOVE, 0)]);
        raw::submit(packed.reply(endpoint, received.call_id, 0x62));
        let mut seen =
            [raw::wait()?, raw::wait()?].map(|entry| (entry.user_data, entry.result, entry.cap_count));
        seen.sort_unstable();
        same!(
            seen,
            [(0x61, -3, 0), (0x62, -8, 0)],
            "caller and server with room for {length} bytes"
        );
        ensure!(is_timer(bench, timer)?, "the timer went nowhere");
    }
    Ok(())
}

capos::entry_point!(main);
