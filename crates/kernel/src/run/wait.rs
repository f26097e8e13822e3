//! A task's wait for completions: when it is over, and how its time-out comes and goes. Where completions arrive is told by
//! whoever made the task; the list of those who wait is kept there. Rules B2 and B4.

use alloc::sync::Arc;

use rings::Listing;
use sched::Instant;

use super::Owned;
use super::task::Task;
use super::timer::{self, Armed, Timer};
use super::wake::now;

/// Where completions arrive that tasks wait for.
pub trait Completions: Send + Sync {
    /// Looks whether at least `minimum` completions are unread; if not, the task is listed to be woken when they are.
    fn wait_for(&self, task: &Arc<Task>, minimum: u32) -> Look;
    /// Takes a task off the list of those who wait; the unread completions.
    fn stop_waiting(&self, task: &Task) -> u32;
}

/// What a task that wants to wait finds.
pub enum Look {
    /// So many unread completions, which are enough.
    Enough(u32),
    /// Too few: the task is listed to be woken.
    Listed(Listing),
}

/// A wait that has begun.
#[derive(Clone, Copy)]
pub struct Wait {
    /// It ends when this many completions are unread.
    pub minimum: u32,
    /// Or at this time.
    pub until: Option<Instant>,
    /// The deadline for `until`.
    pub armed: Option<Armed>,
    /// As what it is listed, once it is.
    pub listing: Option<Listing>,
}

/// Looks at a task's wait, before it blocks and each time it was woken: true if it is over, and the system call's result is
/// set; else it is listed, and so is its deadline.
pub(super) fn is_over(entity: &mut Owned, mut wait: Wait) -> bool {
    let body = &mut entity.payload;
    let task = &body.task;
    let over = wait.until.is_some_and(|until| now() >= until);
    let completions = body.owner.completions();
    let available = if over {
        completions.stop_waiting(task)
    } else {
        match completions.wait_for(task, wait.minimum) {
            Look::Enough(available) => available,
            Look::Listed(listing) => {
                wait.listing = Some(listing);
                if let (Some(until), None) = (wait.until, wait.armed) {
                    wait.armed = arm(task, until);
                }
                body.wait = Some(wait);
                body.owner.clone().is_about_to_wait();
                return false;
            }
        }
    };
    if let Some(armed) = wait.armed
        && let Some(mut memory) = timer::disarm(armed)
    {
        memory.waiter = Timer::None;
        task.keep_deadline(memory);
    }
    body.wait = None;
    body.context.set_result(u64::from(available));
    true
}

fn arm(task: &Arc<Task>, until: Instant) -> Option<Armed> {
    // The memory is with the task whenever nothing is armed and nobody is about to say that its time has come: in between, when
    // another CPU has taken the deadline out of its queue, there is none, and that CPU wakes the task in a moment.
    let mut memory = task.take_deadline()?;
    memory.waiter = Timer::Wait(task.clone());
    Some(timer::arm(until, memory))
}
