//! Endpoints between processes: badges and interface ids that tell the server who calls, capabilities that cross, and
//! what each side learns when the other one dies.

#![no_std]
#![no_main]

use capos::{
    ApplicationException, CapabilityRef, CompletedCall, CopyTransfer, ENDPOINT_INTERFACE_ID, Endpoint,
    KernelCapSource, PRESERVE_CLIENT_ENDPOINT_BADGE, ProcessHandleClient, RuntimeRingClient, SpawnGrant,
    SpawnGrantMode, SpawnGrantSource, SpawnResult, TimerClient, decode_completed_call, syscall,
};
use capos_config::ring::{CAP_OP_CANCEL, CAP_OP_RECV, CAP_OP_RETURN};
use capos_config::service_object::service_receiver_cookie;
use sdk_check::prelude::*;
use sdk_check::{child, raw, wire};

/// The id of a made-up service.
const SERVICE: u64 = 0xfeed_0000_cafe_0001;

fn main(runtime: Runtime) -> i64 {
    if let Some(role) = child::role(runtime.capset()) {
        return play(&role, runtime);
    }
    run(
        "service",
        runtime,
        &[
            ("a child's calls carry badge and interface of their facet", facets),
            ("a preserved badge stays, a service cookie arrives", badges),
            ("a client facet calls and does nothing else", client_facet),
            ("a parent calls the endpoint made for its child", parent_endpoint),
            (
                "ten thousand calls are answered, each with its own answer",
                many_calls,
            ),
            ("capabilities cross processes, copied and moved", transfers),
            (
                "an exception crosses, and breaks nothing but disconnected",
                exceptions,
            ),
            ("a server that dies disconnects its callers", server_dies),
            (
                "a server that is terminated disconnects its callers",
                server_terminated,
            ),
            ("a caller that dies leaves no answer to give", caller_dies),
            ("an endpoint moved into a child is the child's", moved_endpoint),
        ],
    )
}

fn grant<'a>(
    name: &'a str,
    source: CapabilityRef,
    interface: u64,
    mode: SpawnGrantMode,
    badge: u64,
) -> SpawnGrant<'a> {
    SpawnGrant {
        name,
        source: SpawnGrantSource::CapabilityAs {
            capability: source,
            interface_id: interface,
        },
        mode,
        badge,
    }
}

/// A child in `role` with a client facet of the parent's endpoint under the given badge.
fn client(bench: &mut Bench<'_>, role: &str, badge: u64) -> Outcome<SpawnResult> {
    let endpoint = bench.capset.get(b"endpoint")?;
    child::start(
        bench,
        "service",
        role,
        &[grant(
            "service",
            endpoint,
            SERVICE,
            SpawnGrantMode::ClientEndpoint,
            badge,
        )],
    )
}

/// The next call on the parent's endpoint.
fn receive(bench: &mut Bench<'_>) -> Outcome<CompletedCall> {
    let endpoint = bench.cap("endpoint")?;
    let call = bench.ring.submit_endpoint_recv(endpoint, vec![0; 512].into())?;
    Ok(bench.ring.wait(call, FOREVER)?)
}

fn reply(bench: &mut Bench<'_>, call: u32, answer: &[u8]) -> Outcome<i32> {
    let endpoint = bench.cap("endpoint")?;
    let call = bench.ring.submit_endpoint_return(endpoint, call, answer.into())?;
    Ok(bench.ring.wait(call, FOREVER)?.cqe().result)
}

fn facets(bench: &mut Bench<'_>) -> Outcome {
    for badge in [5, 0, u64::MAX - 1] {
        let started = client(bench, "ask", badge)?;
        let received = receive(bench)?;
        let call = {
            let Ok(message) = received.endpoint_message() else {
                fail!("no message: {}", received.cqe().result)
            };
            same!(
                (message.badge, message.interface_id),
                (badge, SERVICE),
                "badge and interface"
            );
            same!(
                (message.method_id, message.params),
                (3, &b"a question"[..]),
                "method and params"
            );
            message.call_id
        };
        same!(reply(bench, call, b"an answer")?, 0, "RETURN");
        same!(child::reap(bench, &started)?, 0, "exit code of the caller");
    }
    Ok(())
}

fn badges(bench: &mut Bench<'_>) -> Outcome {
    let cookie = service_receiver_cookie(17, 3);
    let endpoint = bench.capset.get(b"endpoint")?;
    let service = grant(
        "service",
        endpoint,
        SERVICE,
        SpawnGrantMode::ServiceObject,
        cookie,
    );
    let started = child::start(bench, "service", "ask", &[service])?;
    let received = receive(bench)?;
    same!(received.cqe().badge, cookie, "badge of a service object's facet");
    same!(reply(bench, received.cqe().call_id, b"an answer")?, 0, "RETURN");
    same!(child::reap(bench, &started)?, 0, "exit code of the caller");
    // A client that hands its facet on: as it is, under a new badge, and keeping the old one.
    for (role, badge) in [("pass-raw", 9), ("pass-client", 1234), ("pass-preserved", 9)] {
        let spawner = bench.capset.get(b"spawner")?;
        let facet = grant("service", endpoint, SERVICE, SpawnGrantMode::ClientEndpoint, 9);
        let handed = SpawnGrant {
            name: "spawner",
            source: SpawnGrantSource::Capability(spawner),
            mode: SpawnGrantMode::Raw,
            badge: 0,
        };
        let started = child::start(bench, "service", role, &[facet, handed])?;
        let received = receive(bench)?;
        same!(
            received.cqe().badge,
            badge,
            "badge of the facet that was handed on by {role}"
        );
        same!(reply(bench, received.cqe().call_id, b"an answer")?, 0, "RETURN");
        same!(
            child::reap(bench, &started)?,
            0,
            "exit code of the one that handed it on"
        );
    }
    Ok(())
}

fn client_facet(bench: &mut Bench<'_>) -> Outcome {
    let started = client(bench, "misuse", 1)?;
    same!(
        child::reap(bench, &started)?,
        0,
        "exit code of the child that misused its facet"
    );
    Ok(())
}

/// A child in `role` with an endpoint of its own; the parent's facet of it.
fn server(bench: &mut Bench<'_>, role: &str) -> Outcome<(SpawnResult, u32)> {
    let grants = [SpawnGrant {
        badge: 77,
        ..child::kernel("mine", KernelCapSource::Endpoint)
    }];
    let started = child::start(bench, "service", role, &grants)?;
    same!(started.parent_endpoints.len(), 1, "endpoints the parent got");
    let facet = started.parent_endpoints[0].cap_id();
    Ok((started, facet))
}

fn parent_endpoint(bench: &mut Bench<'_>) -> Outcome {
    let (started, facet) = server(bench, "serve")?;
    for number in 0..10u8 {
        let completion = bench.answer(facet, number.into(), &[number, 1], 64)?;
        // The server answers with badge, method and params, one after the other.
        same!(completion.result_bytes()?, &[77, number, number, 1][..], "answer");
    }
    let receive = CapSqe {
        cap_id: facet,
        result_addr: vec![0u8; 64].leak().as_mut_ptr() as u64,
        result_len: 64,
        ..raw::sqe(CAP_OP_RECV, 1)
    };
    same!(raw::one(receive)?.result, -4, "RECV on the parent's facet");
    bench.answer(facet, 99, &[], 64)?;
    same!(child::reap(bench, &started)?, 0, "exit code of the server");
    Ok(())
}

fn many_calls(bench: &mut Bench<'_>) -> Outcome {
    let (started, facet) = server(bench, "serve")?;
    let mut result = [0u64; 8];
    for number in 0..10_000u32 {
        let params = number.to_le_bytes();
        let bytes = sdk_check::thread::words_as_bytes(&mut result);
        let completion = bench
            .ring
            .submit_call_borrowed_wait_forever(facet, 7, &params, bytes)?;
        same!(completion.result, 6, "bytes of answer {number}");
        ensure!(bytes[2..6] == params, "answer {number} is another's");
    }
    bench.answer(facet, 99, &[], 64)?;
    same!(child::reap(bench, &started)?, 0, "exit code of the server");
    Ok(())
}

fn transfers(bench: &mut Bench<'_>) -> Outcome {
    let (started, facet) = server(bench, "serve")?;
    let endpoint = bench.capset.get(b"endpoint")?;
    // A Timer goes along; the server uses it and answers with what it says, and gives the timer back by moving it.
    let transfer = [CopyTransfer::from_cap_id(bench.cap("timer")?)];
    let call =
        bench
            .ring
            .submit_call_with_copy_transfers(facet, 20, Box::new([]), vec![0; 64].into(), &transfer)?;
    let completion = bench.ring.wait(call, FOREVER)?;
    same!(
        (completion.cqe().result, completion.cqe().cap_count),
        (8, 1),
        "answer and capabilities"
    );
    let timer = completion.result_cap(0)?;
    same!(
        timer.interface_id(),
        capos::TIMER_INTERFACE_ID,
        "interface of what came back"
    );
    ensure!(
        bench.call(timer.cap_id(), 0, wire::NOTHING, 64)?.cqe().result > 0,
        "the timer that came back"
    );
    same!(bench.ring.release_wait(timer.cap_id(), FOREVER)?, 0, "release");
    // A client facet of ours goes along with its badge; the server calls us through it before it answers.
    let facet_of_ours = client_copy(bench, endpoint)?;
    let transfer = [CopyTransfer::from_cap_id(facet_of_ours)];
    let call =
        bench
            .ring
            .submit_call_with_copy_transfers(facet, 21, Box::new([]), vec![0; 64].into(), &transfer)?;
    let received = receive(bench)?;
    same!(
        (received.cqe().badge, received.cqe().result),
        (0, 56 + 4),
        "the server's call"
    );
    same!(reply(bench, received.cqe().call_id, b"yes")?, 0, "RETURN");
    let completion = bench.ring.wait(call, FOREVER)?;
    same!(completion.result_bytes()?, &b"yes"[..], "what the server heard");
    bench.answer(facet, 99, &[], 64)?;
    same!(child::reap(bench, &started)?, 0, "exit code of the server");
    Ok(())
}

/// The owner facet itself is transferable, too; a copy of it under an id of its own.
fn client_copy(bench: &mut Bench<'_>, endpoint: CapabilityRef) -> Outcome<u32> {
    let receiving = bench
        .ring
        .submit_endpoint_recv(endpoint.cap_id(), vec![0; 128].into())?;
    let transfer = [CopyTransfer::from_cap_id(endpoint.cap_id())];
    let calling = bench.ring.submit_call_with_copy_transfers(
        endpoint.cap_id(),
        1,
        Box::new([]),
        Box::new([]),
        &transfer,
    )?;
    let received = bench.ring.wait(receiving, FOREVER)?;
    let copy = received.result_cap(0)?;
    same!(
        copy.interface_id(),
        ENDPOINT_INTERFACE_ID,
        "interface of the copy"
    );
    same!(reply(bench, received.cqe().call_id, b"")?, 0, "RETURN");
    bench.ring.wait(calling, FOREVER)?;
    Ok(copy.cap_id())
}

fn exceptions(bench: &mut Bench<'_>) -> Outcome {
    let (started, facet) = server(bench, "serve")?;
    for (method, kind) in [
        (30, ExceptionType::Failed),
        (31, ExceptionType::Overloaded),
        (32, ExceptionType::Disconnected),
        (33, ExceptionType::Unimplemented),
        (34, ExceptionType::InvalidArgument),
    ] {
        let completion = bench.call(facet, method, b"", 512)?;
        refused(decode_completed_call(&completion), kind, "what the server threw")?;
        same!(
            bench.call(facet, method, b"", 8)?.cqe().result,
            -10,
            "thrown into too little room"
        );
    }
    bench.answer(facet, 99, &[], 64)?;
    same!(child::reap(bench, &started)?, 0, "exit code of the server");
    Ok(())
}

fn server_dies(bench: &mut Bench<'_>) -> Outcome {
    let (started, facet) = server(bench, "serve")?;
    // One call that kills the server while it is open, two that wait behind it.
    let calls = [
        bench
            .ring
            .submit_call(facet, 98, Box::new([]), vec![0; 256].into())?,
        bench
            .ring
            .submit_call(facet, 1, Box::new([]), vec![0; 256].into())?,
        bench
            .ring
            .submit_call(facet, 2, Box::new([]), vec![0; 256].into())?,
    ];
    for call in calls {
        let completion = bench.ring.wait(call, FOREVER)?;
        refused(
            decode_completed_call(&completion),
            ExceptionType::Disconnected,
            "a call to a dead server",
        )?;
    }
    same!(
        child::reap(bench, &started)?,
        -(16 + 6),
        "exit code of the server"
    );
    let completion = bench.call(facet, 1, b"", 256)?;
    refused(
        decode_completed_call(&completion),
        ExceptionType::Disconnected,
        "a later call",
    )
}

fn server_terminated(bench: &mut Bench<'_>) -> Outcome {
    let (started, facet) = server(bench, "ignore")?;
    let call = bench
        .ring
        .submit_call(facet, 1, Box::new([]), vec![0; 256].into())?;
    same!(
        bench.ring.cap_enter(1, 5 * MILLISECOND)?,
        0,
        "answers of a server that ignores us"
    );
    let mut handle = ProcessHandleClient::new(started.handle.capability());
    handle.terminate_wait(&mut bench.ring, FOREVER)?;
    let completion = bench.ring.wait(call, FOREVER)?;
    refused(
        decode_completed_call(&completion),
        ExceptionType::Disconnected,
        "a call to a terminated server",
    )?;
    same!(child::reap(bench, &started)?, -9, "exit code of the server");
    Ok(())
}

fn caller_dies(bench: &mut Bench<'_>) -> Outcome {
    let started = client(bench, "ask", 3)?;
    let received = receive(bench)?;
    let mut handle = ProcessHandleClient::new(started.handle.capability());
    handle.terminate_wait(&mut bench.ring, FOREVER)?;
    same!(
        handle.wait_wait(&mut bench.ring, FOREVER)?,
        -9,
        "exit code of the caller"
    );
    same!(
        reply(bench, received.cqe().call_id, b"too late")?,
        -8,
        "RETURN to a dead caller"
    );
    // A call that is still queued when its caller dies never arrives.
    let started = client(bench, "ask", 4)?;
    let mut timer: TimerClient = bench.client("timer")?;
    timer.sleep_wait(&mut bench.ring, 20 * MILLISECOND, FOREVER)?;
    let mut handle = ProcessHandleClient::new(started.handle.capability());
    handle.terminate_wait(&mut bench.ring, FOREVER)?;
    same!(
        handle.wait_wait(&mut bench.ring, FOREVER)?,
        -9,
        "exit code of the queued caller"
    );
    let endpoint = bench.cap("endpoint")?;
    let receiving = bench.ring.submit_endpoint_recv(endpoint, vec![0; 128].into())?;
    same!(bench.ring.cap_enter(1, 2 * MILLISECOND)?, 0, "calls of the dead");
    Ok(bench.ring.cancel_endpoint_recv(endpoint, receiving, FOREVER)?)
}

fn moved_endpoint(bench: &mut Bench<'_>) -> Outcome {
    let endpoint = bench.capset.get(b"spare")?;
    let own = SpawnGrant {
        name: "mine",
        source: SpawnGrantSource::Capability(endpoint),
        mode: SpawnGrantMode::Move,
        badge: 0,
    };
    let started = child::start(bench, "service", "check-owner", &[own])?;
    same!(
        bench.call(endpoint.cap_id(), 1, b"", 64)?.cqe().result,
        -4,
        "a call through what was moved"
    );
    same!(child::reap(bench, &started)?, 0, "exit code of the new owner");
    Ok(())
}

/// What a child does.
fn play(role: &str, mut runtime: Runtime) -> i64 {
    let capset = runtime.capset();
    let service = capset.get(b"service").map(CapabilityRef::cap_id).unwrap_or(0);
    let mine = capset
        .get_typed::<Endpoint>(b"mine")
        .map(|endpoint| endpoint.cap_id())
        .unwrap_or(0);
    let spawner = capset.get_client(b"spawner").ok();
    let (console, timer) = (capset.get(b"console"), capset.get(b"service"));
    let Ok(mut ring) = runtime.ring_client() else {
        return 2;
    };
    let played = match role {
        "ask" => ask(&mut ring, service),
        "misuse" => misuse(service),
        "serve" => serve(&mut ring, mine),
        "ignore" => ignore(&mut ring, mine),
        "check-owner" => check_owner(&mut ring, mine),
        "pass-raw" | "pass-client" | "pass-preserved" => match (spawner, console, timer) {
            (Some(spawner), Ok(console), Ok(facet)) => pass(&mut ring, role, spawner, console, facet),
            _ => Ok(3),
        },
        _ => Ok(4),
    };
    played.unwrap_or(5)
}

fn ask(ring: &mut RuntimeRingClient<'_>, service: u32) -> Outcome<i64> {
    let call = ring.submit_call(service, 3, (*b"a question").into(), vec![0; 64].into())?;
    let completion = ring.wait(call, FOREVER)?;
    Ok(if completion.result_bytes()? == b"an answer" {
        0
    } else {
        6
    })
}

fn misuse(service: u32) -> Outcome<i64> {
    let room = vec![0u8; 64].leak();
    let receive = CapSqe {
        cap_id: service,
        result_addr: room.as_mut_ptr() as u64,
        result_len: 64,
        ..raw::sqe(CAP_OP_RECV, 1)
    };
    let attempts = [
        receive,
        CapSqe {
            cap_id: service,
            call_id: 1,
            ..raw::sqe(CAP_OP_RETURN, 2)
        },
        CapSqe {
            cap_id: service,
            pipeline_dep: 1,
            ..raw::sqe(CAP_OP_CANCEL, 3)
        },
    ];
    for (place, attempt) in attempts.into_iter().enumerate() {
        if raw::one(attempt)?.result != -4 {
            return Ok(10 + place as i64);
        }
    }
    Ok(0)
}

fn pass(
    ring: &mut RuntimeRingClient<'_>,
    role: &str,
    mut spawner: capos::ProcessSpawnerClient,
    console: CapabilityRef,
    facet: CapabilityRef,
) -> Outcome<i64> {
    let (mode, badge) = match role {
        "pass-raw" => (SpawnGrantMode::Raw, 0),
        "pass-client" => (SpawnGrantMode::ClientEndpoint, 1234),
        _ => (SpawnGrantMode::ClientEndpoint, PRESERVE_CLIENT_ENDPOINT_BADGE),
    };
    let grants = [
        SpawnGrant {
            name: "console",
            source: SpawnGrantSource::Capability(console),
            mode: SpawnGrantMode::Raw,
            badge: 0,
        },
        child::kernel("as-ask", KernelCapSource::Timer),
        grant("service", facet, SERVICE, mode, badge),
    ];
    let handle = spawner.spawn_wait(ring, "grandchild", "service", &grants, FOREVER)?;
    Ok(ProcessHandleClient::new(handle.capability()).wait_wait(ring, FOREVER)?)
}

fn ignore(ring: &mut RuntimeRingClient<'_>, mine: u32) -> Outcome<i64> {
    let _receiving = ring.submit_endpoint_recv(mine, vec![0; 128].into())?;
    loop {
        let _ = syscall::cap_enter(32, FOREVER);
    }
}

fn check_owner(ring: &mut RuntimeRingClient<'_>, mine: u32) -> Outcome<i64> {
    let receiving = ring.submit_endpoint_recv(mine, vec![0; 128].into())?;
    ring.cap_enter(0, 0)?;
    ring.cancel_endpoint_recv(mine, receiving, FOREVER)?;
    Ok(0)
}

/// A server: method 20 uses a timer that came along and moves it back, 21 calls back through an endpoint that came
/// along, 30 to 34 throw, 98 dies with the call open, 99 answers and ends; all others answer with badge, method and
/// params.
fn serve(ring: &mut RuntimeRingClient<'_>, mine: u32) -> Outcome<i64> {
    loop {
        let receiving = ring.submit_endpoint_recv(mine, vec![0; 256].into())?;
        let received = ring.wait(receiving, FOREVER)?;
        let Ok(message) = received.endpoint_message() else {
            return Ok(7);
        };
        let (call, method) = (message.call_id, message.method_id);
        if message.interface_id != ENDPOINT_INTERFACE_ID {
            return Ok(8);
        }
        let returning = match method {
            20 => {
                let timer = received.result_cap(0)?.cap_id();
                let asking = ring.submit_call(timer, 0, wire::NOTHING.into(), vec![0; 64].into())?;
                let asked = ring.wait(asking, FOREVER)?;
                if asked.cqe().result <= 0 {
                    return Ok(9);
                }
                return_moved(mine, call, timer)?;
                continue;
            }
            21 => {
                let client = received.result_cap(0)?.cap_id();
                let asking = ring.submit_call(client, 0, (*b"ping").into(), vec![0; 64].into())?;
                let asked = ring.wait(asking, FOREVER)?;
                ring.submit_endpoint_return(mine, call, asked.result_bytes()?.into())?
            }
            30..=34 => {
                let kinds = [
                    ExceptionType::Failed,
                    ExceptionType::Overloaded,
                    ExceptionType::Disconnected,
                    ExceptionType::Unimplemented,
                    ExceptionType::InvalidArgument,
                ];
                let exception = ApplicationException::new(kinds[usize::from(method) - 30], "thrown".into());
                ring.submit_endpoint_return_exception(mine, call, exception)?
            }
            // SAFETY: an invalid instruction, on purpose: the process ends here.
            98 => unsafe { core::arch::asm!("ud2", options(noreturn)) },
            _ => {
                let answer = [&[message.badge as u8, method as u8], message.params].concat();
                ring.submit_endpoint_return(mine, call, answer.into())?
            }
        };
        if ring.wait(returning, FOREVER)?.cqe().result != 0 {
            return Ok(11);
        }
        if method == 99 {
            return Ok(0);
        }
    }
}

/// RETURN of eight bytes and a capability that is moved, which the published client cannot say.
fn return_moved(mine: u32, call: u32, cap: u32) -> Outcome {
    let payload = [0x1122_3344_5566_7788, u64::from(cap) | 2 << 32];
    let reply = CapSqe {
        cap_id: mine,
        addr: payload.as_ptr() as u64,
        len: 8,
        xfer_cap_count: 1,
        call_id: call,
        ..raw::sqe(CAP_OP_RETURN, 0x777)
    };
    same!(raw::one(reply)?.result, 0, "RETURN with a move");
    Ok(())
}

capos::entry_point!(main);
