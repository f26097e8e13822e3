//! D1, D2, D4 on one CPU: shares follow weights and nothing else, a sleeper saves up no credit, and a newcomer neither
//! jumps the queue nor waits for ever.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU32};

use rt::error::Kind;
use rt::policy::{LatencyClass, SchedulingPolicyCap};
use rt::thread::{JoinHandle, Threads};
use rt::time::Timer;
use rt::{Env, Error};

use crate::ensure;
use crate::tools::{Wrong, compute, compute_for};

const MS: u64 = 1_000_000;

/// Threads that compute until told to stop, and what each used meanwhile.
struct Hogs {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<u64, Error>>>,
}

impl Hogs {
    /// Starts one for each weight and class; they begin to count together.
    fn start(env: &Env, kinds: &[(u16, LatencyClass)]) -> Result<Hogs, Error> {
        let threads = Threads::new(env)?;
        let (stop, ready) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let count = kinds.len() as u32;
        let mut started = Vec::new();
        for (weight, class) in kinds.iter().copied() {
            let (env, stop, ready) = (*env, stop.clone(), ready.clone());
            started.push(threads.spawn(move || -> Result<u64, Error> {
                let policy: SchedulingPolicyCap = env.first()?;
                policy.set_weight(weight)?;
                policy.set_latency_class(class)?;
                ready.fetch_add(1, Release);
                while ready.load(Acquire) < count {
                    rt::nap(10_000);
                }
                let before = policy.snapshot()?.runtime_ns;
                while !stop.load(Relaxed) {
                    compute(1_000);
                }
                Ok(policy.snapshot()?.runtime_ns - before)
            })?);
        }
        Ok(Hogs {
            stop,
            threads: started,
        })
    }

    /// Stops them: what each used.
    fn stop(self) -> Result<Vec<u64>, Error> {
        self.stop.store(true, Relaxed);
        self.threads.into_iter().map(|thread| thread.join()?).collect()
    }
}

/// The longest turn of a class, in nanoseconds.
const fn turn_ns(class: LatencyClass) -> u64 {
    match class {
        LatencyClass::Interactive => 2 * MS,
        LatencyClass::Normal | LatencyClass::IpcServer => 4 * MS,
        LatencyClass::Batch => 16 * MS,
    }
}

/// Runs these for a time: each must get its part of the whole to within 2 % of that part and the turn it may be in.
fn weights_alone_decide(
    env: &Env,
    kinds: &[(u16, LatencyClass)],
    duration_ns: u64,
    slack: impl Fn(u64, LatencyClass) -> u64,
) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let hogs = Hogs::start(env, kinds)?;
    timer.sleep_ns(duration_ns)?;
    let used = hogs.stop()?;
    let whole: u64 = used.iter().sum();
    let weights: u64 = kinds.iter().map(|(weight, _)| u64::from(*weight)).sum();
    for ((weight, class), used) in kinds.iter().zip(&used) {
        let ideal = whole * u64::from(*weight) / weights;
        ensure!(
            used.abs_diff(ideal) <= slack(ideal, *class),
            "weight {weight}, {}: {used} ns instead of {ideal}",
            class.name()
        );
    }
    Ok(())
}

/// D1 and D2.
pub fn weights_decide(env: &Env) -> Result<(), Wrong> {
    use LatencyClass::{Batch, Interactive, IpcServer, Normal};
    let two_percent = |ideal: u64, _| ideal / 50;
    // At least 50 turns for each, so that the turn a hog is in at the end is less than 2 % of its part.
    weights_alone_decide(
        env,
        &[(64, Normal), (128, Normal), (192, Normal)],
        1_500 * MS,
        two_percent,
    )?;
    // The classes change how long and how often, not how much: what is missing or too much is a turn, not a part.
    let a_turn_or_two = |ideal: u64, class| ideal / 50 + 2 * turn_ns(class);
    let mixed = [(100, Interactive), (100, Normal), (100, Batch), (100, IpcServer)];
    weights_alone_decide(env, &mixed, 1_000 * MS, a_turn_or_two)?;
    let crossed = [(50, Batch), (200, Interactive), (100, Batch), (100, Normal)];
    weights_alone_decide(env, &crossed, 1_000 * MS, a_turn_or_two)?;
    bad_values_are_refused(env)
}

/// D2: refused, not clamped, and nothing changes.
fn bad_values_are_refused(env: &Env) -> Result<(), Wrong> {
    let policy: SchedulingPolicyCap = env.first()?;
    let before = policy.snapshot()?.weight;
    for weight in [0, 1025, u16::MAX] {
        let answer = policy.set_weight(weight);
        ensure!(
            matches!(&answer, Err(error) if error.is(Kind::InvalidArgument)),
            "weight {weight}: {answer:?}"
        );
    }
    let after = policy.snapshot()?.weight;
    ensure!(after == before, "refused weights changed {before} to {after}");
    Ok(())
}

/// D4: the main thread sleeps long beside two hogs, and is then owed nothing; it and newcomers run soon all the same.
pub fn nobody_jumps_or_starves(env: &Env) -> Result<(), Wrong> {
    const SPELL: u64 = 120 * MS;
    let (threads, timer): (_, Timer) = (Threads::new(env)?, env.first()?);
    let policy: SchedulingPolicyCap = env.first()?;
    let hogs = Hogs::start(env, &[(64, LatencyClass::Normal); 2])?;
    timer.sleep_ns(600 * MS)?;
    let before = policy.snapshot()?.runtime_ns;
    compute_for(&timer, SPELL)?;
    let used = policy.snapshot()?.runtime_ns - before;
    // A third, and at most one turn more for having slept.
    ensure!(
        used.abs_diff(SPELL / 3) <= 3 * 4 * MS,
        "a sleeper used {used} ns of {SPELL} beside two hogs"
    );
    // Each newcomer waits for at most a turn of each hog and of the main thread.
    for _ in 0..10 {
        let (env, asked) = (*env, timer.now_ns()?);
        let newcomer =
            threads.spawn(move || -> Result<u64, Error> { Ok(env.first::<Timer>()?.now_ns()? - asked) })?;
        let waited = newcomer.join()??;
        ensure!(
            waited <= 4 * 4 * MS,
            "a new thread waited {waited} ns for its first turn"
        );
    }
    // Newcomers that live shortly, one after another, take no more than one of them would alone.
    let (began, until) = (timer.now_ns()?, timer.now_ns()? + SPELL);
    let mut used = 0;
    while timer.now_ns()? < until {
        let env = *env;
        let newcomer = threads.spawn(move || -> Result<u64, Error> {
            compute_for(&env.first()?, MS)?;
            Ok(env.first::<SchedulingPolicyCap>()?.snapshot()?.runtime_ns)
        })?;
        used += newcomer.join()??;
    }
    let passed = timer.now_ns()? - began;
    ensure!(
        used <= passed / 3 + passed / 6,
        "short-lived threads used {used} ns of {passed} beside two hogs"
    );
    hogs.stop()?;
    Ok(())
}
