//! The list of processes: living ones, and the last few that ended, for those who look (`ps`, the log).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use machine::Lock;
use machine::attribution::Site;
use sched::{Account, ThreadId};

use super::Process;
use super::exit::Reason;
use super::thread::Thread;

/// Ended processes remembered.
const REMEMBERED: usize = 32;

/// What is remembered of a process that ended.
#[derive(Clone)]
pub struct Ended {
    /// Its number.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// Its name.
    pub name: String,
    /// Its exit code.
    pub code: i64,
    /// Why it ended.
    pub reason: Reason,
    /// CPU time it used, in ns.
    pub runtime: u64,
    /// Times a thread of it left a CPU.
    pub switches: u64,
    /// What else its threads did.
    pub tally: Account,
}

static LIVING: Lock<BTreeMap<u32, Arc<Process>>> = Site::Processes.lock(BTreeMap::new());
static ENDED: Lock<VecDeque<Ended>> = Site::Processes.lock(VecDeque::new());
static NEXT_PID: AtomicU32 = AtomicU32::new(1);

/// A process number that was never used; `None` when all 2^32 were.
pub fn next_pid() -> Option<u32> {
    NEXT_PID
        .fetch_update(Relaxed, Relaxed, |pid| pid.checked_add(1))
        .ok()
}

/// Lists a process.
pub fn add(process: Arc<Process>) {
    LIVING.lock().insert(process.pid, process);
}

/// Moves a process to those that ended.
pub fn remove(pid: u32, ended: Ended) {
    let gone = LIVING.lock().remove(&pid);
    let forgotten = {
        let mut list = ENDED.lock();
        list.push_back(ended);
        if list.len() > REMEMBERED {
            list.pop_front()
        } else {
            None
        }
    };
    drop((gone, forgotten));
}

/// Takes a process out of the list that did not come about.
pub fn unlist(pid: u32) {
    let gone = LIVING.lock().remove(&pid);
    drop(gone);
}

/// The living process with this number.
pub fn find(pid: u32) -> Option<Arc<Process>> {
    LIVING.lock().get(&pid).cloned()
}

/// The living thread with this id.
pub fn find_thread(id: ThreadId) -> Option<Arc<Thread>> {
    let process = find((id.0 >> 32) as u32)?;
    let next = process.living_after((id.0 as u32).checked_sub(1)?);
    next.filter(|thread| thread.id() == id)
}

/// How many processes live.
pub fn count() -> usize {
    LIVING.lock().len()
}

/// Shows all living processes, by number. One that starts or ends meanwhile may be among them or not.
pub fn each(mut look: impl FnMut(&Arc<Process>)) {
    let mut after = Bound::Unbounded;
    loop {
        let next = LIVING
            .lock()
            .range((after, Bound::Unbounded))
            .next()
            .map(|(_, process)| process.clone());
        let Some(process) = next else { return };
        look(&process);
        after = Bound::Excluded(process.pid);
    }
}

/// Those that ended last, oldest first.
pub fn ended() -> Vec<Ended> {
    ENDED.lock().iter().cloned().collect()
}
