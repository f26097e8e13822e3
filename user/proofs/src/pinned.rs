//! B5: where a thread may run is said by a capability of its own, and holds at once wherever the thread is: running, waiting
//! behind another, or parked; and a set that names no CPU, or one that is not there, changes nothing.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU32};

use rt::monitor::{Monitor, Supervisor};
use rt::park::{park, unpark};
use rt::placement::{PlacementRefusal, ThreadPlacement, set_of};
use rt::thread::{JoinHandle, Threads};
use rt::time::Timer;
use rt::{Env, Error};
use schema_gen::monitor::ThreadState;

use crate::counters::moved;
use crate::ensure;
use crate::tools::{Wrong, compute, thread, wait_until};

/// The proof, for any number of CPUs.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let monitor: Monitor = env.first()?;
    let cpus = monitor.system(|info| Ok(info.get_cpu_count()))?;
    are_online(&monitor, cpus)?;
    refusals_change_nothing(env, cpus)?;
    a_running_thread_moves(env, cpus)?;
    waiting_threads_move(env, cpus)?;
    a_parked_thread_wakes_where_it_may(env, cpus)
}

/// Of several CPUs the last one has not started: nobody can be sent there, and with others beside it it does no harm.
pub fn prove_without_the_last(env: &Env) -> Result<(), Wrong> {
    let (monitor, timer): (Monitor, Timer) = (env.first()?, env.first()?);
    let last = monitor.system(|info| Ok(info.get_cpu_count()))? - 1;
    are_online(&monitor, last)?;
    let spinner = Spinner::start(env)?;
    let place = placement(env, spinner.tid)?;
    let before = place.cpus()?;
    let answer = place.set_cpus(&set_of([last]))?;
    ensure!(
        answer == Err(PlacementRefusal::NotStarted(last)),
        "a thread was sent to a CPU that has not started: {answer:?}"
    );
    let after = place.cpus()?;
    ensure!(
        after == before,
        "that was refused and changed {before:?} to {after:?}"
    );
    let refused = place.set_cpus(&set_of([0, last]))?;
    ensure!(refused == Ok(()), "CPU 0 or {last} was refused: {refused:?}");
    runs_on(env, &timer, spinner.tid, 0)?;
    spinner.stop()
}

/// The first so many CPUs take threads, and no other: so it is before the first thread runs.
fn are_online(monitor: &Monitor, cpus: u32) -> Result<(), Wrong> {
    let online: Vec<u32> = monitor.cpus(|list| {
        let online = list.iter().filter(|cpu| cpu.get_online());
        Ok(online.map(|cpu| cpu.get_cpu()).collect())
    })?;
    let expected: Vec<u32> = (0..cpus).collect();
    ensure!(
        online == expected,
        "CPUs {online:?} are online, not the first {cpus}"
    );
    Ok(())
}

fn placement(env: &Env, tid: u32) -> Result<ThreadPlacement, Error> {
    env.first::<Supervisor>()?.thread_placement(env.pid() as u32, tid)
}

/// Pins a thread; a refusal is wrong.
fn pin(env: &Env, tid: u32, cpu: u32) -> Result<(), Wrong> {
    let refused = placement(env, tid)?.set_cpus(&set_of([cpu]))?;
    ensure!(refused == Ok(()), "CPU {cpu} was refused: {refused:?}");
    Ok(())
}

fn refusals_change_nothing(env: &Env, cpus: u32) -> Result<(), Wrong> {
    let spinner = Spinner::start(env)?;
    let place = placement(env, spinner.tid)?;
    let all: Vec<u32> = (0..cpus).collect();
    ensure!(place.cpus()? == all, "a new thread may not run everywhere");
    let refusals = [
        (set_of([]), PlacementRefusal::EmptySet),
        (alloc::vec![1, 0], PlacementRefusal::NotCanonical),
        (set_of([0, cpus]), PlacementRefusal::UnknownCpu(cpus)),
    ];
    for (set, refusal) in refusals {
        let answer = place.set_cpus(&set)?;
        ensure!(answer == Err(refusal), "{set:?} was answered with {answer:?}");
        ensure!(place.cpus()? == all, "{set:?} was refused and changed something");
    }
    spinner.stop()?;
    let answer = place.set_cpus(&set_of([0]))?;
    ensure!(
        answer == Err(PlacementRefusal::ThreadEnded),
        "a thread that has ended was placed: {answer:?}"
    );
    Ok(())
}

/// A thread that computes goes from CPU to CPU as it is told.
fn a_running_thread_moves(env: &Env, cpus: u32) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let spinner = Spinner::start(env)?;
    let rounds = 4 * cpus;
    let [moved] = moved(env, ["forcedMoves"], || {
        for round in 0..rounds {
            let cpu = round * 7 % cpus;
            pin(env, spinner.tid, cpu)?;
            runs_on(env, &timer, spinner.tid, cpu)?;
            let shown = placement(env, spinner.tid)?.cpus()?;
            ensure!(shown == [cpu], "pinned to CPU {cpu}, and {shown:?} is shown");
        }
        Ok(())
    })?;
    // Where it was before the first, only it knows; and of one CPU nobody has to leave.
    // Others are sent elsewhere to make room, too.
    let least = if cpus == 1 { 0 } else { rounds - 1 };
    ensure!(
        moved >= u64::from(least) && (cpus > 1 || moved == 0),
        "{rounds} orders to go elsewhere were counted as {moved} forced moves"
    );
    spinner.stop()
}

/// Twice as many threads as there are CPUs, all on one: most wait there. Each is then sent to a CPU of its own choice.
fn waiting_threads_move(env: &Env, cpus: u32) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let spinners = (0..2 * cpus)
        .map(|_| Spinner::start(env))
        .collect::<Result<Vec<_>, Error>>()?;
    for home in 0..cpus {
        for spinner in &spinners {
            pin(env, spinner.tid, home)?;
        }
        for spinner in &spinners {
            runs_on(env, &timer, spinner.tid, home)?;
        }
        for (number, spinner) in (0..).zip(&spinners) {
            pin(env, spinner.tid, (home + number) % cpus)?;
        }
        for (number, spinner) in (0..).zip(&spinners) {
            runs_on(env, &timer, spinner.tid, (home + number) % cpus)?;
        }
    }
    for spinner in spinners {
        spinner.stop()?;
    }
    Ok(())
}

/// A thread that was told where to run while it slept runs there, and nowhere else, from its first instruction on.
fn a_parked_thread_wakes_where_it_may(env: &Env, cpus: u32) -> Result<(), Wrong> {
    let timer: Timer = env.first()?;
    let call = Arc::new(AtomicU32::new(0));
    let sleeper = Threads::new(env)?.spawn({
        let call = call.clone();
        move || {
            for round in 0..4 * cpus {
                while call.load(Acquire) == round {
                    park(&call, round, u64::MAX);
                }
            }
        }
    })?;
    let tid = MADE.fetch_add(1, Relaxed) + 1;
    for round in 0..4 * cpus {
        wait_until(&timer, "the sleeper sleeps", || {
            thread(env, tid, |thread| thread.get_state() == Ok(ThreadState::Blocked))
        })?;
        let cpu = round * 5 % cpus;
        pin(env, tid, cpu)?;
        let before = thread(env, tid, |thread| thread.get_voluntary_blocks())?;
        call.store(round + 1, Release);
        unpark(&call, 1);
        if round + 1 < 4 * cpus {
            wait_until(&timer, "the sleeper has run", || {
                thread(env, tid, |thread| thread.get_voluntary_blocks() > before)
            })?;
            let ran_on = thread(env, tid, |thread| thread.get_cpu())?;
            ensure!(ran_on == cpu, "pinned to CPU {cpu}, it woke on CPU {ran_on}");
        }
    }
    sleeper.join()?;
    Ok(())
}

/// Waits until a thread that does not sleep has run on this CPU.
fn runs_on(env: &Env, timer: &Timer, tid: u32, cpu: u32) -> Result<(), Wrong> {
    wait_until(timer, "a thread runs where it was pinned", || {
        thread(env, tid, |thread| thread.get_cpu() == cpu)
    })
}

/// Threads of a process are numbered in the order of their creation; the first runs this.
static MADE: AtomicU32 = AtomicU32::new(1);

/// A thread that computes until it is told to stop.
struct Spinner {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    tid: u32,
}

impl Spinner {
    fn start(env: &Env) -> Result<Spinner, Error> {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = Threads::new(env)?.spawn({
            let stop = stop.clone();
            move || {
                while !stop.load(Relaxed) {
                    compute(100);
                }
            }
        })?;
        let tid = MADE.fetch_add(1, Relaxed) + 1;
        Ok(Spinner { stop, thread, tid })
    }

    fn stop(self) -> Result<(), Wrong> {
        self.stop.store(true, Relaxed);
        self.thread.join()?;
        Ok(())
    }
}
