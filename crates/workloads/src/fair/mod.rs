//! D6: who gets how much of a CPU that is not enough for all. Members that always want to run do so for a window of time;
//! what each used is the kernel's account of it, read from outside at both ends of the window. Beside it stands the
//! work that each really did.
//!
//! A member is a hog on a thread, a hog in a process, or a pair of a client and its server, which together always want to
//! run. Sleepers are there to disturb: they want little, so they have no share to be measured by. The watching is in
//! [`window`].

mod window;

use crate::calls::piece_without_work;
use crate::hog::{Hogged, hog, steps, steps_at_once};
use crate::plan::Plan;
use crate::system::{Account, Calls, Child, Link, Processes, Scheduling, Service, System, Threads, WEIGHTS};
use alloc::vec::Vec;
use window::{Done, Member, ORDINARY, Running, Times, observe, report, times};

/// Name of the part that a hog in its own process runs.
pub const PART: &str = "hog";

/// A sleeper's steps at a time, about 0.1 ms on a machine of one GHz, and its sleep.
const SLEEPERS_STEPS: u64 = 20_000;
const SLEEPERS_SLEEP_NS: u64 = 1_000_000;

/// Questions to a hog in its own process: `WHO, 0, 0, 0` and `HOG, start, end, 0`.
const WHO: u64 = 1;
const HOG: u64 = 2;

/// Hogs on threads of this process, one for each weight.
fn on_threads<S: Threads + Scheduling>(
    system: &S,
    plan: &Plan,
    row: &str,
    weights: &[Option<u16>],
) -> Result<(), S::Error> {
    let times = times(system, plan, weights.len())?;
    let threads = weights
        .iter()
        .map(|weight| start_hog(system, times, *weight))
        .collect::<Result<Vec<_>, _>>()?;
    let mut members = Vec::new();
    for (thread, weight) in threads.iter().zip(weights) {
        members.push(Member {
            kind: "",
            weight: weight.unwrap_or(ORDINARY),
            accounts: alloc::vec![thread.account(system)?],
        });
    }
    let window = observe(system, times, &members)?;
    let done = join_all(system, threads)?;
    report(system, row, &members, &window, &done);
    Ok(())
}

fn start_hog<S: Threads + Scheduling>(
    system: &S,
    times: Times,
    weight: Option<u16>,
) -> Result<Running<S>, S::Error> {
    Running::start(system, move |system: &S| {
        if let Some(weight) = weight {
            system.set_own_weight(weight)?;
        }
        Ok(hog::<S>(times.start, times.end).into())
    })
}

fn join_all<S: Threads>(system: &S, threads: Vec<Running<S>>) -> Result<Vec<Done>, S::Error> {
    threads
        .into_iter()
        .map(|running| system.join(running.thread)?)
        .collect()
}

/// Four hogs.
pub fn hogs<S: Threads + Scheduling>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    on_threads(system, plan, "fair-hogs", &[None; 4])
}

/// Twelve hogs.
pub fn threads<S: Threads + Scheduling>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    on_threads(system, plan, "fair-threads", &[None; 12])
}

/// Four hogs of different weights.
pub fn weights<S: Threads + Scheduling>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    on_threads(system, plan, "fair-weights", &WEIGHTS.map(Some))
}

/// Two hogs beside two threads that work a little and sleep a little.
pub fn sleepers<S: Threads + Scheduling>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    let kinds = ["", "", "sleeper-", "sleeper-"];
    let times = times(system, plan, kinds.len())?;
    let threads = kinds
        .iter()
        .map(|kind| {
            if kind.is_empty() {
                start_hog(system, times, None)
            } else {
                Running::start(system, move |system: &S| sleep_and_work(system, times))
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut members = Vec::new();
    for (thread, kind) in threads.iter().zip(kinds) {
        members.push(Member {
            kind,
            weight: ORDINARY,
            accounts: alloc::vec![thread.account(system)?],
        });
    }
    let window = observe(system, times, &members)?;
    let done = join_all(system, threads)?;
    report(system, "fair-sleepers", &members, &window, &done);
    Ok(())
}

fn sleep_and_work<S: System>(system: &S, times: Times) -> Result<Done, S::Error> {
    let (mut state, mut count) = (1, 0);
    while S::ticks() < times.end {
        system.sleep_ns(SLEEPERS_SLEEP_NS)?;
        state = steps(state, SLEEPERS_STEPS);
        count += 1;
    }
    Ok(Done {
        count,
        right: state == steps_at_once(1, SLEEPERS_STEPS * count),
    })
}

/// Two hogs beside two pairs of a client and a server: one of the two always wants to run.
pub fn calls<S: Threads + Calls + Scheduling>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    let mut links = (0..2)
        .map(|_| system.connect(system.best_way(), Service::Work))
        .collect::<Result<Vec<_>, _>>()?;
    let servers = links
        .iter_mut()
        .map(Link::server)
        .collect::<Result<Vec<_>, _>>()?;
    let times = times(system, plan, 4)?;
    let mut threads = alloc::vec![start_hog(system, times, None)?, start_hog(system, times, None)?];
    for link in links {
        threads.push(Running::start(system, move |_: &S| {
            call_until(link, times, S::ticks)
        })?);
    }
    let servers = [None, None].into_iter().chain(servers.into_iter().map(Some));
    let mut members = Vec::new();
    for (thread, server) in threads.iter().zip(servers) {
        let server = server.map(|process| Account {
            process,
            thread: None,
        });
        members.push(Member {
            kind: "",
            weight: ORDINARY,
            accounts: core::iter::once(thread.account(system)?).chain(server).collect(),
        });
    }
    let window = observe(system, times, &members)?;
    let done = join_all(system, threads)?;
    report(system, "fair-calls", &members, &window, &done);
    Ok(())
}

/// Calls until the end, and looks at each answer.
fn call_until<L: Link>(mut link: L, times: Times, ticks: fn() -> u64) -> Result<Done, L::Error> {
    let (mut count, mut right) = (0, true);
    while ticks() < times.end {
        right &= link.call(count)? == piece_without_work(count);
        count += 1;
    }
    right &= link.end()? == 0;
    Ok(Done { count, right })
}

/// A hog in its own process.
pub fn hog_in_own_process<S: Processes + Scheduling>(system: &S) -> Result<(), S::Error> {
    system.serve(|question| match question {
        [WHO, ..] => [u64::from(system.own_process()), 0, 0, 0],
        [HOG, start, end, _] => {
            let hogged = hog::<S>(start, end);
            [hogged.all_pieces, hogged.pieces, hogged.state, 0]
        }
        _ => [0; 4],
    })
}

/// Six hogs, each in a process of its own.
pub fn processes<S: Processes + Scheduling>(system: &S, plan: &Plan) -> Result<(), S::Error> {
    let mut children = (0..6)
        .map(|_| system.start(PART))
        .collect::<Result<Vec<_>, _>>()?;
    let mut members = Vec::new();
    for child in &mut children {
        child.ask([WHO, 0, 0, 0])?;
        members.push(Member {
            kind: "",
            weight: ORDINARY,
            accounts: alloc::vec![Account {
                process: child.answer()?[0] as u32,
                thread: None,
            }],
        });
    }
    let times = times(system, plan, members.len())?;
    for child in &mut children {
        child.ask([HOG, times.start, times.end, 0])?;
    }
    let window = observe(system, times, &members)?;
    let mut done = Vec::new();
    for child in &mut children {
        let [all_pieces, pieces, state, _] = child.answer()?;
        done.push(
            Hogged {
                pieces,
                all_pieces,
                state,
            }
            .into(),
        );
    }
    for child in children {
        child.end()?;
    }
    report(system, "fair-processes", &members, &window, &done);
    Ok(())
}
