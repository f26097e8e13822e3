//! Making tasks runnable, as the rest of the kernel asks for it. What follows is the protocol's (`protocol::wake`).

use alloc::sync::Arc;

use machine::clock;
use machine::memory::heap::NoAllocation;
use rings::Listing;
use rings::waiters::ends_here;
use sched::Instant;

use super::Owned;
use super::host::Host;
use super::task::Task;

/// The time now.
#[inline]
pub fn now() -> Instant {
    Instant(clock::now_ns())
}

/// A task that is about to be woken has lent its CPU time: it gets that back first, so that it comes to its place with it.
#[cold]
fn get_time_back(task: &Task) {
    let owner = task
        .cell
        .lock()
        .resting_mut()
        .map(|entity| entity.payload.owner.clone());
    if let Some(owner) = owner {
        owner.is_woken();
    }
}

/// Makes a blocked task runnable. One that is not blocked (yet) will not block the next time it wants to, so that no
/// wake-up is lost (docs/mutants.md, row 3).
pub fn wake(task: &Task) {
    if task.lends() {
        get_time_back(task);
    }
    let _guard = NoAllocation::begin();
    protocol::wake(&mut Host::here(), task);
}

/// Makes a task runnable that is listed no longer where it waits, because `available` completions were enough. If it still
/// waits for those, and no time-out has to be taken back, its system call ends here and it need not look again.
#[inline(always)]
pub fn end_wait(task: Arc<Task>, listing: Listing, available: u32) {
    if task.lends() {
        get_time_back(&task);
    }
    let _guard = NoAllocation::begin();
    let host = &mut Host::here();
    let Some(mut entity) = protocol::take_parked(host, &task) else {
        return;
    };
    let body = &mut entity.payload;
    // It may have been woken by somebody else meanwhile, have come back to wait for more, and be listed anew.
    if let Some(wait) = &body.wait
        && ends_here(wait.listing, wait.armed.is_some(), listing)
    {
        body.wait = None;
        body.context.set_result(u64::from(available));
    }
    protocol::ready(host, entity);
}

/// Puts a task that has never run into a queue.
pub fn start(entity: Owned) {
    protocol::start(&mut Host::here(), entity);
}
