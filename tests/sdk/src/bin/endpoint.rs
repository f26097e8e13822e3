//! Endpoints within one process, where caller and server are the same program: what a message looks like, the order of
//! calls and receives, answers, exceptions, cancelling, and what is too much or too big.

#![no_std]
#![no_main]

use capos::{ApplicationException, ENDPOINT_INTERFACE_ID, decode_completed_call};
use capos_config::ring::{CAP_OP_CANCEL, CAP_OP_RECV, CAP_OP_RETURN};
use sdk_check::meeting::{exchange, message, receive, reply, send, wait};
use sdk_check::prelude::*;
use sdk_check::raw;

fn main(runtime: Runtime) -> i64 {
    run(
        "endpoint",
        runtime,
        &[
            (
                "a call arrives as it was sent, and its answer comes back",
                round_trip,
            ),
            ("messages of any length, odd ones and empty ones", lengths),
            (
                "calls and receives wait for each other, first come first served",
                order,
            ),
            ("exceptions of every type reach the caller", exceptions),
            (
                "an answer needs a call that is open, on this endpoint, once",
                returns,
            ),
            ("an answer that does not fit fails both sides", big_answer),
            (
                "a message that does not fit stays for the next receive",
                big_message,
            ),
            ("a receive can be cancelled, twice it cannot", cancel),
            ("thirty-two calls queue, the next is overloaded", queue_limit),
            (
                "only an endpoint can be received from, answered and cancelled",
                wrong_objects,
            ),
            ("releasing the endpoint disconnects every caller", disconnect),
        ],
    )
}

fn round_trip(bench: &mut Bench<'_>) -> Outcome {
    let receiving = receive(bench, "service", 256)?;
    let calling = send(bench, "service", 0xbeef, b"what is it?", 64)?;
    let received = wait(bench, receiving)?;
    same!(received.cqe().result, 56 + 11, "header and params");
    let call = {
        let message = message(&received)?;
        same!(
            (message.interface_id, message.method_id, message.flags),
            (ENDPOINT_INTERFACE_ID, 0xbeef, 0),
            "header"
        );
        same!(message.params, &b"what is it?"[..], "params");
        same!(message.badge, 0, "badge");
        same!(
            message.caller_session,
            capos_abi::EndpointCallerSession::NONE,
            "caller session"
        );
        same!(message.cap_count, 0, "capabilities");
        message.call_id
    };
    ensure!(
        bench.ring.try_complete(calling)?.is_none(),
        "the call ended before its answer"
    );
    same!(reply(bench, "service", call, b"it is this")?, 0, "RETURN");
    let answered = wait(bench, calling)?;
    same!(answered.result_bytes()?, &b"it is this"[..], "answer");
    same!(
        (answered.cqe().badge, answered.cqe().call_id, answered.cqe().flags),
        (0, 0, 0),
        "the caller's completion"
    );
    Ok(())
}

fn lengths(bench: &mut Bench<'_>) -> Outcome {
    for length in [0usize, 1, 2, 3, 7, 8, 63, 4095, 4096, 10_000, 65_480] {
        let payload: Vec<u8> = (0..length).map(|place| (place * 7) as u8).collect();
        let receiving = receive(bench, "service", 56 + length)?;
        let calling = send(bench, "service", 1, &payload, length)?;
        let received = wait(bench, receiving)?;
        let call = {
            let message = message(&received)?;
            ensure!(message.params == payload, "{length} bytes arrived changed");
            message.call_id
        };
        same!(
            reply(bench, "service", call, &payload)?,
            0,
            "RETURN of {length} bytes"
        );
        ensure!(
            wait(bench, calling)?.result_bytes()? == payload,
            "{length} bytes came back changed"
        );
    }
    Ok(())
}

fn order(bench: &mut Bench<'_>) -> Outcome {
    // Calls first.
    let calls = [
        send(bench, "service", 1, b"", 8)?,
        send(bench, "service", 2, b"", 8)?,
        send(bench, "service", 3, b"", 8)?,
    ];
    bench.ring.cap_enter(0, 0)?;
    let mut open = Vec::new();
    for expected in 1..=3 {
        let receiving = receive(bench, "service", 64)?;
        let received = wait(bench, receiving)?;
        let message = message(&received)?;
        same!(message.method_id, expected, "the oldest call");
        open.push(message.call_id);
    }
    ensure!(
        open[0] != open[1] && open[1] != open[2] && open[0] != open[2],
        "call ids {open:?}"
    );
    // Answers in another order.
    for place in [2usize, 0, 1] {
        same!(reply(bench, "service", open[place], &[place as u8])?, 0, "RETURN");
        same!(
            wait(bench, calls[place])?.result_bytes()?,
            &[place as u8][..],
            "answer"
        );
    }
    // Receives first.
    let receives = [receive(bench, "service", 64)?, receive(bench, "service", 64)?];
    bench.ring.cap_enter(0, 0)?;
    let calls = [
        send(bench, "service", 11, b"", 8)?,
        send(bench, "service", 12, b"", 8)?,
    ];
    for place in 0..2 {
        let received = wait(bench, receives[place])?;
        let message = message(&received)?;
        same!(
            message.method_id,
            11 + place as u16,
            "the oldest receive gets the oldest call"
        );
        let call = message.call_id;
        same!(reply(bench, "service", call, b"")?, 0, "RETURN");
        same!(wait(bench, calls[place])?.cqe().result, 0, "an empty answer");
    }
    Ok(())
}

fn exceptions(bench: &mut Bench<'_>) -> Outcome {
    let types = [
        ExceptionType::Failed,
        ExceptionType::Overloaded,
        ExceptionType::Disconnected,
        ExceptionType::Unimplemented,
        ExceptionType::InvalidArgument,
    ];
    for (room, fits) in [(512, true), (8, false), (0, false)] {
        for kind in types {
            let completion = exchange(bench, room, |bench, call| {
                let exception = ApplicationException::new(kind, format!("on purpose: {kind:?}"));
                let endpoint = bench.cap("service")?;
                let returning = bench
                    .ring
                    .submit_endpoint_return_exception(endpoint, call, exception)?;
                same!(wait(bench, returning)?.cqe().result, 0, "RETURN of an exception");
                Ok(())
            })?;
            if fits {
                same!(completion.cqe().result, -9, "result");
                let Err(ClientError::Application(exception)) = decode_completed_call(&completion) else {
                    fail!("{kind:?} did not arrive as an exception");
                };
                same!(
                    (exception.exception_type(), exception.message()),
                    (kind, &*format!("on purpose: {kind:?}")),
                    "exception"
                );
            } else {
                same!(completion.cqe().result, -10, "an exception into {room} bytes");
            }
        }
    }
    Ok(())
}

fn returns(bench: &mut Bench<'_>) -> Outcome {
    for unknown in [0, 1, 0xffff, u32::MAX] {
        same!(
            reply(bench, "service", unknown, b"")?,
            -1,
            "RETURN to call {unknown:#x}"
        );
    }
    let mut old = 0;
    let completion = exchange(bench, 8, |bench, call| {
        old = call;
        same!(
            reply(bench, "other", call, b"")?,
            -1,
            "RETURN on another endpoint"
        );
        same!(reply(bench, "service", call, b"ok")?, 0, "RETURN");
        same!(reply(bench, "service", call, b"again")?, -1, "RETURN once more");
        Ok(())
    })?;
    same!(completion.result_bytes()?, &b"ok"[..], "answer");
    same!(
        reply(bench, "service", old, b"")?,
        -1,
        "RETURN to a call of the past"
    );
    Ok(())
}

fn big_answer(bench: &mut Bench<'_>) -> Outcome {
    let completion = exchange(bench, 4, |bench, call| {
        same!(
            reply(bench, "service", call, b"five!")?,
            -8,
            "RETURN of more than fits"
        );
        same!(reply(bench, "service", call, b"four")?, -1, "RETURN after that");
        Ok(())
    })?;
    same!(
        completion.cqe().result,
        -3,
        "the caller of an answer that did not fit"
    );
    Ok(())
}

fn big_message(bench: &mut Bench<'_>) -> Outcome {
    let calling = send(bench, "service", 1, &[7; 100], 8)?;
    for room in [0, 55, 56, 155] {
        let receiving = receive(bench, "service", room)?;
        same!(
            wait(bench, receiving)?.cqe().result,
            -3,
            "a receive with room for {room} bytes"
        );
    }
    let receiving = receive(bench, "service", 156)?;
    let received = wait(bench, receiving)?;
    let call = message(&received)?.call_id;
    same!(message(&received)?.params, &[7; 100][..], "params");
    same!(reply(bench, "service", call, b"")?, 0, "RETURN");
    same!(wait(bench, calling)?.cqe().result, 0, "the call");
    Ok(())
}

fn cancel(bench: &mut Bench<'_>) -> Outcome {
    let endpoint = bench.cap("service")?;
    let receiving = receive(bench, "service", 64)?;
    bench.ring.cap_enter(0, 0)?;
    let cancelling = bench.ring.submit_endpoint_cancel(endpoint, receiving)?;
    same!(wait(bench, cancelling)?.cqe().result, 0, "CANCEL");
    same!(wait(bench, receiving)?.cqe().result, -4, "the cancelled receive");
    let again = CapSqe {
        cap_id: endpoint,
        pipeline_dep: receiving.user_data(),
        ..raw::sqe(CAP_OP_CANCEL, 0x900)
    };
    same!(raw::one(again)?.result, -1, "CANCEL of what is gone");
    // Another endpoint's receive is not this endpoint's.
    let receiving = receive(bench, "service", 64)?;
    bench.ring.cap_enter(0, 0)?;
    let wrong = CapSqe {
        cap_id: bench.cap("other")?,
        pipeline_dep: receiving.user_data(),
        ..raw::sqe(CAP_OP_CANCEL, 0x901)
    };
    same!(raw::one(wrong)?.result, -1, "CANCEL on another endpoint");
    bench.ring.cancel_endpoint_recv(endpoint, receiving, FOREVER)?;
    // The oldest of two with the same user data goes first; the other still receives.
    let mut rooms = [vec![0u8; 64], vec![0u8; 64]];
    for room in &mut rooms {
        let receive = CapSqe {
            cap_id: endpoint,
            result_addr: room.as_mut_ptr() as u64,
            result_len: 64,
            ..raw::sqe(CAP_OP_RECV, 0x902)
        };
        raw::submit(receive);
    }
    raw::submit(CapSqe {
        cap_id: endpoint,
        pipeline_dep: 0x902,
        ..raw::sqe(CAP_OP_CANCEL, 0x903)
    });
    raw::enter(2, FOREVER)?;
    let mut seen = [raw::wait()?, raw::wait()?].map(|entry| (entry.user_data, entry.result));
    seen.sort_unstable();
    same!(seen, [(0x902, -4), (0x903, 0)], "completions of the cancel");
    raw::submit(raw::call(endpoint, 4, 0x904, &[], &mut []));
    let received = raw::wait()?;
    same!(
        (received.user_data, received.result),
        (0x902, 56),
        "the receive that is left"
    );
    raw::submit(CapSqe {
        cap_id: endpoint,
        call_id: received.call_id,
        ..raw::sqe(CAP_OP_RETURN, 0x905)
    });
    let mut seen = [raw::wait()?, raw::wait()?].map(|entry| (entry.user_data, entry.result));
    seen.sort_unstable();
    same!(seen, [(0x904, 0), (0x905, 0)], "the call and its answer");
    Ok(())
}

fn queue_limit(bench: &mut Bench<'_>) -> Outcome {
    let endpoint = bench.cap("service")?;
    let mut results = vec![0u8; 512];
    for number in 0..32 {
        raw::submit(raw::call(endpoint, number, u64::from(number), &[], &mut []));
        if number % 16 == 15 {
            same!(raw::enter(0, 0)?, 0, "completions of calls that nobody receives");
        }
    }
    let one_more = raw::call(endpoint, 32, 32, &[], &mut results);
    same!(raw::one(one_more)?.result, -9, "the thirty-third call");
    match ApplicationException::decode(&results) {
        Ok(exception) => same!(
            exception.exception_type(),
            ExceptionType::Overloaded,
            "its exception"
        ),
        Err(error) => fail!("an exception that does not decode: {error:?}"),
    }
    let mut room = vec![0u8; 64];
    for number in 0..32 {
        let receive = CapSqe {
            cap_id: endpoint,
            result_addr: room.as_mut_ptr() as u64,
            result_len: 64,
            ..raw::sqe(CAP_OP_RECV, 100)
        };
        let received = raw::one(receive)?;
        same!(room[8], number as u8, "the oldest call");
        raw::submit(CapSqe {
            cap_id: endpoint,
            call_id: received.call_id,
            ..raw::sqe(CAP_OP_RETURN, 101)
        });
        let mut seen = [raw::wait()?.user_data, raw::wait()?.user_data];
        seen.sort_unstable();
        same!(seen, [number, 101], "the call and its answer");
    }
    Ok(())
}

fn wrong_objects(bench: &mut Bench<'_>) -> Outcome {
    for id in [bench.cap("timer")?, bench.cap("console")?, 0, u32::MAX] {
        let room = vec![0u8; 64].leak();
        let receive = CapSqe {
            cap_id: id,
            result_addr: room.as_mut_ptr() as u64,
            result_len: 64,
            ..raw::sqe(CAP_OP_RECV, 1)
        };
        same!(raw::one(receive)?.result, -4, "RECV on {id:#x}");
        same!(
            raw::one(CapSqe {
                cap_id: id,
                call_id: 1,
                ..raw::sqe(CAP_OP_RETURN, 2)
            })?
            .result,
            -4,
            "RETURN on {id:#x}"
        );
        same!(
            raw::one(CapSqe {
                cap_id: id,
                pipeline_dep: 1,
                ..raw::sqe(CAP_OP_CANCEL, 3)
            })?
            .result,
            -4,
            "CANCEL on {id:#x}"
        );
    }
    Ok(())
}

fn disconnect(bench: &mut Bench<'_>) -> Outcome {
    let endpoint = bench.cap("service")?;
    // One call open, two queued.
    let receiving = receive(bench, "service", 64)?;
    let calls = [
        send(bench, "service", 1, b"", 256)?,
        send(bench, "service", 2, b"", 256)?,
        send(bench, "service", 3, b"", 256)?,
    ];
    wait(bench, receiving)?;
    same!(
        bench.ring.release_wait(endpoint, FOREVER)?,
        0,
        "release of the endpoint"
    );
    for call in calls {
        let completion = wait(bench, call)?;
        refused(
            decode_completed_call(&completion),
            ExceptionType::Disconnected,
            "a call to an endpoint that is gone",
        )?;
    }
    same!(
        bench.call(endpoint, 1, b"", 64)?.cqe().result,
        -4,
        "a call through the released id"
    );
    // A receive that waits ends as well.
    let receiving = receive(bench, "other", 64)?;
    bench.ring.cap_enter(0, 0)?;
    let other = bench.cap("other")?;
    same!(
        bench.ring.release_wait(other, FOREVER)?,
        0,
        "release of the other endpoint"
    );
    ensure!(
        wait(bench, receiving)?.cqe().result < 0,
        "a receive on a released endpoint brought a call"
    );
    Ok(())
}

capos::entry_point!(main);
