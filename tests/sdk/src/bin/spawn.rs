//! ProcessSpawner, ProcessHandle and CapabilityManager: children that end in every way, grants that are taken whole or
//! refused whole, and what a parent sees and takes away of a child's capabilities.

#![no_std]
#![no_main]

use capos::{
    CapabilityManagerClient, ConsoleClient, KernelCapSource, ProcessHandleClient, ProcessSpawnerClient,
    SpawnGrant, SpawnGrantMode, SpawnGrantSource, TimerClient, syscall,
};
use core::ptr;
use sdk_check::prelude::*;
use sdk_check::{child, wire};

/// How `terminate` ends a process.
const TERMINATED: i64 = -9;

/// How the published runtime ends a process that panics.
const PANICKED: i64 = 101;

fn main(runtime: Runtime) -> i64 {
    if let Some(role) = child::role(runtime.capset()) {
        return play(&role, runtime);
    }
    run(
        "spawn",
        runtime,
        &[
            ("a child's exit code arrives whole", exit_codes),
            ("wait may be repeated and may come before or after the end", waits),
            ("a fault ends the child with its vector", faults),
            ("a panic in the child prints and exits 101", panics),
            ("terminate ends a sleeping child and a spinning one", terminate),
            ("a child sees what it was granted, in order", capability_set),
            (
                "bad binaries and bad grants are refused, and nothing is moved",
                refusals,
            ),
            ("forty grants fit, in a message of several segments", many_grants),
            ("move empties the parent's slot", moves),
            ("CapabilityManager lists and revokes", manager),
            ("releasing the handle leaves the child running", released_handle),
            (
                "too many children are overloaded, and make room when they end",
                limit,
            ),
            ("a hundred children, one after the other", many),
        ],
    )
}

fn spawner(bench: &Bench<'_>) -> Outcome<ProcessSpawnerClient> {
    bench.client("spawner")
}

fn exit_codes(bench: &mut Bench<'_>) -> Outcome {
    for code in [0i64, 1, 7, 255, 256, -1, -9, i64::MAX, i64::MIN] {
        same!(
            child::run(bench, "spawn", &format!("exit{code}"), &[])?,
            code,
            "exit code"
        );
    }
    Ok(())
}

fn waits(bench: &mut Bench<'_>) -> Outcome {
    let started = child::start(bench, "spawn", "nap", &[])?;
    let mut handle = ProcessHandleClient::new(started.handle.capability());
    let early = [handle.wait(&mut bench.ring)?, handle.wait(&mut bench.ring)?];
    for call in early {
        let completion = bench.ring.wait(call, FOREVER)?;
        same!(handle.finish_wait(completion)?, 12, "wait before the end");
    }
    for _ in 0..3 {
        same!(
            handle.wait_wait(&mut bench.ring, FOREVER)?,
            12,
            "wait after the end"
        );
    }
    Ok(())
}

fn faults(bench: &mut Bench<'_>) -> Outcome {
    let kinds = [
        ("divide", 0),
        ("undefined", 6),
        ("privileged", 13),
        ("noncanonical", 13),
        ("null", 14),
        ("kernel", 14),
        ("overflow", 14),
    ];
    for (role, vector) in kinds {
        same!(
            child::run(bench, "spawn", role, &[])?,
            -(16 + vector),
            "exit code of the child that did: {role}"
        );
    }
    Ok(())
}

fn panics(bench: &mut Bench<'_>) -> Outcome {
    same!(child::run(bench, "spawn", "panic", &[])?, PANICKED, "exit code");
    Ok(())
}

fn terminate(bench: &mut Bench<'_>) -> Outcome {
    for role in ["sleep", "spin"] {
        let started = child::start(bench, "spawn", role, &[])?;
        let mut handle = ProcessHandleClient::new(started.handle.capability());
        let mut timer: TimerClient = bench.client("timer")?;
        timer.sleep_wait(&mut bench.ring, 5 * MILLISECOND, FOREVER)?;
        let waiting = handle.wait(&mut bench.ring)?;
        handle.terminate_wait(&mut bench.ring, FOREVER)?;
        let completion = bench.ring.wait(waiting, FOREVER)?;
        same!(
            handle.finish_wait(completion)?,
            TERMINATED,
            "exit code of the child that was to {role}"
        );
        // Once more is harmless, and changes nothing.
        handle.terminate_wait(&mut bench.ring, FOREVER)?;
        same!(
            handle.wait_wait(&mut bench.ring, FOREVER)?,
            TERMINATED,
            "exit code afterwards"
        );
    }
    Ok(())
}

fn capability_set(bench: &mut Bench<'_>) -> Outcome {
    let grants = [
        child::kernel("memory", KernelCapSource::VirtualMemory),
        child::kernel("threads", KernelCapSource::ThreadSpawner),
        child::kernel("a-name-of-thirty-two-characters-", KernelCapSource::Endpoint),
        child::raw(bench, "info", "info")?,
        child::kernel("null", KernelCapSource::Null),
    ];
    same!(
        child::run(bench, "spawn", "inspect", &grants)?,
        0,
        "what the child thinks of its capabilities"
    );
    Ok(())
}

/// What `inspect` expects after its console and its role.
const INSPECTED: [(&str, u64); 5] = [
    ("memory", capos::VIRTUAL_MEMORY_INTERFACE_ID),
    ("threads", capos::THREAD_SPAWNER_INTERFACE_ID),
    ("a-name-of-thirty-two-characters-", capos::ENDPOINT_INTERFACE_ID),
    ("info", capos::SYSTEM_INFO_INTERFACE_ID),
    ("null", 0x6e75_6c6c_6361_7030),
];

fn refusals(bench: &mut Bench<'_>) -> Outcome {
    let mut spawner = spawner(bench)?;
    let good = child::raw(bench, "console", "console")?;
    let timer = bench.capset.get(b"timer")?;
    let moved = |name| SpawnGrant {
        name,
        source: SpawnGrantSource::Capability(timer),
        mode: SpawnGrantMode::Move,
        badge: 0,
    };
    let capability = |capability| SpawnGrant {
        source: SpawnGrantSource::Capability(capability),
        ..good
    };
    let cases: &[(&str, &str, &[SpawnGrant<'_>])] = &[
        ("an unknown binary", "no-such-binary", &[good]),
        ("an empty binary name", "", &[good]),
        (
            "a grant name of 33 bytes",
            "spawn",
            &[
                moved("t"),
                SpawnGrant {
                    name: "a-name-of-thirty-three-characters",
                    ..good
                },
            ],
        ),
        (
            "an empty grant name",
            "spawn",
            &[moved("t"), SpawnGrant { name: "", ..good }],
        ),
        ("a duplicate grant name", "spawn", &[moved("t"), good, good]),
        (
            "a capability that is not there",
            "spawn",
            &[
                moved("t"),
                capability(CapabilityRef::new(0xffff_ff00, good_interface())),
            ],
        ),
        (
            "capability id zero",
            "spawn",
            &[moved("t"), capability(CapabilityRef::new(0, good_interface()))],
        ),
        (
            "a wrong interface",
            "spawn",
            &[
                moved("t"),
                capability(CapabilityRef::new(timer.cap_id(), capos::CONSOLE_INTERFACE_ID)),
            ],
        ),
        (
            "a source that is not the kernel's to hand out",
            "spawn",
            &[moved("t"), child::kernel("p", KernelCapSource::ProcessSpawner)],
        ),
        (
            "another process's memory",
            "spawn",
            &[moved("t"), child::raw(bench, "m", "memory")?],
        ),
        ("one capability moved twice", "spawn", &[moved("t"), moved("u")]),
        (
            "a client facet of something that is no endpoint",
            "spawn",
            &[SpawnGrant {
                mode: SpawnGrantMode::ClientEndpoint,
                ..good
            }],
        ),
    ];
    for (what, binary, grants) in cases {
        let refusal = spawner.spawn_wait(&mut bench.ring, "refused", binary, grants, FOREVER);
        refused(refusal.map(drop), ExceptionType::InvalidArgument, what)?;
        // The timer would have gone with the grants.
        let mut timer: TimerClient = bench.client("timer")?;
        if let Err(error) = timer.now_wait(&mut bench.ring, FOREVER) {
            fail!("{what}: the parent lost what it wanted to move: {error:?}");
        }
    }
    bench.exception(
        bench_cap(bench, "spawner")?,
        0,
        &[1, 2, 3],
        ExceptionType::InvalidArgument,
    )?;
    bench.exception(
        bench_cap(bench, "spawner")?,
        2,
        wire::NOTHING,
        ExceptionType::Unimplemented,
    )
}

const fn good_interface() -> u64 {
    capos::CONSOLE_INTERFACE_ID
}

fn bench_cap(bench: &Bench<'_>, name: &str) -> Outcome<u32> {
    bench.cap(name)
}

fn many_grants(bench: &mut Bench<'_>) -> Outcome {
    let names: Vec<String> = (0..40).map(|place| format!("grant-number-{place}")).collect();
    let grants: Vec<_> = names
        .iter()
        .map(|name| child::kernel(name, KernelCapSource::Timer))
        .collect();
    same!(
        child::run(bench, "spawn", "count42", &grants)?,
        42,
        "capabilities the child sees"
    );
    Ok(())
}

fn moves(bench: &mut Bench<'_>) -> Outcome {
    let mut spawner = spawner(bench)?;
    let pipe = spawner.create_pipe_wait(&mut bench.ring, 64, FOREVER)?;
    let end = pipe.write_end.capability().raw();
    let grant = SpawnGrant {
        name: "end",
        source: SpawnGrantSource::Capability(end),
        mode: SpawnGrantMode::Move,
        badge: 0,
    };
    let code = child::run(bench, "spawn", "write", &[grant])?;
    same!(code, 0, "exit code of the child that writes");
    let lost = bench.call(end.cap_id(), 1, &[], 64)?;
    same!(lost.cqe().result, -4, "a call through what was moved");
    let mut reader = capos::PipeClient::new(pipe.read_end.capability());
    let read = reader.read_wait(&mut bench.ring, 100, FOREVER)?;
    same!(&*read.data, &b"from the child"[..], "what came through the pipe");
    ensure!(
        reader.read_wait(&mut bench.ring, 100, FOREVER)?.eof,
        "the only writer has exited"
    );
    Ok(())
}

fn manager(bench: &mut Bench<'_>) -> Outcome {
    let grants = [child::kernel("token", KernelCapSource::Timer)];
    let started = child::start(bench, "spawn", "until-revoked", &grants)?;
    let mut manager = CapabilityManagerClient::new(started.capability_manager.capability());
    let listed = manager.list_wait(&mut bench.ring, FOREVER)?;
    let labels: Vec<&str> = listed.iter().map(|entry| entry.label.as_str()).collect();
    same!(labels[..], ["console", "as-until-revoked", "token"][..], "labels");
    same!(
        listed[0].interface_id,
        capos::CONSOLE_INTERFACE_ID,
        "interface of the console"
    );
    same!(
        listed[2].interface_id,
        capos::TIMER_INTERFACE_ID,
        "interface of the token"
    );
    for unknown in [0, u32::MAX, listed[2].id ^ 0xff00] {
        refused(
            manager.revoke_wait(&mut bench.ring, unknown, FOREVER),
            ExceptionType::InvalidArgument,
            "an unknown id",
        )?;
    }
    manager.revoke_wait(&mut bench.ring, listed[2].id, FOREVER)?;
    refused(
        manager.revoke_wait(&mut bench.ring, listed[2].id, FOREVER),
        ExceptionType::InvalidArgument,
        "a revoked id",
    )?;
    same!(
        child::reap(bench, &started)?,
        42,
        "exit code of the child that lost its token"
    );
    Ok(())
}

fn released_handle(bench: &mut Bench<'_>) -> Outcome {
    let mut spawner = spawner(bench)?;
    let pipe = spawner.create_pipe_wait(&mut bench.ring, 64, FOREVER)?;
    let end = pipe.write_end.capability().raw();
    let grant = SpawnGrant {
        name: "end",
        source: SpawnGrantSource::Capability(end),
        mode: SpawnGrantMode::Raw,
        badge: 0,
    };
    let started = child::start(bench, "spawn", "nap-write", &[grant])?;
    drop(started);
    bench.ring.flush_releases()?;
    let mut reader = capos::PipeClient::new(pipe.read_end.capability());
    let read = reader.read_wait(&mut bench.ring, 100, FOREVER)?;
    same!(
        &*read.data,
        &b"from the child"[..],
        "what the child wrote after its handle was gone"
    );
    Ok(())
}

fn limit(bench: &mut Bench<'_>) -> Outcome {
    let mut started = Vec::new();
    let console = child::raw(bench, "console", "console")?;
    let role = child::kernel("as-sleep", KernelCapSource::Timer);
    let refusal = loop {
        let spawned =
            spawner(bench)?.spawn_wait(&mut bench.ring, "crowd", "spawn", &[console, role], FOREVER);
        match spawned {
            Ok(handle) if started.len() < 64 => started.push(handle),
            Ok(_) => fail!("65 children at once, though a process may have far fewer"),
            Err(refusal) => break refusal,
        }
    };
    ensure!(started.len() >= 2, "only {} children at once", started.len());
    refused::<()>(Err(refusal), ExceptionType::Overloaded, "one child too many")?;
    for handle in &started {
        let mut handle = ProcessHandleClient::new(handle.capability());
        handle.terminate_wait(&mut bench.ring, FOREVER)?;
        same!(
            handle.wait_wait(&mut bench.ring, FOREVER)?,
            TERMINATED,
            "exit code"
        );
    }
    drop(started);
    bench.ring.flush_releases()?;
    same!(
        child::run(bench, "spawn", "exit3", &[])?,
        3,
        "a child after the crowd left"
    );
    Ok(())
}

fn many(bench: &mut Bench<'_>) -> Outcome {
    for _ in 0..100 {
        same!(child::run(bench, "spawn", "exit1", &[])?, 1, "exit code");
    }
    Ok(())
}

/// What a child does.
fn play(role: &str, mut runtime: Runtime) -> i64 {
    if let Some(code) = role.strip_prefix("exit") {
        return code.parse().unwrap_or(99);
    }
    if let Some(expected) = role.strip_prefix("count") {
        let (counted, expected) = (runtime.capset().len(), expected.parse().unwrap_or(0));
        return if counted == expected { counted as i64 } else { -1 };
    }
    match role {
        // SAFETY: each of these is what its name says, and the processor must refuse it.
        "divide" => unsafe {
            core::arch::asm!("xor ecx, ecx", "div ecx", out("eax") _, out("ecx") _, out("edx") _)
        },
        // SAFETY: as above.
        "undefined" => unsafe { core::arch::asm!("ud2") },
        // SAFETY: as above.
        "privileged" => unsafe { core::arch::asm!("cli") },
        // SAFETY: as above.
        "noncanonical" => unsafe {
            core::arch::asm!("mov rax, [{}]", in(reg) 0x8000_0000_0000u64, out("rax") _)
        },
        // SAFETY: as above.
        "null" => unsafe {
            ptr::read_volatile(ptr::dangling::<u64>());
        },
        // SAFETY: as above.
        "kernel" => unsafe {
            ptr::read_volatile(0xffff_8000_0000_0000 as *const u64);
        },
        "overflow" => return dig(ptr::null()),
        "panic" => panic!("on purpose"),
        "spin" => loop {
            core::hint::spin_loop();
        },
        "sleep" => loop {
            let _ = syscall::cap_enter(1, FOREVER);
        },
        "nap" => {
            let _ = syscall::cap_enter(1, 20 * MILLISECOND);
            return 12;
        }
        "inspect" => return inspect(&runtime),
        "write" => return write(&mut runtime),
        "nap-write" => {
            let _ = syscall::cap_enter(1, 20 * MILLISECOND);
            return write(&mut runtime);
        }
        "until-revoked" => return until_revoked(&mut runtime),
        _ => return 98,
    }
    97
}

/// Eats the stack. Each call knows where the one before it keeps its room, so that all of them must keep it.
#[inline(never)]
fn dig(above: *const u64) -> i64 {
    let mut room = [above as u64; 64];
    // SAFETY: a plain read of a local, through a pointer that the compiler may not look through.
    let first = unsafe { ptr::read_volatile(&raw const room[0]) };
    room[1] = first.wrapping_add(1);
    if first == u64::MAX {
        return 0;
    }
    dig(room.as_ptr()) + room[1] as i64
}

fn inspect(runtime: &Runtime) -> i64 {
    if runtime.pid() == 0 || runtime.pid() > u64::from(u32::MAX) || runtime.capset().len() != 7 {
        return 1;
    }
    if runtime.capset().get_client::<ConsoleClient>(b"console").is_err() {
        return 2;
    }
    for (place, (name, interface)) in INSPECTED.iter().enumerate() {
        let Some(entry) = runtime.capset().entry(place + 2) else {
            return 10 + place as i64;
        };
        if entry.name_bytes() != name.as_bytes() || entry.interface_id != *interface || entry.cap_id == 0 {
            return 20 + place as i64;
        }
    }
    0
}

fn write(runtime: &mut Runtime) -> i64 {
    let Ok(mut pipe) = runtime.capset().get_client::<capos::PipeClient>(b"end") else {
        return 1;
    };
    let Ok(mut ring) = runtime.ring_client() else {
        return 2;
    };
    match pipe.write_wait(&mut ring, b"from the child", FOREVER) {
        Ok(14) => 0,
        _ => 3,
    }
}

fn until_revoked(runtime: &mut Runtime) -> i64 {
    let capset = runtime.capset();
    let (Ok(mut token), Ok(mut timer)) = (
        capset.get_client::<TimerClient>(b"token"),
        capset.get_client::<TimerClient>(b"as-until-revoked"),
    ) else {
        return 1;
    };
    let Ok(mut ring) = runtime.ring_client() else {
        return 2;
    };
    loop {
        match token.now_wait(&mut ring, FOREVER) {
            Ok(_) => {}
            Err(ClientError::Transport(TransportError::InvokeFailed)) => return 42,
            Err(_) => return 3,
        }
        if timer.sleep_wait(&mut ring, MILLISECOND, FOREVER).is_err() {
            return 4;
        }
    }
}

capos::entry_point!(main);
