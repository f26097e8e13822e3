//! The threads that are meddled with. Each passes through other states of a thread's life, as often as it can.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::black_box;
use core::sync::atomic::Ordering::{Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU32};

use rt::park::{park, unpark};
use rt::thread::{JoinHandle, ThreadControl, Threads};
use rt::{Env, Error};

/// How many there are.
pub const COUNT: u32 = 7;

/// Longest time a player waits for the ball, so that it sees when it is to stop.
const PATIENCE_NS: u64 = 5_000_000;

/// Starts them: two compute, two sleep, one yields, and two throw a ball to each other.
pub fn start(env: &Env, threads: &Threads, stop: &Arc<AtomicBool>) -> Result<Vec<JoinHandle<()>>, Error> {
    let mut started = Vec::new();
    for _ in 0..2 {
        let stop = stop.clone();
        started.push(threads.spawn(move || compute(&stop))?);
    }
    for pause_ns in [30_000, 200_000] {
        let stop = stop.clone();
        started.push(threads.spawn(move || sleep(&stop, pause_ns))?);
    }
    let (here, yielding) = (*env, stop.clone());
    started.push(threads.spawn(move || give_way(&here, &yielding))?);
    let ball = Arc::new(AtomicU32::new(0));
    for player in 0..2 {
        let (stop, ball) = (stop.clone(), ball.clone());
        started.push(threads.spawn(move || play(&stop, &ball, player))?);
    }
    Ok(started)
}

/// Runs, and waits in queues when others want the CPU.
fn compute(stop: &AtomicBool) {
    let mut value = 1u64;
    while !stop.load(Relaxed) {
        for _ in 0..1_000 {
            value = black_box(value.wrapping_mul(3));
        }
    }
}

/// Is parked, and woken by the timer.
fn sleep(stop: &AtomicBool, pause_ns: u64) {
    while !stop.load(Relaxed) {
        rt::nap(pause_ns);
    }
}

/// Goes back into the queue of its own accord.
fn give_way(env: &Env, stop: &AtomicBool) {
    let Ok(control) = env.first::<ThreadControl>() else {
        return;
    };
    while !stop.load(Relaxed) && control.yield_now().is_ok() {}
}

/// Wakes the other and waits to be woken: each wake-up comes from a thread that is about to block.
fn play(stop: &AtomicBool, ball: &AtomicU32, player: u32) {
    while !stop.load(Relaxed) {
        let now = ball.load(Relaxed);
        if now % 2 == player {
            ball.store(now.wrapping_add(1), Release);
            unpark(ball, 1);
        } else {
            park(ball, now, PATIENCE_NS);
        }
    }
}
