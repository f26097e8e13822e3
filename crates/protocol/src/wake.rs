//! Making threads runnable: out of the parking cell, to a CPU, with an interrupt where one is needed. Rules B2 to B6.
//!
//! A thread woken by one that is about to block itself gets its CPU directly. Whether the waker blocks is known only at
//! the end of its system call, so the woken thread waits in the CPU's candidate slot until then: [`crate::leave::block`]
//! hands it the CPU, or [`settle_candidate`] places it like any other.

use abi::trace::{Event, Thread};
use sched::placement::{NoCpuAllowed, helper, new_thread_target, wake_target};
use sched::{CpuId, Effect, EnqueueReason, Enqueued, Placement};

use crate::host::{Counted, Ground, Host, Owned};
use crate::step::Step;

/// Makes a blocked thread runnable. One that is not blocked (yet) will not block the next time it wants to, so that no
/// wake-up is lost.
#[inline]
pub fn wake<H: Host>(host: &mut H, task: &H::Task) {
    let _hard = H::hard_path();
    if let Some(thread) = take_parked(host, task) {
        ready(host, thread);
    }
}

/// Takes a thread out of its parking cell, or notes there that it must not block. Who gets it makes it [`ready`].
#[inline]
#[must_use = "a thread that was taken out has to be made ready"]
pub fn take_parked<H: Host>(host: &mut H, task: &H::Task) -> Option<Owned<H>> {
    let mut cell = host.lock_cell(task);
    let parked = cell.wake();
    host.unlock_cell(task, cell);
    parked
}

/// A thread that was parked has a candidate's place if the running thread may be about to wait, or is placed at once.
#[inline]
pub fn ready<H: Host>(host: &mut H, thread: Owned<H>) {
    let mut thread = Some(thread);
    if host.is_in_call() {
        let here = host.here();
        host.with_candidate(here, |slot| {
            if slot.is_none() {
                // Not an assignment: that would look whether there is somebody to let go of.
                core::mem::swap(slot, &mut thread);
            }
        });
    }
    if let Some(thread) = thread {
        host.then(Step::Place(thread, EnqueueReason::Wake));
    }
}

/// The waker goes on: its candidate is placed like any other woken thread.
#[inline]
pub fn settle_candidate<H: Host>(host: &mut H) {
    let here = host.here();
    if let Some(thread) = host.with_candidate(here, Option::take) {
        host.then(Step::Place(thread, EnqueueReason::Wake));
    }
}

/// Puts a thread that has never run into a queue.
pub fn start<H: Host>(host: &mut H, thread: Owned<H>) {
    host.then(Step::Place(thread, EnqueueReason::New));
}

/// Chooses a CPU for a runnable thread.
pub fn place<H: Host>(host: &mut H, mut thread: Owned<H>, why: EnqueueReason) {
    let _hard = H::hard_path();
    let here = host.here();
    let Ground { topology, board } = host.ground();
    let chosen = match why {
        EnqueueReason::New => new_thread_target(thread.affinity(), here, topology, board),
        _ => wake_target(thread.last_cpu(), thread.affinity(), here, topology, board),
    };
    let target = match chosen {
        Ok(Placement { cpu, reason }) => {
            if why == EnqueueReason::Wake && thread.last_cpu().is_some_and(|last| last != cpu) {
                thread.observe_home_clock(|home| board.clock(home));
            }
            host.count(Counted::Chosen(reason));
            cpu
        }
        Err(NoCpuAllowed) => {
            let Some((stranded, cpu)) = host.strand(thread) else {
                return;
            };
            thread = stranded;
            cpu
        }
    };
    host.count(Counted::Placed {
        why,
        is_here: target == here,
    });
    let id = Thread(thread.id().0);
    host.record_now(match why {
        EnqueueReason::New => Event::ThreadStart {
            cpu: target.0,
            thread: id,
            weight: u64::from(thread.weight().get()),
        },
        EnqueueReason::Wake => Event::Wake {
            target: target.0,
            thread: id,
            by: Thread(host.running_id().0),
        },
        _ => Event::Migrate {
            from: thread.last_cpu().unwrap_or(here).0,
            thread: id,
            to: u64::from(target.0),
        },
    });
    host.then(Step::Enqueue(thread, target, why));
}

/// Queues a thread on a CPU and has that CPU notice.
pub fn enqueue<H: Host>(host: &mut H, thread: Owned<H>, target: CpuId, why: EnqueueReason) {
    let _hard = H::hard_path();
    let here = host.here();
    let mut cpu = host.lock(target);
    if !host.is_online(target) {
        // It left between the choice and the lock.
        host.unlock(cpu);
        host.then(Step::Place(thread, why));
        return;
    }
    let at = host.now();
    let Enqueued { effect, .. } = cpu.enqueue_noted(thread, why, at, |thread, rank| {
        host.queued(thread, target, rank);
    });
    let helper = if host.is_alone() {
        None
    } else {
        host.publish(&cpu);
        let ground = host.ground();
        helper(&*cpu, &ground.topology, &ground.board)
    };
    let notices = effect != Effect::Nothing;
    let interrupt = notices && target != here && cpu.request_reschedule();
    host.unlock(cpu);
    if notices && target == here {
        host.look_again();
    }
    if interrupt {
        host.then(Step::Send(target));
    }
    if let Some(helper) = helper {
        host.then(Step::Help(helper));
    }
}

/// Wakes an idle CPU to take over a thread that waits behind another: it finds its own queue empty and steals.
pub fn summon_helper<H: Host>(host: &mut H, helper: CpuId) {
    if host.ground().board.summon(helper) {
        interrupt(host, helper);
    }
}

/// Has another CPU look at its queue and at what was ordered of its thread, unless it is about to (rule B4).
pub fn interrupt<H: Host>(host: &mut H, target: CpuId) {
    let mut cpu = host.lock(target);
    let send = cpu.request_reschedule();
    host.unlock(cpu);
    if send {
        host.then(Step::Send(target));
    }
}
