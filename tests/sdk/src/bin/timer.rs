//! Timer and the waiting half of `cap_enter`: what sleeps, for how long at least, in which order, and how many.

#![no_std]
#![no_main]

use capos::{RingClientError, TimerClient, syscall};
use sdk_check::prelude::*;
use sdk_check::{raw, wire};

/// Sleeps a process may have pending.
const WAITERS: usize = 8;

fn main(runtime: Runtime) -> i64 {
    run(
        "timer",
        runtime,
        &[
            ("now never decreases, and moves on", now_is_monotonic),
            ("a sleep lasts at least as long as asked", sleep_lasts),
            ("a call behind a sleep does not wait for it", sleep_blocks_nobody),
            (
                "eight sleeps end in the order of their deadlines",
                sleeps_end_in_order,
            ),
            (
                "a ninth sleep is overloaded, and the eight go on",
                ninth_is_refused,
            ),
            (
                "cap_enter without completions times out, not early",
                enter_times_out,
            ),
            (
                "a wait that times out leaves its call pending",
                timeout_keeps_the_call,
            ),
            ("unknown methods and undecodable params are told apart", bad_calls),
            ("a sleep of 584 years stays pending at exit", endless_sleep),
        ],
    )
}

fn timer(bench: &Bench<'_>) -> Outcome<TimerClient> {
    bench.client("timer")
}

fn now(bench: &mut Bench<'_>) -> Outcome<u64> {
    Ok(timer(bench)?.now_wait(&mut bench.ring, FOREVER)?.monotonic_ns)
}

/// A sleep of `duration` nanoseconds as an SQE; the params live as long as the program.
fn sleep(bench: &Bench<'_>, user_data: u64, duration: u64) -> Outcome<CapSqe> {
    let params = wire::encode::<capos::capos_capnp::timer::sleep_params::Owned>(|mut params| {
        params.set_duration_ns(duration)
    });
    Ok(raw::call(
        bench.cap("timer")?,
        1,
        user_data,
        Box::leak(params),
        vec![0; 128].leak(),
    ))
}

fn now_is_monotonic(bench: &mut Bench<'_>) -> Outcome {
    let mut timer = timer(bench)?;
    let first = timer.now_wait(&mut bench.ring, FOREVER)?;
    let mut last = first;
    for _ in 0..300 {
        let next = timer.now_wait(&mut bench.ring, FOREVER)?;
        ensure!(
            next.monotonic_ns >= last.monotonic_ns,
            "{} came after {}",
            next.monotonic_ns,
            last.monotonic_ns
        );
        ensure!(
            next.tick >= last.tick,
            "tick {} came after {}",
            next.tick,
            last.tick
        );
        last = next;
    }
    ensure!(
        last.monotonic_ns > first.monotonic_ns,
        "300 calls took no time at all"
    );
    Ok(())
}

fn sleep_lasts(bench: &mut Bench<'_>) -> Outcome {
    for duration in [0, 1, 999, 50_000, MILLISECOND, 7 * MILLISECOND + 1] {
        let before = now(bench)?;
        timer(bench)?.sleep_wait(&mut bench.ring, duration, FOREVER)?;
        let after = now(bench)?;
        ensure!(
            after - before >= duration,
            "asked for {duration} ns, slept {} ns",
            after - before
        );
    }
    Ok(())
}

/// A question for the time as an SQE, and where its answer will be.
fn question(bench: &Bench<'_>, user_data: u64) -> Outcome<(CapSqe, &'static [u64])> {
    let room = vec![0u64; 16].leak();
    let address = room.as_mut_ptr() as u64;
    let sqe = raw::call(bench.cap("timer")?, 0, user_data, wire::NOTHING, &mut []);
    Ok((
        CapSqe {
            result_addr: address,
            result_len: 128,
            ..sqe
        },
        room,
    ))
}

fn sleep_blocks_nobody(bench: &mut Bench<'_>) -> Outcome {
    raw::submit(sleep(bench, 1, 30 * MILLISECOND)?);
    raw::submit(question(bench, 2)?.0);
    same!(raw::wait()?.user_data, 2, "the first to complete");
    same!(raw::wait()?.user_data, 1, "the second to complete");
    Ok(())
}

/// The order is checked as far as it can be known: the host may stop the machine between two submissions, so each sleep
/// stands between two questions for the time, and nobody may end before one that must have been due earlier.
fn sleeps_end_in_order(bench: &mut Bench<'_>) -> Outcome {
    let rank = [6u64, 2, 8, 4, 1, 7, 3, 5];
    let mut asked = Vec::new();
    for (place, step) in (0..).zip(rank) {
        let (sqe, answer) = question(bench, 100)?;
        raw::submit(sqe);
        raw::submit(sleep(bench, place, step * 5 * MILLISECOND)?);
        asked.push(answer);
    }
    raw::enter(0, 0)?;
    let (sqe, answer) = question(bench, 100)?;
    raw::submit(sqe);
    asked.push(answer);
    let mut ended = Vec::new();
    while ended.len() < WAITERS {
        let entry = raw::wait()?;
        ensure!(
            entry.result >= 0,
            "completion {} with {}",
            entry.user_data,
            entry.result
        );
        if entry.user_data != 100 {
            same!(entry.result, 0, "a sleep answers with nothing");
            ended.push(entry.user_data as usize);
        }
    }
    // The answer's struct comes after the framing and the root pointer; the time is its first word.
    let due = |bound: usize, place: usize| asked[bound][2] + rank[place] * 5 * MILLISECOND;
    for (position, &first) in ended.iter().enumerate() {
        for &second in &ended[position + 1..] {
            ensure!(
                due(first, first) <= due(second + 1, second),
                "sleep {first} ended before sleep {second}"
            );
        }
    }
    Ok(())
}

fn ninth_is_refused(bench: &mut Bench<'_>) -> Outcome {
    let mut timer = timer(bench)?;
    let mut pending = Vec::new();
    for _ in 0..WAITERS {
        pending.push(timer.sleep(&mut bench.ring, 1000 * MILLISECOND)?);
    }
    refused(
        timer.sleep_wait(&mut bench.ring, 1, FOREVER),
        ExceptionType::Overloaded,
        "ninth sleep",
    )?;
    for call in pending {
        let completion = bench.ring.wait(call, FOREVER)?;
        timer.finish_sleep(completion)?;
    }
    timer.sleep_wait(&mut bench.ring, 1, FOREVER)?;
    Ok(())
}

fn enter_times_out(bench: &mut Bench<'_>) -> Outcome {
    same!(raw::enter(0, 0)?, 0, "cap_enter(0, 0) with nothing to do");
    same!(raw::enter(0, u64::MAX)?, 0, "cap_enter(0, forever) never sleeps");
    same!(raw::enter(1, 0)?, 0, "cap_enter(1, 0) never sleeps");
    for timeout in [1, MILLISECOND, 5 * MILLISECOND] {
        let before = now(bench)?;
        same!(raw::enter(1, timeout)?, 0, "cap_enter(1, {timeout})");
        let after = now(bench)?;
        ensure!(
            after - before >= timeout,
            "cap_enter(1, {timeout}) slept {} ns",
            after - before
        );
    }
    same!(
        syscall::cap_enter(32, 0),
        Ok(0),
        "32 completions may be waited for"
    );
    same!(
        syscall::cap_enter(33, 0),
        Err(syscall::SyscallError::Rejected),
        "33 may not"
    );
    same!(
        syscall::cap_enter(u32::MAX, u64::MAX),
        Err(syscall::SyscallError::Rejected),
        "nor more"
    );
    Ok(())
}

fn timeout_keeps_the_call(bench: &mut Bench<'_>) -> Outcome {
    let mut timer = timer(bench)?;
    let call = timer.sleep(&mut bench.ring, 1000 * MILLISECOND)?;
    match bench.ring.wait(call, MILLISECOND) {
        Err(RingClientError::Timeout) => {}
        Ok(_) => fail!("a sleep of a second ended within a millisecond"),
        Err(error) => fail!("{error:?} instead of a timeout"),
    }
    let completion = bench.ring.wait(call, FOREVER)?;
    Ok(timer.finish_sleep(completion)?)
}

fn bad_calls(bench: &mut Bench<'_>) -> Outcome {
    let timer = bench.cap("timer")?;
    for method in [2, 99, u16::MAX] {
        bench.exception(timer, method, &[], ExceptionType::Unimplemented)?;
    }
    bench.exception(timer, 1, &[], ExceptionType::InvalidArgument)?;
    bench.exception(timer, 1, &[0xff; 64], ExceptionType::InvalidArgument)?;
    // A pointer far outside of its segment.
    let mut broken = Vec::from(wire::NOTHING);
    broken[8..16].copy_from_slice(&[0, 0xff, 0xff, 0x7f, 1, 0, 0, 0]);
    bench.exception(timer, 1, &broken, ExceptionType::InvalidArgument)
}

fn endless_sleep(bench: &mut Bench<'_>) -> Outcome {
    raw::submit(sleep(bench, 1, u64::MAX)?);
    same!(raw::enter(1, MILLISECOND)?, 0, "completions after a millisecond");
    Ok(())
}

capos::entry_point!(main);
