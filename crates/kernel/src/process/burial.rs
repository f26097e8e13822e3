//! Taking apart what has ended: a thread that no CPU runs and no queue holds, and with the last one its process: rings closed,
//! operations withdrawn from every queue, capabilities dropped, memory given back, waiters told. Rule P5: nothing of a dead
//! thread stays in any queue, which is asserted here on every exit, in every build.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use abi::park::ParkResult;
use abi::syscall::exit_code;
use abi::trace::Event;
use caps::Table;
use machine::{BootCell, trace};

use super::exit::Reason;
use super::table::{self, Ended};
use super::thread::Thread;
use super::{Process, told};
use crate::context::binding;
use crate::endpoint::leaving;
use crate::log;
use crate::memory::account::Charge;
use crate::run::wait::Completions;
use crate::run::{Owned, timer};

/// What is done when the first process has ended, with its code. Set before it starts.
pub static WHEN_INIT_ENDS: BootCell<fn(i64, Reason) -> !> = BootCell::new("process::WHEN_INIT_ENDS");

/// Destroys a thread that no CPU runs and no queue holds. Several CPUs may bury threads of one process at once: the
/// process is taken apart by whoever is done last, not by whoever takes the last thread out of the list.
pub(super) fn bury(thread: &Thread, mut entity: Owned, code: i64) {
    let code = entity.payload.exit_code.unwrap_or(code);
    let wait = entity.payload.wait;
    let account = *entity.account();
    let mut time = None;
    entity.change_parked_budget(|budget| time = budget.take());
    // The registers go first: nothing can run this thread any more.
    drop(entity);
    binding::thread_has_ended(thread, time);
    thread.ring.stop_waiting(thread.task());
    if let Some(armed) = wait.and_then(|wait| wait.armed) {
        drop(timer::disarm(armed));
    }
    let process = thread.process().clone();
    for parked in process.parking.take_thread(thread.tid()) {
        parked.complete_code(ParkResult::Interrupted.code()).either_way();
    }
    {
        let mut threads = process.threads.lock();
        threads.begin_burial(thread);
        threads.gone.add(&account);
    }
    if !Arc::ptr_eq(&thread.ring, &process.rings.lock()[0]) {
        thread.ring.close();
        process.remove_own_ring(&thread.ring);
    }
    assert!(thread.task().is_gone(), "a dead thread is still parked");
    trace::record(Event::ThreadExit {
        thread: thread.task().trace_id(),
        code,
    });
    let mut joiners = thread.finish(code);
    while let Some(joiner) = joiners.pop_front() {
        told::ended(&joiner, code);
    }
    let last = {
        let mut threads = process.threads.lock();
        threads.burials -= 1;
        threads.living.is_empty() && threads.burials == 0
    };
    if last {
        finish(&process, code);
    }
}

/// Takes a process apart that never got a thread. It was listed for a moment, so somebody may have a handle to it and wait.
pub fn abandon(process: &Arc<Process>) {
    table::unlist(process.pid);
    let rings = core::mem::take(&mut *process.rings.lock());
    for ring in &rings {
        ring.close();
    }
    leaving::release_all(process);
    drop(rings);
    give_memory_back(process);
    let decided = process.ending.lock().decided;
    tell_that_it_is_over(process, decided.map_or(exit_code::TERMINATED, |(code, _)| code));
}

/// Gives back what a process holds as long as it lives. Its record stays for those who have a handle.
fn give_memory_back(process: &Process) {
    process.space.clear();
    let names = core::mem::take(&mut *process.labels.lock());
    let mut nothing = Table::new(0);
    nothing.close();
    let table = core::mem::replace(&mut *process.capabilities.lock(), nothing);
    let lists = core::mem::take(&mut process.threads.lock().living);
    drop((names, table, lists));
    let charge = core::mem::replace(&mut *process.living.lock(), Charge::NOTHING);
    drop(charge);
}

/// The last thread is gone: takes the process apart.
fn finish(process: &Arc<Process>, last_code: i64) {
    let (code, reason) = process
        .ending
        .lock()
        .decided
        .unwrap_or((last_code, Reason::Exited));
    let rings = core::mem::take(&mut *process.rings.lock());
    for ring in &rings {
        ring.close();
    }
    leaving::release_all(process);
    for ring in &rings {
        assert!(ring.is_quiet(), "a dead process still has operations under way");
    }
    assert!(
        process.parking.is_empty(),
        "a dead process still has parked threads"
    );
    drop(rings);
    give_memory_back(process);
    report(process, code, reason);
    if let Some(parent) = table::find(process.parent) {
        parent.children.fetch_sub(1, Relaxed);
    }
    trace::record(Event::ProcessExit {
        pid: process.pid,
        code,
        reason: reason_number(reason),
    });
    table::remove(
        process.pid,
        Ended {
            pid: process.pid,
            parent: process.parent,
            name: process.name.clone(),
            code,
            reason,
            runtime: process.usage.runtime().0,
            switches: process.usage.stays(),
            tally: process.tally(),
        },
    );
    tell_that_it_is_over(process, code);
    if process.pid == 1 {
        WHEN_INIT_ENDS.get()(code, reason);
    }
}

/// Whoever waits for the process, and whoever will, learns its exit code.
fn tell_that_it_is_over(process: &Process, code: i64) {
    let mut waiters = {
        let mut ending = process.ending.lock();
        ending.over = Some(code);
        core::mem::take(&mut ending.waiters)
    };
    while let Some(waiter) = waiters.pop_front() {
        told::ended(&waiter, code);
    }
}

fn reason_number(reason: Reason) -> u64 {
    match reason {
        Reason::Exited => 0,
        Reason::Terminated => 1,
        Reason::Faulted { vector, .. } => 16 + u64::from(vector),
    }
}

/// Writes a fault into the log: the one end that nobody asked for.
fn report(process: &Process, code: i64, reason: Reason) {
    if let Reason::Faulted {
        vector,
        instruction,
        address,
    } = reason
    {
        log::kernel(
            log::Level::Error,
            format_args!(
                "process {} ({}) ended by exception {vector} at {instruction:#x}, address {address:#x}, code {code}",
                process.pid, process.name
            ),
        );
    }
}
