//! Threads with a ring of their own (flag bit 0 of ThreadSpawner.create): the published ring client works on it
//! unchanged, and completions go to the ring that asked, whoever else is busy.

#![no_std]
#![no_main]

use capos::{RingClient, ThreadControlClient, ThreadHandleClient, ThreadSpawnerClient, TimerClient};
use capos_config::ring::RING_VADDR;
use core::sync::atomic::{AtomicU32, Ordering};
use sdk_check::prelude::*;
use sdk_check::thread;

/// Flag bit 0 of ThreadSpawner.create.
const OWN_RING: u64 = 1;

/// Calls each thread makes.
const CALLS: u32 = 400;

fn main(runtime: Runtime) -> i64 {
    run(
        "own_ring",
        runtime,
        &[
            ("without the flag a thread is told of no ring", no_ring),
            ("four threads and the first call at the same time", together),
            ("a sleep ends on the ring it was asked on", sleeps),
            ("rings come back when their threads end", many),
        ],
    )
}

static TIMER: AtomicU32 = AtomicU32::new(0);
static CONTROL: AtomicU32 = AtomicU32::new(0);

type Entry = extern "C" fn(u64, u64, u64) -> !;

fn start(bench: &mut Bench<'_>, entry: Entry, argument: u64, flags: u64) -> Outcome<ThreadHandleClient> {
    TIMER.store(bench.cap("timer")?, Ordering::SeqCst);
    CONTROL.store(bench.cap("control")?, Ordering::SeqCst);
    let mut spawner: ThreadSpawnerClient = bench.client("threads")?;
    let stack = thread::stack_top() - 8;
    let handle = spawner.create_wait(
        &mut bench.ring,
        entry as *const () as u64,
        stack,
        argument,
        0,
        flags,
        FOREVER,
    )?;
    let client = ThreadHandleClient::new(handle.capability());
    // Released with the process.
    core::mem::forget(handle);
    Ok(client)
}

fn client<C: Client>(id: &AtomicU32) -> C {
    let capability = CapabilityRef::new(id.load(Ordering::SeqCst), C::Capability::INTERFACE_ID);
    match capability.typed() {
        Some(capability) => C::from_capability(capability),
        None => unreachable!("the interface is the client's own"),
    }
}

/// Ends the thread from its own ring.
fn exit(ring: &mut RingClient, code: i64) -> ! {
    let mut control: ThreadControlClient = client(&CONTROL);
    let _ = control.exit_thread(ring, code);
    loop {
        let _ = ring.cap_enter(1, FOREVER);
    }
}

fn ring_at(address: u64) -> Option<RingClient> {
    // SAFETY: the kernel passed the address of this thread's own ring, which nobody else has a client for.
    unsafe { RingClient::from_raw_ring(address as *mut u8) }.ok()
}

extern "C" fn tell(_: u64, tid: u64, ring: u64) -> ! {
    // Without a ring of its own it exits through the shared one, which the first thread does not touch meanwhile.
    thread::exit(CONTROL.load(Ordering::SeqCst), tid as u32, ring as i64)
}

extern "C" fn calls(argument: u64, tid: u64, address: u64) -> ! {
    let Some(mut ring) = ring_at(address) else {
        capos::syscall::exit(70)
    };
    if address == RING_VADDR || !(0x140_0000..0x160_0000).contains(&address) || tid < 2 {
        exit(&mut ring, -1);
    }
    let mut timer: TimerClient = client(&TIMER);
    let mut last = 0;
    for _ in 0..CALLS {
        match timer.now_wait(&mut ring, FOREVER) {
            Ok(now) if now.monotonic_ns >= last => last = now.monotonic_ns,
            _ => exit(&mut ring, -2),
        }
    }
    exit(&mut ring, argument as i64)
}

extern "C" fn naps(argument: u64, _: u64, address: u64) -> ! {
    let Some(mut ring) = ring_at(address) else {
        capos::syscall::exit(70)
    };
    let mut timer: TimerClient = client(&TIMER);
    for _ in 0..5 {
        if timer
            .sleep_wait(&mut ring, MILLISECOND + argument * 100_000, FOREVER)
            .is_err()
        {
            exit(&mut ring, -3);
        }
    }
    exit(&mut ring, argument as i64)
}

fn no_ring(bench: &mut Bench<'_>) -> Outcome {
    let submitted = sdk_check::raw::indices().sq_tail.wrapping_add(1);
    let mut handle = start(bench, tell, 0, 0)?;
    thread::await_request(submitted);
    same!(
        handle.join_wait(&mut bench.ring, FOREVER)?,
        0,
        "the ring address that the thread saw"
    );
    Ok(())
}

fn together(bench: &mut Bench<'_>) -> Outcome {
    let mut handles = Vec::new();
    for number in 1..=4 {
        handles.push(start(bench, calls, number, OWN_RING)?);
    }
    let mut timer: TimerClient = bench.client("timer")?;
    for _ in 0..CALLS {
        timer.now_wait(&mut bench.ring, FOREVER)?;
    }
    for (number, handle) in (1..).zip(&mut handles) {
        same!(handle.join_wait(&mut bench.ring, FOREVER)?, number, "exit code");
    }
    Ok(())
}

fn sleeps(bench: &mut Bench<'_>) -> Outcome {
    let mut handles = Vec::new();
    for number in 1..=3 {
        handles.push(start(bench, naps, number, OWN_RING)?);
    }
    let mut timer: TimerClient = bench.client("timer")?;
    timer.sleep_wait(&mut bench.ring, 3 * MILLISECOND, FOREVER)?;
    for (number, handle) in (1..).zip(&mut handles) {
        same!(handle.join_wait(&mut bench.ring, FOREVER)?, number, "exit code");
    }
    Ok(())
}

fn many(bench: &mut Bench<'_>) -> Outcome {
    for number in 0..40 {
        let mut handle = start(bench, naps, number % 2, OWN_RING)?;
        same!(
            handle.join_wait(&mut bench.ring, FOREVER)?,
            (number % 2) as i64,
            "exit code"
        );
        let id = handle.capability().cap_id();
        same!(bench.ring.release_wait(id, FOREVER)?, 0, "release of the handle");
    }
    Ok(())
}

capos::entry_point!(main);
