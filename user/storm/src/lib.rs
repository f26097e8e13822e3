//! Starts and ends processes, thousands of them, and prints how long one takes from spawn to exit. Each is the
//! program `hello` with no capability at all: it has nobody to greet, and exits with its usual code.
//!
//! What this is for besides the number: a kernel that leaks a page, a slot or a thread per process runs dry here.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

use alloc::collections::VecDeque;
use alloc::string::String;

use rt::monitor::Monitor;
use rt::pending::Pending;
use rt::process::{Child, ProcessSpawner};
use rt::text::{duration, grouped, number_in};
use rt::time::Timer;
use rt::{Env, Error, println};

const USAGE: &str = "usage: storm [COUNT [AT-ONCE]]
  Starts COUNT processes (default 2000), AT-ONCE of them alive at a time (default 4, at most 6), and prints
  the time each took.";

/// What each process runs, and the code it ends with.
const BINARY: &str = "hello";
const EXPECTED: i64 = 7;

struct Settings {
    count: u64,
    at_once: u64,
}

fn parse(arguments: &[&str]) -> Result<Settings, String> {
    let count = |text| number_in(text, "count", 1..=1_000_000);
    match arguments {
        [] => Ok(Settings {
            count: 2_000,
            at_once: 4,
        }),
        [all] => Ok(Settings {
            count: count(all)?,
            at_once: 4,
        }),
        [all, some] => Ok(Settings {
            count: count(all)?,
            at_once: number_in(some, "number at once", 1..=6)?,
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
    match storm(env, &settings) {
        Ok(()) => 0,
        Err(error) => {
            println!("storm: {error}");
            1
        }
    }
}

fn storm(env: &Env, settings: &Settings) -> Result<(), Error> {
    let timer: Timer = env.first()?;
    let spawner: ProcessSpawner = env.first()?;
    let monitor = env.first::<Monitor>().ok();
    let free_frames = || {
        monitor
            .as_ref()
            .and_then(|monitor| monitor.system(|info| Ok(info.get_frames_free())).ok())
    };

    // One first, so that whatever the kernel keeps for later is there before we count.
    spawner.spawn("drop", BINARY, &[])?.handle.wait()?;
    let frames_before = free_frames();
    let before = timer.now_ns()?;
    let mut alive: VecDeque<(Child, Pending<i64>)> = VecDeque::new();
    let mut wrong = 0u64;
    let mut collect = |(child, ended): (Child, Pending<i64>)| -> Result<(), Error> {
        let code = ended.wait()?;
        drop(child);
        wrong += u64::from(code != EXPECTED);
        Ok(())
    };
    for _ in 0..settings.count {
        if alive.len() as u64 == settings.at_once
            && let Some(oldest) = alive.pop_front()
        {
            collect(oldest)?;
        }
        let child = spawner.spawn("drop", BINARY, &[])?;
        let ended = child.handle.start_wait()?;
        alive.push_back((child, ended));
    }
    alive.into_iter().try_for_each(collect)?;
    let elapsed = (timer.now_ns()? - before).max(1);
    println!(
        "{} processes in {}: {} each, {} per second, {wrong} with a wrong exit code",
        grouped(settings.count),
        duration(elapsed),
        duration(elapsed / settings.count),
        grouped(settings.count * 1_000_000_000 / elapsed),
    );
    if let (Some(before), Some(after)) = (frames_before, free_frames()) {
        println!("free pages of memory: {before} before, {after} after");
    }
    if wrong == 0 { Ok(()) } else { Err(Error::Malformed) }
}
