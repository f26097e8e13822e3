//! Counts primes on one thread, then on two, and so on, and prints how much faster it got. The work is divided
//! into blocks that threads take one by one, so it stays balanced whatever else runs.
//!
//! [`sieve`] counts; this file divides and measures.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod sieve;

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use rt::monitor::Monitor;
use rt::text::{Table, duration, grouped, number_in};
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Env, Error, println};

const USAGE: &str = "usage: primes [LIMIT [THREADS]]
  Counts the primes below LIMIT (default 2000000) with 1, 2, ... THREADS threads (default: one per CPU, at most
  14), and prints the time and the speed-up of each.";

struct Settings {
    limit: u64,
    /// None: one per CPU.
    threads: Option<u64>,
}

fn parse(arguments: &[&str]) -> Result<Settings, String> {
    let limit = |text| number_in(text, "limit", 1_000..=1_000_000_000);
    match arguments {
        [] => Ok(Settings {
            limit: 2_000_000,
            threads: None,
        }),
        [most] => Ok(Settings {
            limit: limit(most)?,
            threads: None,
        }),
        [most, threads] => Ok(Settings {
            limit: limit(most)?,
            threads: Some(number_in(threads, "number of threads", 1..=14)?),
        }),
        _ => Err("there are too many arguments".into()),
    }
}

/// The program.
pub fn run(env: &Env) -> i64 {
    let settings = match rt::text::settings(&env.arguments(), USAGE, parse) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    match measure(env, &settings) {
        Ok(true) => 0,
        Ok(false) => {
            println!("primes: the counts are wrong");
            1
        }
        Err(error) => {
            println!("primes: {error}");
            1
        }
    }
}

/// Counts with more and more threads; whether every count was right.
fn measure(env: &Env, settings: &Settings) -> Result<bool, Error> {
    let timer: Timer = env.first()?;
    let most = match settings.threads {
        Some(threads) => threads,
        None => env
            .first::<Monitor>()?
            .system(|info| Ok(u64::from(info.get_cpu_count())))?
            .clamp(1, 14),
    };
    let expected = sieve::known_count(settings.limit);
    let mut table = Table::new(&[">THREADS", ">PRIMES", ">TIME", ">SPEED-UP"]);
    let mut first: Option<(u64, u64)> = None;
    let mut all_right = true;
    for threads in 1..=most {
        let before = timer.now_ns()?;
        let count = count_with(env, settings.limit, threads)?;
        let elapsed = (timer.now_ns()? - before).max(1);
        let (first_count, first_elapsed) = *first.get_or_insert((count, elapsed));
        all_right &= count == expected.unwrap_or(first_count);
        let speed_up = first_elapsed * 100 / elapsed;
        table.row([
            threads.to_string(),
            grouped(count),
            duration(elapsed),
            alloc::format!("{}.{:02}", speed_up / 100, speed_up % 100),
        ]);
    }
    for line in table.lines(100) {
        println!("{line}");
    }
    let checked = if expected.is_some() {
        "the known count"
    } else {
        "each other"
    };
    println!(
        "counted below {}, compared with {checked}",
        grouped(settings.limit)
    );
    Ok(all_right)
}

/// Counts with so many threads, which take block after block.
fn count_with(env: &Env, limit: u64, threads: u64) -> Result<u64, Error> {
    let starter = Threads::new(env)?;
    let small = Arc::new(sieve::small_primes(limit));
    let next_block = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (small, next_block) = (small.clone(), next_block.clone());
            starter.spawn(move || {
                let mut found = 0;
                loop {
                    let start = next_block.fetch_add(1, Ordering::Relaxed) * sieve::BLOCK;
                    if start >= limit {
                        return found;
                    }
                    found += sieve::count_block(start, limit, &small);
                }
            })
        })
        .collect::<Result<_, _>>()?;
    workers.into_iter().map(|worker| worker.join()).sum()
}
