//! What can be seen of threads from outside, wherever they are: their state and what they have used so far. A running
//! thread's time is in its CPU's hands, so each CPU is asked under its lock. Rules C2 and C3.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;

use sched::{Account, Nanos};
use schema_gen::monitor::ThreadState;

use crate::process::Process;
use crate::process::thread::Thread;
use crate::run::cpus;
use crate::run::wake::now;

/// How often a process's sum is tried anew because a thread of it left a CPU meanwhile.
const TRIES: u32 = 16;

/// A thread, seen from outside.
pub(super) struct Seen {
    /// What it does.
    pub state: ThreadState,
    /// What it has used, with the run it is in.
    pub account: Account,
    /// The run it is in, alone.
    pub run: Nanos,
}

/// Looks at one thread, as [`threads`] does.
pub(super) fn thread(thread: &Thread) -> Seen {
    threads(&[thread]).pop().unwrap_or_else(|| off_cpu(thread))
}

/// Looks at threads, in their order. What was seen of one never becomes less, and every run is in it that had begun
/// before the look: a change of weight is never mixed with what was used before it.
pub(super) fn threads<T: Borrow<Thread>>(threads: &[T]) -> Vec<Seen> {
    let mut by_id: Vec<usize> = (0..threads.len()).collect();
    by_id.sort_unstable_by_key(|index| threads[*index].borrow().id());
    let mut running: Vec<Option<Seen>> = threads.iter().map(|_| None).collect();
    for cpu in cpus::all() {
        let mut sched = cpu.sched.lock();
        // Not `CpuState::current`, which is a step behind when a thread begins.
        let Some(id) = sched.running().map(sched::cpu::Running::id) else {
            continue;
        };
        let Ok(place) = by_id.binary_search_by_key(&id, |index| threads[*index].borrow().id()) else {
            continue;
        };
        let charge = sched.uncollected(now());
        // A thread's account is published under this lock, so the two fit together.
        let mut account = threads[by_id[place]].borrow().task().shown();
        account.runtime += charge.ran;
        account.virtual_runtime = account.virtual_runtime.saturating_add(charge.virtual_ran);
        account.last_cpu = Some(cpu.id());
        running[by_id[place]] = Some(Seen {
            state: ThreadState::Running,
            account,
            run: charge.ran,
        });
    }
    let seen = running.into_iter().zip(threads);
    seen.map(|(running, thread)| running.unwrap_or_else(|| off_cpu(thread.borrow())))
        .collect()
}

/// A thread that no CPU runs.
fn off_cpu(thread: &Thread) -> Seen {
    // Read before the account: a thread that ends between the two is shown with all it used.
    let state = if thread.has_ended() {
        ThreadState::Exited
    } else if thread.task().cell.lock().is_resting() {
        ThreadState::Blocked
    } else {
        ThreadState::Ready
    };
    Seen {
        state,
        account: thread.task().shown(),
        run: Nanos::ZERO,
    }
}

/// Nanoseconds that the threads of a process have used, living and gone, with the runs they are in.
pub(super) fn runtime(process: &Process, living: &[Arc<Thread>]) -> u64 {
    let mut tries = 0;
    loop {
        let before = process.usage.stays();
        let runs: u64 = threads(living).iter().map(|seen| seen.run.0).sum();
        let used = process.usage.runtime().0 + runs;
        tries += 1;
        // A thread that left its CPU while we added up may be in both parts or in none.
        if process.usage.stays() == before || tries == TRIES {
            return used;
        }
    }
}
