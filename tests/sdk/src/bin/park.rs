//! PARK and UNPARK: a mutex made of them that loses no wake-up, order, counts, time-outs, and every refusal.

#![no_std]
#![no_main]

use capos_config::ring::{PARK_TIMED_OUT, PARK_VALUE_MISMATCH, PARK_WOKEN};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use sdk_check::prelude::*;
use sdk_check::thread::{self, FIRST_THREAD, park_sqe, perform, unpark_sqe};
use sdk_check::{raw, wire};

/// No limit to a park's waiting.
const NO_LIMIT: u64 = u64::MAX;

fn main(runtime: Runtime) -> i64 {
    run(
        "park",
        runtime,
        &[
            ("a word that holds something else does not park", mismatch),
            ("a park ends when its time is over, not earlier", time_out),
            ("unpark of a word nobody waits on wakes nobody", nobody_waits),
            (
                "unpark wakes as many as asked, first come first woken",
                counted_and_in_order,
            ),
            (
                "a cap_enter that times out leaves the park pending",
                park_outlives_enter,
            ),
            ("bad words and bad capabilities are refused", refusals),
            ("a mutex of park and unpark excludes, and loses no wake-up", mutex),
            ("join wakes as a park does", join_after_park),
        ],
    )
}

static SPACE: AtomicU32 = AtomicU32::new(0);
static WORD: AtomicU32 = AtomicU32::new(0);
static OTHER_WORD: AtomicU32 = AtomicU32::new(0);
static ORDER: AtomicU64 = AtomicU64::new(0);

fn start(bench: &Bench<'_>, body: thread::Body, argument: u64) -> Outcome<thread::Thread> {
    SPACE.store(bench.cap("park")?, Ordering::SeqCst);
    thread::start(bench.cap("threads")?, bench.cap("control")?, body, argument)
}

fn space() -> u32 {
    SPACE.load(Ordering::Relaxed)
}

fn now(bench: &Bench<'_>) -> Outcome<u64> {
    let mut result = vec![0u64; 16];
    let bytes = thread::words_as_bytes(&mut result);
    let completion = perform(raw::call(bench.cap("timer")?, 0, 0, wire::NOTHING, bytes));
    let Ok(length) = usize::try_from(completion.result) else {
        fail!("Timer.now: {}", completion.result)
    };
    wire::decode::<capos::capos_capnp::timer::now_results::Owned, _>(&bytes[..length], |answer| {
        Ok(answer.get_monotonic_ns())
    })
}

/// Sleeps, once nobody's request stands in the way.
fn pause(nanoseconds: u64) {
    while capos::syscall::cap_enter(32, nanoseconds).is_err() {}
}

fn mismatch(bench: &mut Bench<'_>) -> Outcome {
    SPACE.store(bench.cap("park")?, Ordering::SeqCst);
    WORD.store(5, Ordering::SeqCst);
    for expected in [4, 6, 0, u32::MAX] {
        same!(
            perform(park_sqe(space(), FIRST_THREAD, &WORD, expected, NO_LIMIT)).result,
            PARK_VALUE_MISMATCH,
            "park"
        );
    }
    Ok(())
}

fn time_out(bench: &mut Bench<'_>) -> Outcome {
    WORD.store(5, Ordering::SeqCst);
    for limit in [0, 1, 300_000, 4 * MILLISECOND] {
        let before = now(bench)?;
        same!(
            perform(park_sqe(space(), FIRST_THREAD, &WORD, 5, limit)).result,
            PARK_TIMED_OUT,
            "park of {limit} ns"
        );
        let waited = now(bench)? - before;
        ensure!(waited >= limit, "park of {limit} ns ended after {waited} ns");
    }
    Ok(())
}

fn nobody_waits(_: &mut Bench<'_>) -> Outcome {
    for count in [1, 2, u32::MAX] {
        same!(
            perform(unpark_sqe(space(), &WORD, count)).result,
            0,
            "waiters woken"
        );
    }
    same!(
        perform(unpark_sqe(space(), &WORD, 0)).result,
        -1,
        "unpark of zero waiters"
    );
    Ok(())
}

/// Parks on the word; the order in which parkers come back is noted as hexadecimal digits.
fn parker(argument: u64, tid: u32) -> i64 {
    let result = perform(park_sqe(space(), tid, &WORD, 5, NO_LIMIT)).result;
    let _ = ORDER.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |order| {
        Some(order << 4 | argument)
    });
    result.into()
}

fn counted_and_in_order(bench: &mut Bench<'_>) -> Outcome {
    WORD.store(5, Ordering::SeqCst);
    ORDER.store(0, Ordering::SeqCst);
    let mut threads = Vec::new();
    for place in 1..=5 {
        let submitted = raw::indices().sq_tail;
        threads.push(start(bench, parker, place)?);
        // The thread's creation was one request, its park is the next.
        thread::await_request(submitted.wrapping_add(1));
    }
    same!(
        perform(unpark_sqe(space(), &OTHER_WORD, 9)).result,
        0,
        "waiters on another word"
    );
    same!(perform(unpark_sqe(space(), &WORD, 1)).result, 1, "woken by one");
    same!(thread::join(&threads[0])?, PARK_WOKEN.into(), "the first");
    same!(ORDER.load(Ordering::SeqCst), 0x1, "who came back");
    same!(perform(unpark_sqe(space(), &WORD, 2)).result, 2, "woken by two");
    same!(thread::join(&threads[1])?, PARK_WOKEN.into(), "the second");
    same!(thread::join(&threads[2])?, PARK_WOKEN.into(), "the third");
    same!(perform(unpark_sqe(space(), &WORD, 9)).result, 2, "woken by nine");
    for thread in &threads {
        same!(thread::join(thread)?, PARK_WOKEN.into(), "a parker");
    }
    same!(perform(unpark_sqe(space(), &WORD, 9)).result, 0, "nobody is left");
    Ok(())
}

fn park_outlives_enter(bench: &mut Bench<'_>) -> Outcome {
    WORD.store(5, Ordering::SeqCst);
    let parking = thread::fresh_user_data();
    thread::submit(CapSqe {
        user_data: parking,
        ..park_sqe(space(), FIRST_THREAD, &WORD, 5, NO_LIMIT)
    });
    same!(raw::enter(1, MILLISECOND)?, 0, "cap_enter that times out");
    ensure!(
        thread::collect(parking).is_none(),
        "the park ended with the cap_enter"
    );
    // The same thread may go on and wake itself.
    same!(perform(unpark_sqe(space(), &WORD, 1)).result, 1, "woken");
    same!(thread::wait_for(parking).result, PARK_WOKEN, "the park");
    let _ = now(bench)?;
    Ok(())
}

fn refusals(bench: &mut Bench<'_>) -> Outcome {
    let good = park_sqe(space(), FIRST_THREAD, &WORD, 77, NO_LIMIT);
    let wake = unpark_sqe(space(), &WORD, 1);
    for address in [
        0,
        8,
        good.addr + 1,
        good.addr + 2,
        0x7fff_ffff_fffc,
        0x8000_0000_0000,
        0xffff_8000_0000_0000,
        u64::MAX - 3,
    ] {
        same!(
            perform(CapSqe {
                addr: address,
                ..good
            })
            .result,
            -2,
            "park on {address:#x}"
        );
        same!(
            perform(CapSqe {
                addr: address,
                ..wake
            })
            .result,
            -2,
            "unpark of {address:#x}"
        );
    }
    for cap in [0, u32::MAX, bench.cap("timer")?, bench.cap("console")?] {
        same!(
            perform(CapSqe { cap_id: cap, ..good }).result,
            -4,
            "park through capability {cap:#x}"
        );
        same!(
            perform(CapSqe { cap_id: cap, ..wake }).result,
            -4,
            "unpark through capability {cap:#x}"
        );
    }
    Ok(())
}

/// A lock as programs build it: 0 free, 1 taken, 2 taken and waited for.
struct Lock {
    state: AtomicU32,
    value: UnsafeCell<u64>,
}

// SAFETY: `value` is touched by the holder of the lock only.
unsafe impl Sync for Lock {}

static LOCK: Lock = Lock {
    state: AtomicU32::new(0),
    value: UnsafeCell::new(0),
};

impl Lock {
    fn add_one(&self, tid: u32) {
        if self
            .state
            .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            while self.state.swap(2, Ordering::Acquire) != 0 {
                perform(park_sqe(space(), tid, &self.state, 2, NO_LIMIT));
            }
        }
        // SAFETY: the lock is ours; a read and a write with a gap between them, so that a second holder would show.
        unsafe {
            let before = self.value.get().read_volatile();
            for _ in 0..20 {
                core::hint::spin_loop();
            }
            self.value.get().write_volatile(before + 1);
        }
        if self.state.swap(0, Ordering::Release) == 2 {
            perform(unpark_sqe(space(), &self.state, 1));
        }
    }
}

/// Additions each thread makes.
const ADDITIONS: u64 = 400;

fn adder(_: u64, tid: u32) -> i64 {
    for round in 0..ADDITIONS {
        LOCK.add_one(tid);
        if round % 16 == 0 {
            pause(1);
        }
    }
    0
}

fn mutex(bench: &mut Bench<'_>) -> Outcome {
    let mut threads = Vec::new();
    for _ in 0..4 {
        threads.push(start(bench, adder, 0)?);
    }
    adder(0, FIRST_THREAD);
    for thread in &threads {
        same!(thread::join(thread)?, 0, "an adder");
    }
    // SAFETY: every other thread that knows the lock has ended.
    same!(unsafe { *LOCK.value.get() }, 5 * ADDITIONS, "sum under the lock");
    Ok(())
}

fn join_after_park(bench: &mut Bench<'_>) -> Outcome {
    WORD.store(5, Ordering::SeqCst);
    let thread = start(
        bench,
        |_, tid| {
            perform(park_sqe(space(), tid, &WORD, 5, 2 * MILLISECOND))
                .result
                .into()
        },
        0,
    )?;
    same!(
        thread::join(&thread)?,
        PARK_TIMED_OUT.into(),
        "a thread whose park timed out"
    );
    Ok(())
}

capos::entry_point!(main);
