//! What happens when something runs out: slots for capabilities above all. Refusals, no half-done work, and everything
//! is there again once something was given back. Old ids never mean a new capability.

#![no_std]
#![no_main]

use capos::{KernelCapSource, ProcessSpawnerClient, TimerClient, capos_capnp};
use capos_config::ring::CAP_OP_RECV;
use sdk_check::prelude::*;
use sdk_check::{child, raw, wire};

fn main(runtime: Runtime) -> i64 {
    if let Some(role) = child::role(runtime.capset()) {
        return if role == "exit" { 5 } else { 1 };
    }
    run(
        "exhaust",
        runtime,
        &[
            ("a full capability table refuses, and is usable again", full_table),
            ("into a full table nothing is spawned", spawn_into_full),
            (
                "into a full table nothing is transferred, and nothing lost",
                transfer_into_full,
            ),
            ("ids of two thousand capabilities never come again", stale_ids),
            ("more grants than a child may hold are refused", too_many_grants),
            ("sixty open receives are sixty open receives", many_receives),
        ],
    )
}

fn create_pipe(bench: &mut Bench<'_>) -> Outcome<Result<[u32; 2], i32>> {
    let params = wire::encode::<capos_capnp::process_spawner::create_pipe_params::Owned>(|mut params| {
        params.set_buffer_bytes(1)
    });
    let spawner = bench.cap("spawner")?;
    let completion = bench.call(spawner, 1, &params, 512)?;
    if completion.cqe().result < 0 {
        same!(completion.cqe().cap_count, 0, "capabilities of a refusal");
        return Ok(Err(completion.cqe().result));
    }
    Ok(Ok([
        completion.result_cap(0)?.cap_id(),
        completion.result_cap(1)?.cap_id(),
    ]))
}

fn release(bench: &mut Bench<'_>, id: u32) -> Outcome<i32> {
    Ok(bench.ring.release_wait(id, FOREVER)?)
}

/// Fills the table with pipes until not even one more capability fits.
fn fill(bench: &mut Bench<'_>) -> Outcome<Vec<u32>> {
    let mut ids = Vec::new();
    loop {
        match create_pipe(bench)? {
            Ok(ends) => ids.extend(ends),
            Err(result) => {
                same!(result, -9, "a pipe too many");
                break;
            }
        }
        ensure!(ids.len() <= 256, "{} capabilities in one table", ids.len());
    }
    ensure!(ids.len() >= 32, "only {} capabilities fit", ids.len());
    // An odd slot may be left: frames come one at a time.
    let frames = bench.cap("frames")?;
    loop {
        let completion = bench.call(frames, 0, wire::NOTHING, 512)?;
        if completion.cqe().result < 0 {
            return Ok(ids);
        }
        ids.push(completion.result_cap(0)?.cap_id());
    }
}

fn empty(bench: &mut Bench<'_>, ids: Vec<u32>) -> Outcome {
    for id in ids {
        same!(release(bench, id)?, 0, "release");
    }
    Ok(())
}

fn full_table(bench: &mut Bench<'_>) -> Outcome {
    let first = fill(bench)?;
    let count = first.len();
    let mut timer: TimerClient = bench.client("timer")?;
    timer.now_wait(&mut bench.ring, FOREVER)?;
    empty(bench, first)?;
    let second = fill(bench)?;
    same!(second.len(), count, "capabilities that fit the second time");
    empty(bench, second)
}

fn spawn_into_full(bench: &mut Bench<'_>) -> Outcome {
    let mut ids = fill(bench)?;
    let console = child::raw(bench, "console", "console")?;
    let role = child::kernel("as-exit", KernelCapSource::Timer);
    for _ in 0..20 {
        let mut spawner: ProcessSpawnerClient = bench.client("spawner")?;
        let refusal = spawner.spawn_wait(&mut bench.ring, "none", "exhaust", &[console, role], FOREVER);
        refused(
            refusal.map(drop),
            ExceptionType::Overloaded,
            "spawn into a full table",
        )?;
        // One free slot is not enough for a handle and a manager.
        if let Some(id) = ids.pop() {
            release(bench, id)?;
            let refusal = spawner.spawn_wait(&mut bench.ring, "none", "exhaust", &[console, role], FOREVER);
            refused(
                refusal.map(drop),
                ExceptionType::Overloaded,
                "spawn into one free slot",
            )?;
            let frames = bench.cap("frames")?;
            ids.push(
                bench
                    .answer(frames, 0, wire::NOTHING, 512)?
                    .result_cap(0)?
                    .cap_id(),
            );
        }
    }
    empty(bench, ids)?;
    same!(
        child::run(bench, "exhaust", "exit", &[])?,
        5,
        "a child once there is room"
    );
    Ok(())
}

fn transfer_into_full(bench: &mut Bench<'_>) -> Outcome {
    let (endpoint, timer) = (bench.cap("endpoint")?, bench.cap("timer")?);
    let ids = fill(bench)?;
    let mut room = vec![0u8; 128];
    let receive = CapSqe {
        cap_id: endpoint,
        result_addr: room.as_mut_ptr() as u64,
        result_len: 128,
        ..raw::sqe(CAP_OP_RECV, 1)
    };
    raw::submit(receive);
    let descriptor = [u64::from(timer) | 1 << 32];
    let calling = CapSqe {
        addr: descriptor.as_ptr() as u64,
        xfer_cap_count: 1,
        ..raw::call(endpoint, 0, 2, &[], &mut [])
    };
    raw::submit(calling);
    let failed = raw::wait()?;
    same!(
        (failed.user_data, failed.result),
        (2, -8),
        "a call with a capability that does not fit"
    );
    empty_raw(&ids)?;
    // The receive still waits, and now there is room.
    raw::submit(calling);
    let received = raw::wait()?;
    same!(
        (received.user_data, received.result, received.cap_count),
        (1, 56, 1),
        "the receive"
    );
    raw::submit(CapSqe {
        cap_id: endpoint,
        call_id: received.call_id,
        ..raw::sqe(1, 3)
    });
    raw::wait()?;
    raw::wait()?;
    let copy = u32::from_le_bytes([room[56], room[57], room[58], room[59]]);
    same!(release(bench, copy)?, 0, "release of the copy");
    Ok(())
}

/// As [`empty`], while a receive waits and the published client may not be used.
fn empty_raw(ids: &[u32]) -> Outcome {
    for &id in ids {
        same!(
            raw::one(CapSqe {
                cap_id: id,
                ..raw::sqe(3, 60)
            })?
            .result,
            0,
            "release"
        );
    }
    Ok(())
}

fn stale_ids(bench: &mut Bench<'_>) -> Outcome {
    let mut seen: Vec<u32> = Vec::new();
    for round in 0..1000 {
        let Ok(ends) = create_pipe(bench)? else {
            fail!("no pipe in round {round}")
        };
        for id in ends {
            ensure!(
                id != 0 && !seen.contains(&id),
                "id {id:#x} came again in round {round}"
            );
            same!(release(bench, id)?, 0, "release");
            seen.push(id);
        }
    }
    let Ok(live) = create_pipe(bench)? else {
        fail!("no pipe in the end")
    };
    for &id in seen.iter().step_by(7) {
        same!(
            bench.call(id, 3, wire::NOTHING, 64)?.cqe().result,
            -4,
            "a call through {id:#x}, long gone"
        );
        same!(release(bench, id)?, -1, "release of {id:#x}, long gone");
    }
    for id in live {
        ensure!(
            bench.call(id, 3, wire::NOTHING, 64)?.cqe().result > 0,
            "the live one still answers"
        );
        same!(release(bench, id)?, 0, "release");
    }
    Ok(())
}

fn too_many_grants(bench: &mut Bench<'_>) -> Outcome {
    let names: Vec<String> = (0..80).map(|place| format!("grant-{place}")).collect();
    let grants: Vec<_> = names
        .iter()
        .map(|name| child::kernel(name, KernelCapSource::Timer))
        .collect();
    let mut spawner: ProcessSpawnerClient = bench.client("spawner")?;
    let refusal = spawner.spawn_wait(&mut bench.ring, "many", "exhaust", &grants, FOREVER);
    refused(refusal.map(drop), ExceptionType::Overloaded, "eighty grants")?;
    same!(child::run(bench, "exhaust", "exit", &[])?, 5, "a child with few");
    Ok(())
}

fn many_receives(bench: &mut Bench<'_>) -> Outcome {
    let endpoint = bench.cap("endpoint")?;
    let mut rooms = vec![0u8; 60 * 64];
    for (place, room) in rooms.chunks_mut(64).enumerate() {
        raw::submit(CapSqe {
            cap_id: endpoint,
            result_addr: room.as_mut_ptr() as u64,
            result_len: 64,
            ..raw::sqe(CAP_OP_RECV, 1000 + place as u64)
        });
        same!(raw::enter(0, 0)?, 0, "completions after {} receives", place + 1);
    }
    for place in 0..60 {
        raw::submit(raw::call(endpoint, place as u16, 1, &[], &mut []));
        let received = raw::wait()?;
        same!(
            (received.user_data, received.result),
            (1000 + place, 56),
            "the oldest receive"
        );
        raw::submit(CapSqe {
            cap_id: endpoint,
            call_id: received.call_id,
            ..raw::sqe(1, 2)
        });
        raw::wait()?;
        raw::wait()?;
    }
    Ok(())
}

capos::entry_point!(main);
