//! What choosing the next thread and queueing the last one costs as the number of runnable threads grows: the kernel's
//! own scheduler core (crates/sched) on the host, where nothing else is in the way.
//!
//! ```text
//! scheduler-cost RUNNABLE STEPS
//! ```
//!
//! makes RUNNABLE threads of mixed weights and classes, then performs STEPS turns: pick, begin, run for a slice or
//! less, end, enqueue. It prints the nanoseconds per turn. To count instructions instead, run it under
//! `valgrind --tool=callgrind` with the steps and without: the difference is theirs (`./x bench core` does).
#![forbid(unsafe_code)]

use std::process::ExitCode;

use sched::{
    Cpu, CpuId, EndReason, EnqueueReason, Entity, Instant, LatencyClass, Nanos, Policy, ThreadId, Weight,
};

/// Weights that real mixes have: ordinary threads, some that count more and some that count less.
const WEIGHTS: [u16; 8] = [64, 64, 64, 64, 128, 32, 1024, 8];

/// Classes in turn, with a period that the weights do not share.
const CLASSES: [LatencyClass; 3] = [
    LatencyClass::Normal,
    LatencyClass::Interactive,
    LatencyClass::Batch,
];

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    let [runnable, steps] = numbers[..] else {
        eprintln!("usage: scheduler-cost RUNNABLE STEPS");
        return ExitCode::from(2);
    };
    let Some(mut cpu) = queue(runnable) else {
        eprintln!("scheduler-cost: a weight was refused");
        return ExitCode::FAILURE;
    };
    let began = std::time::Instant::now();
    let taken = turns(&mut cpu, steps);
    let elapsed = began.elapsed();
    println!(
        "{} ns per turn, {taken} turns",
        elapsed.as_nanos() / u128::from(steps.max(1))
    );
    if taken == steps {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A CPU with so many threads waiting.
fn queue(runnable: u64) -> Option<Cpu<()>> {
    let mut cpu = Cpu::new(CpuId(0), Policy::default(), Instant::BOOT);
    for number in 0..runnable {
        let weight = Weight::new(WEIGHTS[number as usize % WEIGHTS.len()])?;
        let class = CLASSES[number as usize % CLASSES.len()];
        let entity = Entity::new(ThreadId(number + 1), weight, class, ());
        // What it means for the running thread does not matter: none runs.
        let _ = cpu.enqueue(entity, EnqueueReason::New, Instant::BOOT);
    }
    Some(cpu)
}

/// Turns, one after the other; how many there were.
fn turns(cpu: &mut Cpu<()>, steps: u64) -> u64 {
    let mut now = Instant::BOOT;
    for step in 0..steps {
        let Some(mut entity) = cpu.pick(now) else {
            return step;
        };
        let _ = cpu.begin(&mut entity, now);
        // From a tenth of a slice to a whole one, in an order that repeats late.
        now = now + Nanos::from_micros(300 + step * 7919 % 2700);
        let _ = cpu.end(&mut entity, now, EndReason::Preempted);
        let _ = cpu.enqueue(entity, EnqueueReason::Preempted, now);
    }
    steps
}
