//! P15: what a system call of one process makes others wait for. A thread that the first submission of a pass wakes has a
//! CPU while the pass goes on, if one is free; and whoever wakes a crowd with one UNPARK lets others in between.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use abi::layout::PAGE_SIZE;
use rt::hostile::write_u32;
use rt::memory::{Protection, VirtualMemory};
use rt::monitor::Monitor;
use rt::park::{ParkSpace, park};
use rt::policy::{LatencyClass, SchedulingPolicyCap};
use rt::raw::{Operation, ticks, with_ring};
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Client, Env, Error};
use schema_gen::monitor::ThreadState;

use crate::ensure;
use crate::tools::{Wrong, wait_until};

/// Passes that are looked at.
const ROUNDS: u32 = 20;
/// Memory whose protection each of the long submissions changes.
const BYTES: u64 = 16 << 20;

/// Threads that park beside the first, and how often each does.
const CROWD: usize = 14;
const PARKS: u32 = 64;
/// What the innocent thread sleeps, in nanoseconds, and how late it may be: instructions, where they are counted.
const NAP_NS: u64 = 40_000;
const LATE_NS: u64 = 200_000;

/// The proof, for machines with a CPU to spare: several passes that each wake a thread first, are long then, and ask for
/// the time last.
pub fn nobody_waits_for_the_rest(env: &Env) -> Result<(), Wrong> {
    let (memory, timer): (VirtualMemory, Timer) = (env.first()?, env.first()?);
    let target = memory.map(0, BYTES, Protection::ReadWrite)?;
    for page in 0..BYTES / PAGE_SIZE {
        write_u32(target + page * PAGE_SIZE, 1);
    }
    let (word, ran_at) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU64::new(0)));
    let sleeper = Threads::new(env)?.spawn({
        let (env, word, ran_at) = (*env, word.clone(), ran_at.clone());
        move || run_when_woken(&env, &word, &ran_at)
    })?;
    let mut in_time = 0;
    for round in 1..=ROUNDS {
        await_blocked(env, 1)?;
        let before = ran_at.load(Acquire);
        word.store(round, Release);
        let ended_at = wake_and_be_long(env, target, &word)?;
        wait_until(&timer, "the woken thread runs", || {
            Ok(ran_at.load(Acquire) != before)
        })?;
        in_time += u32::from(ran_at.load(Acquire) < ended_at);
    }
    sleeper.join()??;
    // A CPU of the host may be elsewhere now and then.
    ensure!(
        in_time > ROUNDS / 2,
        "in {in_time} of {ROUNDS} passes the thread that was woken first ran before the end"
    );
    Ok(())
}

/// Notes the time whenever the word has become another one.
fn run_when_woken(env: &Env, word: &AtomicU32, ran_at: &AtomicU64) -> Result<(), Error> {
    let timer: Timer = env.first()?;
    for round in 0..ROUNDS {
        while word.load(Acquire) == round {
            park(word, round, u64::MAX);
        }
        ran_at.store(timer.now_ns()?, Release);
    }
    Ok(())
}

/// One pass; the time at its end, as the kernel tells it.
fn wake_and_be_long(env: &Env, target: u64, word: &AtomicU32) -> Result<u64, Error> {
    let (memory, timer, space): (VirtualMemory, Timer, ParkSpace) =
        (env.first()?, env.first()?, env.first()?);
    let params = protect_message(target);
    let mut results = [[0; 256]; 14];
    let mut now = [0; 256];
    with_ring(|ring| {
        ring.submit(&Operation::unpark(&space, word, 1));
        for result in &mut results {
            ring.submit(&Operation::call(memory.cap().method(2), &params, result));
        }
        ring.submit(&Operation::call(timer.cap().method(0), &[], &mut now));
        ring.enter(0);
    });
    // The first word of data, behind the framing and the pointer to it.
    let bytes = now[16..].first_chunk().ok_or(Error::Malformed)?;
    Ok(u64::from_le_bytes(*bytes))
}

/// Parameters of VirtualMemory.protect, as a message: one segment of four words, a struct with three words of data, whose
/// bits are those of reading and writing.
fn protect_message(target: u64) -> [u8; 40] {
    let mut message = [0; 40];
    let words = [4 << 32, 3 << 32, target, BYTES, 3_u64];
    for (bytes, word) in message.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    message
}

/// The proof, for one CPU whose time is counted in instructions: a thread of the highest class wakes up again and again
/// while one submission wakes hundreds.
pub fn a_crowd_is_woken_in_pieces(env: &Env) -> Result<(), Wrong> {
    let threads = Threads::new(env)?;
    let word = Arc::new(AtomicU32::new(0));
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let (env, word) = (*env, word.clone());
        crowd.push(threads.spawn(move || park_often(&env, &word))?);
    }
    await_blocked(env, CROWD)?;
    let (stop, latest) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let innocent = threads.spawn({
        let (env, stop, latest) = (*env, stop.clone(), latest.clone());
        move || nap_often(&env, &stop, &latest)
    })?;
    await_blocked(env, CROWD + 1)?;
    let space: ParkSpace = env.first()?;
    let mut woken = 0;
    with_ring(|ring| woken = ring.perform(&Operation::unpark(&space, &word, u32::MAX)).result);
    stop.store(true, Relaxed);
    innocent.join()??;
    for thread in crowd {
        thread.join()??;
    }
    let (parks, late) = (CROWD as i32 * PARKS as i32, latest.load(Relaxed));
    ensure!(woken == parks, "{woken} of {parks} parks were woken");
    ensure!(late > 0, "nobody napped meanwhile");
    ensure!(late < LATE_NS, "the innocent thread was {late} ns late");
    Ok(())
}

/// Parks as often as a ring has operations, all at once, and waits for all of them.
pub(crate) fn park_often(env: &Env, word: &AtomicU32) -> Result<(), Error> {
    let space: ParkSpace = env.first()?;
    with_ring(|ring| {
        let park = Operation::park(&space, word, 0);
        for _ in 0..PARKS / 16 {
            for _ in 0..16 {
                ring.submit(&park);
            }
            ring.enter(0);
        }
    });
    Ok(())
}

/// Sleeps again and again and keeps the longest lateness.
fn nap_often(env: &Env, stop: &AtomicBool, latest: &AtomicU64) -> Result<(), Error> {
    let (timer, policy): (Timer, SchedulingPolicyCap) = (env.first()?, env.first()?);
    policy.set_weight(1024)?;
    policy.set_latency_class(LatencyClass::Interactive)?;
    while !stop.load(Relaxed) {
        let before = ticks();
        timer.sleep_ns(NAP_NS)?;
        let late = (ticks() - before).saturating_sub(NAP_NS);
        latest.fetch_max(late, Relaxed);
    }
    Ok(())
}

/// Waits until so many threads of this process are blocked.
pub(crate) fn await_blocked(env: &Env, count: usize) -> Result<(), Wrong> {
    let (timer, monitor): (Timer, Monitor) = (env.first()?, env.first()?);
    wait_until(&timer, "enough threads wait", || {
        monitor.threads(env.pid() as u32, |all| {
            let blocked = all
                .iter()
                .filter(|one| one.get_state() == Ok(ThreadState::Blocked))
                .count();
            Ok(blocked >= count)
        })
    })
}
