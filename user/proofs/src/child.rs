//! Processes that a proof needs besides itself: what they do, and how they are started.

use alloc::string::String;

use rt::child::everyday;
use rt::memory::VirtualMemory;
use rt::process::{Child, Grant, KernelSource, ProcessSpawner};
use rt::thread::Threads;
use rt::time::Timer;
use rt::{Client, Env, Error};

use crate::tools::{compute, compute_for};
use crate::{accounts, chaos, contexts, crowds, ends, indices, meetings, pages, pending, registers};

/// The manifest's name for this program.
const BINARY: &str = "proofs";

/// How long a worker computes, in nanoseconds.
pub const WORKER_NS: u64 = 10_000_000;

/// Exit code of a child that the kernel refused something.
pub const REFUSED: i64 = 98;
/// Exit code of a child that does not know its part.
pub const UNKNOWN: i64 = 99;

/// Starts this program once more, with capabilities of its own, for a part and its details.
pub fn start(spawner: &ProcessSpawner, part: &str, details: &[&str]) -> Result<Child, Error> {
    start_with(spawner, part, details, [])
}

/// The same with more capabilities.
pub fn start_with(
    spawner: &ProcessSpawner,
    part: &str,
    details: &[&str],
    more: impl IntoIterator<Item = Grant>,
) -> Result<Child, Error> {
    let mut grants = everyday();
    grants.push(Grant::kernel("endpoint", KernelSource::Endpoint));
    grants.extend(more);
    let arguments = [&[part][..], details].concat();
    rt::child::start(spawner, part, BINARY, arguments, grants)
}

/// A child's part, by name: its exit code.
pub fn act(env: &Env, part: &str, details: &[String]) -> i64 {
    let done = match part {
        "worker" => work(env).map(|()| 0),
        "restless" => live_restlessly(env).map(|()| 0),
        "reader" => pages::read_for_ever(env),
        "waiter" => pending::leave(env, details),
        "crowd" => {
            let count = details.first().and_then(|count| count.parse().ok());
            crowds::compute_for_ever(env, count.unwrap_or(1))
        }
        "ender" => ends::end_before_the_eyes_of_one(env),
        "promised" => accounts::touch_what_was_promised(env),
        "filler" => accounts::fill(env, details),
        "scattered" => accounts::scatter_and_end(env),
        "calls" => meetings::call(env),
        "calls-and-ends" => meetings::call_and_end(env),
        "answers" => meetings::answer_what_others_received(env),
        "lets-go" => meetings::let_go(env),
        "turner" => Ok(indices::turn()),
        "disturber" => registers::disturb_for_ever(details),
        "holder" => Ok(registers::hold_on(details)),
        "actor" => chaos::actor::act(env, details),
        "caller" => chaos::call_each(env),
        "tenant" => contexts::live_on_what_was_given(env, details),
        _ => Ok(UNKNOWN),
    };
    done.unwrap_or(REFUSED)
}

fn work(env: &Env) -> Result<(), Error> {
    compute_for(&env.first()?, WORKER_NS)
}

/// Has a bit of everything until it is ended from outside: threads that compute, sleep, yield and park, memory that
/// comes and goes, and operations that wait.
fn live_restlessly(env: &Env) -> Result<(), Error> {
    let threads = Threads::new(env)?;
    let (timer, memory): (Timer, VirtualMemory) = (env.first()?, env.first()?);
    let sleep = timer.start_sleep(u64::MAX)?;
    for part in 0..4 {
        let env = *env;
        let thread = threads.spawn(move || rest(&env, part))?;
        core::mem::forget(thread);
    }
    loop {
        let page = memory.map(0, 0x8000, rt::memory::Protection::ReadWrite)?;
        rt::hostile::write_u32(page + 0x5000, 1);
        rt::hostile::unmap(&memory, page, 0x8000)?;
        let thread = threads.spawn(|| compute(500))?;
        thread.join()?;
        if sleep.is_ready() {
            return Ok(());
        }
    }
}

fn rest(env: &Env, part: u32) {
    let control = env.first::<rt::thread::ThreadControl>();
    let word = core::sync::atomic::AtomicU32::new(0);
    loop {
        match part {
            0 => compute(10_000),
            1 => rt::nap(20_000),
            2 => drop(control.as_ref().map(|control| control.yield_now())),
            _ => drop(rt::park::park(&word, 0, 50_000)),
        }
    }
}

/// The id of a capability this child was granted by the kernel.
pub fn cap_id<C: Client>(env: &Env) -> Result<u32, Error> {
    env.first::<C>().map(|client| client.cap().id())
}
