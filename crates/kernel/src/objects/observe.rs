//! What can be seen of a thread from outside, wherever it is: its state and what it has used so far. A running thread's
//! time is in its CPU's hands, so that CPU's lock is held while the parts are added up. Rule C2.

use alloc::sync::Arc;

use sched::{Account, Charge};
use schema_gen::monitor::ThreadState;

use crate::process::Process;
use crate::process::thread::Thread;
use crate::run::wake::now;

/// How often a process's sum is tried anew because a thread of it left a CPU meanwhile.
const TRIES: u32 = 16;

/// A thread, seen from outside.
pub(super) struct Seen {
    /// What it does.
    pub state: ThreadState,
    /// What it has used, with the run it is in.
    pub account: Account,
}

/// Looks at a thread. What was seen once never becomes less.
pub(super) fn thread(thread: &Thread) -> Seen {
    if let Some(Run { account, .. }) = running(thread) {
        return Seen {
            state: ThreadState::Running,
            account,
        };
    }
    // Read before the account: a thread that ends between the two is shown with all it used.
    let state = if thread.has_ended() {
        ThreadState::Exited
    } else if thread.cell.lock().entity.is_some() {
        ThreadState::Blocked
    } else {
        ThreadState::Ready
    };
    Seen {
        state,
        account: thread.shown(),
    }
}

/// The run that a thread is in.
struct Run {
    /// Everything it has used, with this run.
    account: Account,
    /// This run alone.
    charge: Charge,
}

/// The run that a thread is in, if a CPU runs it.
fn running(thread: &Thread) -> Option<Run> {
    let cpu = thread.running_on()?;
    let mut sched = cpu.sched.lock();
    if sched.running().is_none_or(|running| running.id() != thread.id()) {
        return None;
    }
    let charge = sched.uncollected(now());
    // A thread's account is published under this lock, so the two fit together.
    let mut account = thread.shown();
    account.runtime += charge.ran;
    account.virtual_runtime = account.virtual_runtime.saturating_add(charge.virtual_ran);
    account.last_cpu = Some(cpu.id());
    Some(Run { account, charge })
}

/// Nanoseconds that the threads of a process have used, living and gone, with the runs they are in.
pub(super) fn runtime(process: &Process, threads: &[Arc<Thread>]) -> u64 {
    let mut tries = 0;
    loop {
        let before = process.usage.switches();
        let runs: u64 = threads
            .iter()
            .filter_map(|thread| running(thread))
            .map(|run| run.charge.ran.0)
            .sum();
        let used = process.usage.runtime() + runs;
        tries += 1;
        // A thread that left its CPU while we added up may be in both parts or in none.
        if process.usage.switches() == before || tries == TRIES {
            return used;
        }
    }
}
