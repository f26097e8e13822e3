//! ThreadSpawner, ThreadHandle and ThreadControl: how a thread starts, what it is told, how it ends, who may learn of
//! it, and which thread a queued request belongs to.

#![no_std]
#![no_main]

use capos::{ThreadControlClient, ThreadHandleClient, ThreadSpawnerClient, capos_capnp, syscall};
use capos_config::ring::{CAP_OP_NOP, CAP_SQE_THREAD_OWNED};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use sdk_check::prelude::*;
use sdk_check::{raw, thread, wire};

/// Threads a process may have at once, its first included.
const THREADS: usize = 16;

fn main(runtime: Runtime) -> i64 {
    run(
        "threads",
        runtime,
        &[
            (
                "a thread gets its argument and its id, ids count up",
                arguments_and_ids,
            ),
            ("join gives the exit code, negative ones too", exit_codes),
            ("join may be repeated and may come before or after the end", joins),
            ("exitCode does not wait", poll),
            ("a handle may be released while its thread runs", release_handle),
            (
                "entries and stacks outside of user space are refused",
                bad_arguments,
            ),
            (
                "the seventeenth thread is overloaded, one that ended makes room",
                limit,
            ),
            ("two hundred threads, one after the other", many),
            ("the FS base is the thread's own", fs_base),
            (
                "a request owned by another thread waits for that thread",
                owned_by_another,
            ),
            (
                "a request owned by no thread waits until withdrawn",
                owned_by_nobody,
            ),
            (
                "what a thread's last pass completed wakes a sibling that waits for it",
                wakes_with_its_last_pass,
            ),
            ("the last thread's exit code is the process's", last_thread),
        ],
    )
}

static SEEN: AtomicU64 = AtomicU64::new(0);
static SEEN_ID: AtomicU32 = AtomicU32::new(0);
static GATE: AtomicU32 = AtomicU32::new(0);

fn start(bench: &Bench<'_>, body: thread::Body, argument: u64) -> Outcome<thread::Thread> {
    thread::start(bench.cap("threads")?, bench.cap("control")?, body, argument)
}

fn release(id: u32) {
    let _ = thread::perform(CapSqe {
        cap_id: id,
        ..raw::sqe(capos_config::ring::CAP_OP_RELEASE, 0)
    });
}

fn note(argument: u64, tid: u32) -> i64 {
    SEEN.store(argument, Ordering::SeqCst);
    SEEN_ID.store(tid, Ordering::SeqCst);
    argument as i64
}

/// Waits until the gate stands at `argument`.
fn behind_gate(argument: u64, _: u32) -> i64 {
    while u64::from(GATE.load(Ordering::Acquire)) < argument {
        core::hint::spin_loop();
    }
    7
}

fn arguments_and_ids(bench: &mut Bench<'_>) -> Outcome {
    for (expected_id, argument) in [(2, 0x1122_3344_5566_7788u64), (3, 0), (4, u64::MAX)] {
        let thread = start(bench, note, argument)?;
        same!(thread::join(&thread)?, argument as i64, "exit code");
        same!(SEEN.load(Ordering::SeqCst), argument, "argument in rdi");
        same!(SEEN_ID.load(Ordering::SeqCst), expected_id, "thread id in rsi");
        release(thread.handle);
    }
    Ok(())
}

fn exit_codes(bench: &mut Bench<'_>) -> Outcome {
    for code in [0, 1, -1, 255, 256, i64::MAX, i64::MIN] {
        let thread = start(bench, |argument, _| argument as i64, code as u64)?;
        same!(thread::join(&thread)?, code, "exit code");
        release(thread.handle);
    }
    Ok(())
}

fn joins(bench: &mut Bench<'_>) -> Outcome {
    GATE.store(0, Ordering::SeqCst);
    let thread = start(bench, behind_gate, 1)?;
    // Two joins before the end.
    let waiting = [thread::fresh_user_data(), thread::fresh_user_data()];
    for user_data in waiting {
        thread::submit(raw::call(
            thread.handle,
            0,
            user_data,
            wire::NOTHING,
            vec![0; 128].leak(),
        ));
    }
    same!(
        syscall::cap_enter(1, MILLISECOND),
        Ok(0),
        "completions while the thread runs"
    );
    GATE.store(1, Ordering::SeqCst);
    for user_data in waiting {
        ensure!(thread::wait_for(user_data).result > 0, "join before the end");
    }
    // Two after it.
    same!(thread::join(&thread)?, 7, "join after the end");
    same!(thread::join(&thread)?, 7, "join after a join");
    release(thread.handle);
    Ok(())
}

fn poll(bench: &mut Bench<'_>) -> Outcome {
    GATE.store(0, Ordering::SeqCst);
    let mut spawner: ThreadSpawnerClient = bench.client("threads")?;
    let (entry, stack, control) = (
        quiet_end as *const () as u64,
        thread::stack_top() - 8,
        control_id(bench)?,
    );
    let handle = spawner.create_wait(&mut bench.ring, entry, stack, control, 0, 0, FOREVER)?;
    let mut client = ThreadHandleClient::new(handle.capability());
    let before = client.exit_code_wait(&mut bench.ring, FOREVER)?;
    ensure!(!before.exited, "exited before the gate opened");
    let submitted = raw::indices().sq_tail;
    GATE.store(1, Ordering::SeqCst);
    thread::await_request(submitted);
    same!(client.join_wait(&mut bench.ring, FOREVER)?, 9, "join");
    let after = client.exit_code_wait(&mut bench.ring, FOREVER)?;
    ensure!(
        after.exited && after.exit_code == 9,
        "exitCode after the end: {} {}",
        after.exited,
        after.exit_code
    );
    Ok(())
}

fn control_id(bench: &Bench<'_>) -> Outcome<u64> {
    Ok(bench.cap("control")?.into())
}

/// A thread without the helper around it: waits at the gate, then exits with 9. Its only request has no completion,
/// so the first thread may go on with the published client once that request is gone.
extern "C" fn quiet_end(control: u64, tid: u64) -> ! {
    behind_gate(1, 0);
    thread::exit(control as u32, tid as u32, 9)
}

fn release_handle(bench: &mut Bench<'_>) -> Outcome {
    GATE.store(0, Ordering::SeqCst);
    SEEN.store(0, Ordering::SeqCst);
    let thread = start(
        bench,
        |argument, tid| {
            behind_gate(1, tid);
            note(argument, tid)
        },
        5,
    )?;
    release(thread.handle);
    let submitted = raw::indices().sq_tail;
    GATE.store(1, Ordering::SeqCst);
    thread::await_request(submitted);
    same!(SEEN.load(Ordering::SeqCst), 5, "what the thread left behind");
    Ok(())
}

/// A thread whose last entry has a NOP before its exit, while the first thread sleeps until one completion is there. The
/// kernel once left such a pass without looking at who waited.
fn wakes_with_its_last_pass(bench: &mut Bench<'_>) -> Outcome {
    const LAST: u64 = 0x51;
    GATE.store(0, Ordering::SeqCst);
    let thread = start(
        bench,
        |control, tid| {
            behind_gate(1, tid);
            // The first thread falls asleep meanwhile, wherever it runs.
            for _ in 0..200_000 {
                core::hint::spin_loop();
            }
            thread::submit(raw::sqe(CAP_OP_NOP, LAST));
            thread::exit(control as u32, tid, 12)
        },
        control_id(bench)?,
    )?;
    GATE.store(1, Ordering::SeqCst);
    same!(raw::enter(1, FOREVER)?, 1, "completions of the last pass");
    same!(thread::wait_for(LAST).result, 0, "the NOP");
    same!(thread::join(&thread)?, 12, "exit code");
    release(thread.handle);
    Ok(())
}

fn bad_arguments(bench: &mut Bench<'_>) -> Outcome {
    let mut spawner: ThreadSpawnerClient = bench.client("threads")?;
    let (entry, stack) = (quiet_end as *const () as u64, thread::stack_top());
    let kernel = 0xffff_8000_0000_0000;
    let cases = [
        ("entry in the kernel's half", kernel, stack, 0),
        ("entry not canonical", 0x8000_0000_0000, stack, 0),
        ("stack in the kernel's half", entry, kernel, 0),
        ("stack not canonical", entry, u64::MAX, 0),
        ("an unknown flag", entry, stack, 1 << 63),
        ("an unknown low flag", entry, stack, 2),
    ];
    for (what, entry, stack, flags) in cases {
        let refusal = spawner.create_wait(&mut bench.ring, entry, stack, 0, 0, flags, FOREVER);
        refused(refusal, ExceptionType::InvalidArgument, what)?;
    }
    let kernel_base = spawner.create_wait(&mut bench.ring, entry, stack, 0, kernel, 0, FOREVER);
    refused(
        kernel_base,
        ExceptionType::InvalidArgument,
        "FS base in the kernel's half",
    )
}

fn limit(bench: &mut Bench<'_>) -> Outcome {
    GATE.store(0, Ordering::SeqCst);
    let mut threads = Vec::new();
    for place in 1..THREADS {
        match start(bench, behind_gate, 1) {
            Ok(thread) => threads.push(thread),
            Err(Failure(error)) => fail!("thread {}: {error}", place + 1),
        }
    }
    let refusal = thread::create(
        bench.cap("threads")?,
        quiet_end as *const () as u64,
        thread::stack_top(),
        0,
        0,
    );
    let result = refusal.map(|_| 0).unwrap_or_else(|completion| completion.result);
    same!(result, -9, "the seventeenth thread");
    GATE.store(1, Ordering::SeqCst);
    for thread in &threads {
        same!(thread::join(thread)?, 7, "exit code");
        release(thread.handle);
    }
    let thread = start(bench, |_, _| 3, 0)?;
    same!(thread::join(&thread)?, 3, "a thread after the crowd left");
    release(thread.handle);
    Ok(())
}

fn many(bench: &mut Bench<'_>) -> Outcome {
    let mut last = 0;
    // One stack serves them all, one after the other.
    let (stack, control) = (thread::stack_top(), control_id(bench)?);
    for _ in 0..200 {
        let Ok(thread) = thread::create(
            bench.cap("threads")?,
            short_life as *const () as u64,
            stack - 8,
            control,
            0,
        ) else {
            fail!("thread refused after id {last}");
        };
        same!(thread::join(&thread)?, 11, "exit code");
        release(thread.handle);
        let id = SEEN_ID.load(Ordering::SeqCst);
        ensure!(id > last, "thread id {id} came after {last}");
        last = id;
    }
    Ok(())
}

extern "C" fn short_life(control: u64, tid: u64) -> ! {
    SEEN_ID.store(tid as u32, Ordering::SeqCst);
    thread::exit(control as u32, tid as u32, 11)
}

fn fs_base(bench: &mut Bench<'_>) -> Outcome {
    let mut control: ThreadControlClient = bench.client("control")?;
    for base in [0x1100_0000u64, 0x7fff_ffff_0000, 0] {
        control.set_fs_base_wait(&mut bench.ring, base, FOREVER)?;
        same!(
            control.get_fs_base_wait(&mut bench.ring, FOREVER)?,
            base,
            "FS base"
        );
    }
    control.set_fs_base_wait(&mut bench.ring, 0x1234_5000, FOREVER)?;
    for base in [0x8000_0000_0000, u64::MAX, 0xffff_8000_0000_0000] {
        refused(
            control.set_fs_base_wait(&mut bench.ring, base, FOREVER),
            ExceptionType::InvalidArgument,
            "FS base",
        )?;
        same!(
            control.get_fs_base_wait(&mut bench.ring, FOREVER)?,
            0x1234_5000,
            "FS base after a refusal"
        );
    }
    // Another thread's is its own, and asking for it as a request of that thread answers with that thread's.
    let thread = start(bench, own_fs_base, control_id(bench)?)?;
    same!(thread::join(&thread)?, 0, "FS base of a thread started with none");
    release(thread.handle);
    same!(
        control.get_fs_base_wait(&mut bench.ring, FOREVER)?,
        0x1234_5000,
        "FS base of the first thread"
    );
    control.set_fs_base_wait(&mut bench.ring, 0, FOREVER)?;
    Ok(())
}

fn own_fs_base(control: u64, tid: u32) -> i64 {
    let mut answer = vec![0u64; 16];
    let bytes = thread::words_as_bytes(&mut answer);
    let question = raw::call(control as u32, 0, 0, wire::NOTHING, bytes);
    let completion = thread::perform(CapSqe {
        flags: CAP_SQE_THREAD_OWNED,
        call_id: tid,
        ..question
    });
    let Ok(length) = usize::try_from(completion.result) else {
        return completion.result.into();
    };
    wire::decode::<capos_capnp::thread_control::get_fs_base_results::Owned, _>(&bytes[..length], |answer| {
        Ok(answer.get_fs_base())
    })
    .map_or(-1000, |base| base as i64)
}

fn owned_by_another(bench: &mut Bench<'_>) -> Outcome {
    GATE.store(0, Ordering::SeqCst);
    SEEN_ID.store(0, Ordering::SeqCst);
    let thread = start(
        bench,
        |_, tid| {
            SEEN_ID.store(tid, Ordering::SeqCst);
            behind_gate(1, tid)
        },
        0,
    )?;
    while SEEN_ID.load(Ordering::SeqCst) == 0 {
        let _ = syscall::cap_enter(1, MILLISECOND);
    }
    let owner = SEEN_ID.load(Ordering::SeqCst);
    let question = raw::call(bench.cap("timer")?, 0, 71, wire::NOTHING, vec![0; 128].leak());
    raw::submit(CapSqe {
        flags: CAP_SQE_THREAD_OWNED,
        call_id: owner,
        ..question
    });
    raw::submit(raw::sqe(CAP_OP_NOP, 72));
    let before = raw::indices();
    same!(
        syscall::cap_enter(1, FOREVER),
        Err(syscall::SyscallError::ThreadOwnedHead),
        "entering behind a foreign head"
    );
    same!(raw::indices(), before, "indices behind a foreign head");
    // The owner leaves the gate, enters the kernel to exit, and takes its request along, and what is behind it.
    GATE.store(1, Ordering::SeqCst);
    ensure!(thread::wait_for(71).result > 0, "the request of the other thread");
    same!(thread::wait_for(72).result, 0, "the request behind it");
    same!(thread::join(&thread)?, 7, "exit code");
    release(thread.handle);
    Ok(())
}

fn owned_by_nobody(bench: &mut Bench<'_>) -> Outcome {
    let before = raw::indices();
    let question = raw::call(bench.cap("timer")?, 0, 81, wire::NOTHING, vec![0; 128].leak());
    // A completion that waits unread goes before the news about the head.
    raw::submit(raw::sqe(CAP_OP_NOP, 80));
    raw::submit(CapSqe {
        flags: CAP_SQE_THREAD_OWNED,
        call_id: 0xdead_beef,
        ..question
    });
    same!(
        syscall::cap_enter(1, FOREVER),
        Ok(1),
        "one unread completion before a foreign head"
    );
    same!(
        raw::next().map(|entry| entry.user_data),
        Some(80),
        "the unread completion"
    );
    same!(
        syscall::cap_enter(1, FOREVER),
        Err(syscall::SyscallError::ThreadOwnedHead),
        "nothing unread"
    );
    raw::set_sq_tail(before.sq_tail.wrapping_add(1));
    same!(syscall::cap_enter(1, 0), Ok(0), "after the request was withdrawn");
    // Our own requests are dispatched by us.
    let mine = CapSqe {
        flags: CAP_SQE_THREAD_OWNED,
        call_id: thread::FIRST_THREAD,
        ..question
    };
    ensure!(raw::one(mine)?.result > 0, "a request of the first thread");
    Ok(())
}

fn last_thread(bench: &mut Bench<'_>) -> Outcome {
    // Nobody is left to look: whoever booted this sees the second thread's code, 0, and not the first's.
    bench.say("threads: all checks passed but one: the exit code must be 0, not 99");
    let _ = start(
        bench,
        |_, _| {
            // Long enough for the first thread to be gone. An entry that finds the first thread at work on the ring that both
            // share comes back at once, and however many do so, no time has passed: only those that slept count.
            let mut slept = 0;
            while slept < 60 {
                slept += u32::from(syscall::cap_enter(32, 5 * MILLISECOND).is_ok());
            }
            0
        },
        0,
    )?;
    thread::exit(bench.cap("control")?, thread::FIRST_THREAD, 99)
}

capos::entry_point!(main);
