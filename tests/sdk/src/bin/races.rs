//! Memory that goes away while the kernel is about to write into it, and threads that change it while others use it.
//! Whoever loses such a race gets an error; nobody else notices.

#![no_std]
#![no_main]

use capos::{VirtualMemoryClient, capos_capnp};
use capos_config::ring::{CAP_OP_RECV, CAP_OP_RETURN};
use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use sdk_check::prelude::*;
use sdk_check::{raw, thread, wire};

const READ: u32 = 1;
const READ_WRITE: u32 = 3;

fn main(runtime: Runtime) -> i64 {
    run(
        "races",
        runtime,
        &[
            (
                "a receive into memory that is gone fails, and the call stays",
                receive_into_nothing,
            ),
            (
                "a receive into memory that is read-only by now fails too",
                receive_into_read_only,
            ),
            (
                "a receive into memory that was mapped anew goes there",
                receive_into_new,
            ),
            (
                "an answer to a caller whose buffer is gone fails for the caller",
                answer_into_nothing,
            ),
            (
                "calls while another thread maps and unmaps their buffers",
                calls_and_unmaps,
            ),
            ("joins whose answers have nowhere to go", joins),
        ],
    )
}

fn memory(bench: &Bench<'_>) -> Outcome<VirtualMemoryClient> {
    bench.client("memory")
}

fn receive(endpoint: u32, address: u64, user_data: u64) -> CapSqe {
    CapSqe {
        cap_id: endpoint,
        result_addr: address,
        result_len: 128,
        ..raw::sqe(CAP_OP_RECV, user_data)
    }
}

fn reply(endpoint: u32, call: u32) -> CapSqe {
    CapSqe {
        cap_id: endpoint,
        call_id: call,
        ..raw::sqe(CAP_OP_RETURN, 90)
    }
}

/// Takes the call that waits and answers it; both completions are checked.
fn serve(endpoint: u32, caller: u64) -> Outcome {
    let room = vec![0u8; 128].leak();
    let received = raw::one(receive(endpoint, room.as_mut_ptr() as u64, 80))?;
    same!(received.result, 56 + 3, "the call that stayed");
    raw::submit(reply(endpoint, received.call_id));
    let mut seen = [raw::wait()?, raw::wait()?].map(|entry| (entry.user_data, entry.result));
    seen.sort_unstable();
    same!(seen, [(caller, 0), (90, 0)], "the call and its answer");
    Ok(())
}

fn receive_into_nothing(bench: &mut Bench<'_>) -> Outcome {
    let endpoint = bench.cap("endpoint")?;
    let mut memory = memory(bench)?;
    let page = memory.map_wait(&mut bench.ring, 0, PAGE, READ_WRITE, FOREVER)?;
    raw::submit(receive(endpoint, page + 100, 1));
    same!(raw::enter(0, 0)?, 0, "completions of a receive that waits");
    let unmapping = raw_unmap(bench, page)?;
    same!(raw::one(unmapping)?.result, 0, "unmap below a waiting receive");
    raw::submit(raw::call(endpoint, 0, 2, b"abc", &mut []));
    let failed = raw::wait()?;
    same!(
        (failed.user_data, failed.result),
        (1, -3),
        "the receive without memory"
    );
    serve(endpoint, 2)
}

/// VirtualMemory.unmap of one page as an SQE; the published client may not be used while a receive waits.
fn raw_unmap(bench: &Bench<'_>, page: u64) -> Outcome<CapSqe> {
    let params = wire::encode::<capos_capnp::virtual_memory::unmap_params::Owned>(|mut params| {
        params.set_addr(page);
        params.set_size(PAGE);
    });
    Ok(raw::call(bench.cap("memory")?, 1, 50, Box::leak(params), &mut []))
}

fn raw_map(bench: &Bench<'_>, page: u64) -> Outcome<CapSqe> {
    let params = wire::encode::<capos_capnp::virtual_memory::map_params::Owned>(|mut params| {
        params.set_hint(page);
        params.set_size(PAGE);
        params.set_prot(READ_WRITE);
    });
    Ok(raw::call(
        bench.cap("memory")?,
        0,
        51,
        Box::leak(params),
        vec![0; 64].leak(),
    ))
}

fn raw_protect(bench: &Bench<'_>, page: u64, protection: u32) -> Outcome<CapSqe> {
    let params = wire::encode::<capos_capnp::virtual_memory::protect_params::Owned>(|mut params| {
        params.set_addr(page);
        params.set_size(PAGE);
        params.set_prot(protection);
    });
    Ok(raw::call(bench.cap("memory")?, 2, 52, Box::leak(params), &mut []))
}

fn receive_into_read_only(bench: &mut Bench<'_>) -> Outcome {
    let endpoint = bench.cap("endpoint")?;
    let mut memory = memory(bench)?;
    let page = memory.map_wait(&mut bench.ring, 0, PAGE, READ_WRITE, FOREVER)?;
    raw::submit(receive(endpoint, page, 1));
    same!(raw::enter(0, 0)?, 0, "completions of a receive that waits");
    same!(
        raw::one(raw_protect(bench, page, READ)?)?.result,
        0,
        "protect below a waiting receive"
    );
    raw::submit(raw::call(endpoint, 0, 2, b"abc", &mut []));
    let failed = raw::wait()?;
    same!(
        (failed.user_data, failed.result),
        (1, -3),
        "the receive into read-only memory"
    );
    // SAFETY: the page is mapped readable.
    let seen = unsafe { ptr::read_volatile(page as *const u64) };
    same!(seen, 0, "what the kernel wrote into read-only memory");
    serve(endpoint, 2)?;
    same!(raw::one(raw_unmap(bench, page)?)?.result, 0, "unmap");
    Ok(())
}

fn receive_into_new(bench: &mut Bench<'_>) -> Outcome {
    let endpoint = bench.cap("endpoint")?;
    let mut memory = memory(bench)?;
    let page = memory.map_wait(&mut bench.ring, 0, PAGE, READ_WRITE, FOREVER)?;
    raw::submit(receive(endpoint, page, 1));
    same!(raw::enter(0, 0)?, 0, "completions of a receive that waits");
    same!(
        raw::one(raw_unmap(bench, page)?)?.result,
        0,
        "unmap below a waiting receive"
    );
    ensure!(
        raw::one(raw_map(bench, page)?)?.result > 0,
        "map at the same place"
    );
    raw::submit(raw::call(endpoint, 0x0102, 2, b"abc", &mut []));
    let received = raw::wait()?;
    same!(
        (received.user_data, received.result),
        (1, 59),
        "the receive into new memory"
    );
    // SAFETY: the page is mapped readable; the method number is at offset 8 of the message.
    let method = unsafe { ptr::read_volatile((page + 8) as *const u16) };
    same!(method, 0x0102, "the message in new memory");
    raw::submit(reply(endpoint, received.call_id));
    raw::wait()?;
    raw::wait()?;
    same!(raw::one(raw_unmap(bench, page)?)?.result, 0, "unmap");
    Ok(())
}

fn answer_into_nothing(bench: &mut Bench<'_>) -> Outcome {
    let endpoint = bench.cap("endpoint")?;
    let mut memory = memory(bench)?;
    let page = memory.map_wait(&mut bench.ring, 0, PAGE, READ_WRITE, FOREVER)?;
    let calling = CapSqe {
        result_addr: page,
        result_len: 64,
        ..raw::call(endpoint, 0, 2, b"abc", &mut [])
    };
    raw::submit(calling);
    let room = vec![0u8; 128].leak();
    let received = raw::one(receive(endpoint, room.as_mut_ptr() as u64, 1))?;
    same!(
        raw::one(raw_unmap(bench, page)?)?.result,
        0,
        "unmap below a waiting caller"
    );
    raw::submit(CapSqe {
        addr: room.as_ptr() as u64,
        len: 8,
        ..reply(endpoint, received.call_id)
    });
    let mut seen = [raw::wait()?, raw::wait()?].map(|entry| (entry.user_data, entry.result));
    seen.sort_unstable();
    same!(seen, [(2, -3), (90, -8)], "caller and server");
    Ok(())
}

static PAGE_AT: AtomicU64 = AtomicU64::new(0);
static STOP: AtomicU32 = AtomicU32::new(0);
static TIMER: AtomicU32 = AtomicU32::new(0);

/// Calls with params and result in the page that comes and goes; a code that cannot
/// come is the exit code. How many are answered is chance.
fn caller(_: u64, _: u32) -> i64 {
    let page = PAGE_AT.load(Ordering::SeqCst);
    let timer = TIMER.load(Ordering::SeqCst);
    while STOP.load(Ordering::Relaxed) == 0 {
        for (params, result) in [(0x1000, page + 4000), (page + 8, page + 2048)] {
            let params = if params == 0x1000 {
                wire::NOTHING.as_ptr() as u64
            } else {
                params
            };
            let sqe = CapSqe {
                addr: params,
                len: 16,
                result_addr: result,
                result_len: 64,
                ..raw::call(timer, 0, 0, &[], &mut [])
            };
            match thread::perform(sqe).result {
                -3 | -2 | -9 => {}
                result if result > 0 => {}
                result => return result.into(),
            }
        }
    }
    0
}

fn calls_and_unmaps(bench: &mut Bench<'_>) -> Outcome {
    let mut memory = memory(bench)?;
    let page = memory.map_wait(&mut bench.ring, 0, PAGE, READ_WRITE, FOREVER)?;
    PAGE_AT.store(page, Ordering::SeqCst);
    TIMER.store(bench.cap("timer")?, Ordering::SeqCst);
    STOP.store(0, Ordering::SeqCst);
    let (map, unmap) = (raw_map(bench, page)?, raw_unmap(bench, page)?);
    let threads = [
        thread::start(bench.cap("threads")?, bench.cap("control")?, caller, 0)?,
        thread::start(bench.cap("threads")?, bench.cap("control")?, caller, 1)?,
    ];
    for _ in 0..400 {
        same!(thread::perform(unmap).result, 0, "unmap");
        ensure!(thread::perform(map).result > 0, "map at the same place");
    }
    STOP.store(1, Ordering::SeqCst);
    for thread in &threads {
        same!(thread::join(thread)?, 0, "exit code of a caller");
    }
    same!(thread::perform(unmap).result, 0, "unmap");
    Ok(())
}

fn joins(bench: &mut Bench<'_>) -> Outcome {
    let mut memory = memory(bench)?;
    let page = memory.map_wait(&mut bench.ring, 0, PAGE, READ_WRITE, FOREVER)?;
    STOP.store(0, Ordering::SeqCst);
    let wait_for_stop: thread::Body = |_, _| {
        while STOP.load(Ordering::Relaxed) == 0 {
            core::hint::spin_loop();
        }
        4
    };
    let started = thread::start(bench.cap("threads")?, bench.cap("control")?, wait_for_stop, 0)?;
    let joining = CapSqe {
        result_addr: page,
        result_len: 64,
        ..raw::call(started.handle, 0, 7, wire::NOTHING, &mut [])
    };
    thread::submit(joining);
    same!(
        thread::perform(raw_unmap(bench, page)?).result,
        0,
        "unmap below a waiting join"
    );
    STOP.store(1, Ordering::SeqCst);
    same!(thread::wait_for(7).result, -3, "the join without memory");
    same!(thread::join(&started)?, 4, "a join with memory");
    Ok(())
}

capos::entry_point!(main);
