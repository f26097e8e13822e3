//! Weighted CPU hogs: threads that do nothing but compute, each with a weight of its own, and the shares of CPU
//! time they really get next to the shares they should get (rule D1).
//!
//! [`shares`] says what would be ideal; this file makes the hogs and measures them.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod shares;

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::black_box;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rt::monitor::Monitor;
use rt::policy::SchedulingPolicyCap;
use rt::text::{Table, duration, number_in};
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Env, Error, println};

const USAGE: &str = "usage: hogs [SECONDS [WEIGHT...]]
  Runs one computing thread per weight (1 to 1024, at most 14 of them) for so many seconds, and prints the
  share of CPU time each should get and really got. Default: 2 seconds, weights 32 64 128 256.";

/// Turns of the loop between two looks at the clock on the wall.
const TURNS: u32 = 10_000;

struct Settings {
    seconds: u64,
    weights: Vec<u16>,
}

fn parse(arguments: &[&str]) -> Result<Settings, String> {
    let (seconds, weights) = match arguments.split_first() {
        None => (2, &[][..]),
        Some((seconds, weights)) => (number_in(seconds, "number of seconds", 1..=600)?, weights),
    };
    if weights.len() > 14 {
        return Err("at most 14 weights fit: a process has 16 threads".into());
    }
    let weights: Vec<u16> = weights
        .iter()
        .map(|weight| number_in(weight, "weight", 1..=1024).map(|weight| weight as u16))
        .collect::<Result<_, _>>()?;
    let weights = if weights.is_empty() {
        [32, 64, 128, 256].to_vec()
    } else {
        weights
    };
    Ok(Settings { seconds, weights })
}

/// The program.
pub fn run(env: &Env) -> i64 {
    match rt::text::settings(&env.arguments(), USAGE, parse) {
        Err(code) => code,
        Ok(settings) => match measure(env, &settings) {
            Ok(used) => {
                report(env, &settings, &used);
                0
            }
            Err(error) => {
                println!("hogs: {error}");
                1
            }
        },
    }
}

/// Runs the hogs and says how many nanoseconds each was on a CPU.
fn measure(env: &Env, settings: &Settings) -> Result<Vec<u64>, Error> {
    let timer: Timer = env.first()?;
    env.first::<SchedulingPolicyCap>()?;
    let threads = Threads::new(env)?;
    let stop = Arc::new(AtomicBool::new(false));
    let ready = Arc::new(AtomicU32::new(0));
    let count = settings.weights.len() as u32;
    let mut hogs = Vec::new();
    for weight in settings.weights.iter().copied() {
        let (env, stop, ready) = (*env, stop.clone(), ready.clone());
        hogs.push(threads.spawn(move || hog(&env, weight, &ready, count, &stop))?);
    }
    timer.sleep_ns(settings.seconds * 1_000_000_000)?;
    stop.store(true, Ordering::Relaxed);
    hogs.into_iter().map(|hog| hog.join()?).collect()
}

/// One hog: takes its weight, waits for the others, and computes until told to stop.
fn hog(env: &Env, weight: u16, ready: &AtomicU32, count: u32, stop: &AtomicBool) -> Result<u64, Error> {
    let policy: SchedulingPolicyCap = env.first()?;
    policy.set_weight(weight)?;
    // All start to count together: before that the early ones would have the CPUs to themselves.
    ready.fetch_add(1, Ordering::Release);
    while ready.load(Ordering::Acquire) < count && !stop.load(Ordering::Relaxed) {
        rt::nap(100_000);
    }
    let before = policy.snapshot()?.runtime_ns;
    let mut value = 1u64;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..TURNS {
            value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
    Ok(policy.snapshot()?.runtime_ns - before)
}

fn report(env: &Env, settings: &Settings, used: &[u64]) {
    let total: u64 = used.iter().sum();
    let cpus = env
        .first::<Monitor>()
        .and_then(|monitor| monitor.system(|info| Ok(info.get_cpu_count())))
        // Without a monitor: as many as were kept busy.
        .unwrap_or(((total + 500_000_000) / (settings.seconds * 1_000_000_000)).max(1) as u32);
    let ideal = shares::ideal(&settings.weights, cpus);
    let real = shares::real(used);
    let mut table = Table::new(&[">HOG", ">WEIGHT", ">CPU TIME", ">IDEAL", ">REAL", ">DIFFERENCE"]);
    let mut worst = 0;
    for (index, weight) in settings.weights.iter().enumerate() {
        let difference = real[index] as i64 - ideal[index] as i64;
        worst = worst.max(difference.unsigned_abs());
        table.row([
            (index + 1).to_string(),
            weight.to_string(),
            duration(used[index]),
            shares::percent(ideal[index] as i64),
            shares::percent(real[index] as i64),
            shares::percent(difference),
        ]);
    }
    for line in table.lines(100) {
        println!("{line}");
    }
    println!(
        "{} hogs on {cpus} CPU{} for {} s; furthest from ideal: {} points",
        used.len(),
        if cpus == 1 { "" } else { "s" },
        settings.seconds,
        shares::percent(worst as i64).trim_end_matches(" %")
    );
}
