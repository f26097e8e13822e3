//! P7, P4: memory that goes away while the kernel is about to write into it. A child starts an operation whose answer
//! goes to a page of its own, and at one moment after another either unmaps that page or ends. Whatever the kernel
//! wrote then must be nowhere: memory mapped afterwards is and stays zero, and no page is lost.

use alloc::string::{String, ToString};

use abi::layout::PAGE_SIZE;
use abi::ring::{Opcode, Sqe, sqe_flags};
use rt::endpoint::Endpoint;
use rt::hostile::{read_u64, submit, unmap, write_u32, write_u64};
use rt::memory::{Protection, VirtualMemory};
use rt::message::Aligned;
use rt::monitor::Monitor;
use rt::park::ParkSpace;
use rt::process::ProcessSpawner;
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Env, Error, current_tid};

use crate::tools::{Wrong, compute, free_pages, wait_until};
use crate::{child, ensure};

/// What waits: a sleep, a park with a time-out, a receive, a call that another thread answers.
const KINDS: [&str; 4] = ["sleep", "park", "receive", "call"];
/// What happens meanwhile.
const WAYS: [&str; 2] = ["unmap", "end"];
/// Moments for each, evenly spread over the time in which the operation completes.
const MOMENTS: u32 = 16;
/// Computing between two moments.
const TURNS: u32 = 3_000;
/// How long the operation waits, in nanoseconds.
const WAIT_NS: u64 = 150_000;
/// What the other thread sends, all ones: it would be seen anywhere.
const PAYLOAD: usize = 256;

/// Pages the kernel answers into.
const ROOM: u64 = PAGE_SIZE;
/// Pages that are mapped afterwards and must stay empty.
const WITNESS: u64 = 16 * PAGE_SIZE;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let (spawner, timer, monitor): (ProcessSpawner, Timer, Monitor) =
        (env.first()?, env.first()?, env.first()?);
    let all = |moments: core::ops::Range<u32>| -> Result<(), Wrong> {
        for kind in KINDS {
            for way in WAYS {
                for moment in moments.clone() {
                    let details = [kind, way, &moment.to_string()];
                    let code = child::start(&spawner, "waiter", &details)?.handle.wait()?;
                    ensure!(
                        code == 0,
                        "{kind}, {way} at moment {moment}: the child ended with {code}"
                    );
                }
            }
        }
        Ok(())
    };
    // As many as it takes until the kernel has what it keeps of processes that have ended.
    all(0..MOMENTS)?;
    let before = free_pages(&monitor)?;
    all(0..MOMENTS / 4)?;
    let mut after = 0;
    let returned = wait_until(&timer, "the pages come back", || {
        after = free_pages(&monitor)?;
        Ok(after >= before)
    });
    ensure!(returned.is_ok(), "{before} pages were free, {after} are now");
    Ok(())
}

/// The child's part.
pub fn leave(env: &Env, details: &[String]) -> Result<i64, Error> {
    let [kind, way, moment] = details else {
        return Ok(2);
    };
    let moment: u32 = moment.parse().map_err(|_| Error::Malformed)?;
    let memory: VirtualMemory = env.first()?;
    let room = memory.map(0, ROOM, Protection::ReadWrite)?;
    let params = memory.map(0, PAGE_SIZE, Protection::ReadWrite)?;
    if matches!(kind.as_str(), "receive" | "call") {
        start_peer(env, kind == "receive")?;
    }
    let pending = operation(env, kind, room, params)?;
    // No time to wait: the answer, if one comes, goes to the page all the same.
    let _ = submit(pending, 0);
    compute(moment * TURNS);
    if way == "end" {
        return Ok(0);
    }
    unmap(&memory, room, ROOM)?;
    let witness = memory.map(0, WITNESS, Protection::ReadWrite)?;
    let empty = || (0..WITNESS / 8).all(|word| read_u64(witness + 8 * word) == 0);
    if !empty() {
        return Ok(3);
    }
    rt::nap(3 * WAIT_NS);
    Ok(if empty() { 0 } else { 4 })
}

/// The operation that will answer into `room`. Its parameters are at `params`.
fn operation(env: &Env, kind: &str, room: u64, params: u64) -> Result<Sqe, Error> {
    let call = |cap: u32, method: u16, words: u32| Sqe {
        opcode: Opcode::Call as u8,
        cap_id: cap,
        method_id: method,
        addr: params,
        len: 8 * words,
        result_addr: room,
        result_len: ROOM as u32,
        ..Sqe::default()
    };
    Ok(match kind {
        "sleep" => {
            // One segment of two words: a struct with one word of data.
            write_u64(params, 2 << 32);
            write_u64(params + 8, 1 << 32);
            write_u64(params + 16, WAIT_NS);
            call(child::cap_id::<Timer>(env)?, 1, 3)
        }
        "park" => {
            write_u32(room, 0);
            Sqe {
                opcode: Opcode::Park as u8,
                flags: sqe_flags::THREAD_OWNED,
                cap_id: child::cap_id::<ParkSpace>(env)?,
                addr: room,
                len: 0,
                pipeline_dep: WAIT_NS,
                call_id: current_tid(),
                ..Sqe::default()
            }
        }
        "receive" => Sqe {
            opcode: Opcode::Recv as u8,
            cap_id: child::cap_id::<Endpoint>(env)?,
            result_addr: room,
            result_len: ROOM as u32,
            ..Sqe::default()
        },
        _ => call(child::cap_id::<Endpoint>(env)?, 0, 0),
    })
}

/// Another thread: calls for ever, or takes one call and answers it after a while.
fn start_peer(env: &Env, calls: bool) -> Result<(), Error> {
    let env = *env;
    let peer = Threads::new(&env)?.spawn(move || -> Result<(), Error> {
        let endpoint: Endpoint = env.first()?;
        let ones = [0xff; PAYLOAD];
        rt::nap(WAIT_NS / 2);
        let mut buffer = Aligned::<1024>::zeroed();
        if calls {
            endpoint.call(0, &ones, &mut buffer.0).map(|_| ())
        } else {
            let number = endpoint.receive(&mut buffer.0)?.call_id;
            rt::nap(WAIT_NS / 2);
            endpoint.reply(number, &ones)
        }
    })?;
    core::mem::forget(peer);
    Ok(())
}
