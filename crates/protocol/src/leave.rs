//! Leaving a CPU: coming to rest, making way, moving elsewhere, ending; and with that the choice of who is next. This CPU's
//! lock alone is held, and the parking cell's of a thread that blocks. Rules B2, B3, B6, C1 and C3.

use abi::trace::{Event, Thread};
use sched::{EndReason, EnqueueReason, HandedOver, Instant, Rotated, Verdict};

use crate::host::{Host, Owned};
use crate::step::Step;
use crate::take::{choose, let_others_know, replenish};

/// How an attempt to block ended.
#[must_use = "a thread is in here"]
pub enum Blocked<H: Host> {
    /// The thread is parked; the next one, if there is one.
    Next(Option<Owned<H>>),
    /// It was woken before it was parked, and has to look again. The thread that it woke itself is still the candidate.
    WokenAlready(Owned<H>),
}

/// What became of a running thread whose turn was looked at.
#[must_use = "a thread is in here"]
pub enum Reconsidered<H: Host> {
    /// It goes on.
    Keeps(Owned<H>),
    /// It made way for this one, if there is one.
    Next(Option<Owned<H>>),
}

/// Parks the running thread, unless it was woken meanwhile, and chooses the next: the thread that it has just woken, if
/// the scheduler core allows that, else the first of the queue.
#[inline]
pub fn block<H: Host>(host: &mut H, thread: Owned<H>, task: &H::Task) -> Blocked<H> {
    let _hard = H::hard_path();
    // Nobody can take the thread out before the cell is unlocked, so leaving the CPU may come after coming to rest.
    let mut cell = host.lock_cell(task);
    let thread = match cell.rest(thread) {
        Ok(resting) => resting,
        Err(thread) => {
            host.unlock_cell(task, cell);
            return Blocked::WokenAlready(thread);
        }
    };
    let here = host.here();
    let candidate = host.with_candidate(here, Option::take);
    let mut cpu = host.lock(here);
    let at = host.now();
    let from = Thread(thread.id().0);
    host.record(
        at,
        Event::Block {
            reason: 0,
            thread: from,
        },
    );
    let mut refused = None;
    let handed = candidate.and_then(|candidate| match cpu.hand_over(thread, candidate, at) {
        Ok(handed) => Some(handed),
        Err(refusal) => {
            refused = Some(refusal.entity);
            None
        }
    });
    let next = match handed {
        Some(HandedOver {
            entity: next,
            horizon,
            charge,
        }) => {
            if !host.is_alone() {
                host.publish(&cpu);
            }
            host.unlock(cpu);
            host.left(thread, charge);
            let to = Thread(next.id().0);
            host.record(
                at,
                Event::Wake {
                    target: here.0,
                    thread: to,
                    by: from,
                },
            );
            host.record(at, Event::Handoff { from, to });
            host.set_horizon(horizon);
            host.began(&next, at);
            Some(next)
        }
        None => {
            let charge = cpu.end(thread, at, EndReason::Blocked);
            host.left(thread, charge);
            choose(host, cpu, at)
        }
    };
    host.unlock_cell(task, cell);
    if let Some(refused) = refused {
        host.then(Step::Place(refused, EnqueueReason::Wake));
    }
    Blocked::Next(next)
}

/// Looks whether the running thread goes on: its turn may be over, or somebody more urgent may have come.
#[inline]
pub fn reconsider<H: Host>(host: &mut H, mut thread: Owned<H>) -> Reconsidered<H> {
    let here = host.here();
    let mut cpu = host.lock(here);
    let at = host.now();
    if cpu.has_to_replenish(at) {
        replenish(host, &mut cpu, at);
    }
    let verdict = cpu.reconsider(at);
    if matches!(verdict, Verdict::Switch) {
        host.unlock(cpu);
    } else {
        // Who goes on waiting here may be fetched by a CPU that idles: whoever was summoned before may have got work of its own.
        let_others_know(host, cpu);
    }
    match verdict {
        Verdict::Keep(horizon) => {
            host.set_horizon(horizon);
            host.follow(Step::Balance);
            Reconsidered::Keeps(thread)
        }
        Verdict::Switch => Reconsidered::Next(requeue(host, thread, EndReason::Preempted)),
        Verdict::Fault => {
            host.fault(&mut thread);
            Reconsidered::Keeps(thread)
        }
    }
}

/// The running thread makes way and stays runnable; the next one, which may be the same. There is none if it may not stay and
/// nobody else waits.
///
/// One function for all who call it, so that the rotation, which is most of it, has one caller and is part of it.
#[inline(never)]
pub fn requeue<H: Host>(host: &mut H, thread: Owned<H>, why: EndReason) -> Option<Owned<H>> {
    let _hard = H::hard_path();
    let here = host.here();
    let mut cpu = host.lock(here);
    let at = host.now();
    if cpu.running_must_leave(&thread) {
        return move_out(host, cpu, thread, at);
    }
    if cpu.running_must_wait(at) {
        return throttle(host, cpu, thread, at);
    }
    let Rotated {
        entity: next,
        horizon,
    } = cpu.rotate(thread, at, why, |thread, charge, rank| {
        host.left(thread, charge);
        host.queued(thread, here, rank);
        if why == EndReason::Preempted {
            host.record(
                at,
                Event::Preempt {
                    thread: Thread(thread.id().0),
                    by: Thread::NONE,
                },
            );
        }
    });
    let_others_know(host, cpu);
    host.set_horizon(horizon);
    host.began(&next, at);
    host.follow(Step::Balance);
    Some(next)
}

/// The running thread has used its budget: it waits in this CPU's queue until there is some again, and the next one begins.
#[cold]
fn throttle<H: Host>(
    host: &mut H,
    mut cpu: H::Locked,
    mut thread: Owned<H>,
    at: Instant,
) -> Option<Owned<H>> {
    let here = host.here();
    let charge = cpu.end(&mut thread, at, EndReason::Preempted);
    host.left(&mut thread, charge);
    let by = Thread::NONE;
    let id = Thread(thread.id().0);
    host.record(at, Event::Preempt { thread: id, by });
    // Nothing runs here, so there is nothing to make way, and the choice that follows sees to the timer.
    let _ = cpu.enqueue_noted(thread, EnqueueReason::Preempted, at, |thread, rank| {
        host.queued(thread, here, rank);
    });
    choose(host, cpu, at)
}

/// The running thread may not stay, or has been sent to a CPU that is ahead: it goes where it may, and the next one of the
/// queue begins.
#[cold]
fn move_out<H: Host>(
    host: &mut H,
    mut cpu: H::Locked,
    mut thread: Owned<H>,
    at: Instant,
) -> Option<Owned<H>> {
    let here = host.here();
    let sent = cpu.sent_to().filter(|to| thread.affinity().allows(*to));
    // A CPU that idles by now is found like any other that does.
    let ahead = sent.and_then(|to| host.ground().board.lead(&*cpu, to, at).map(|lead| (to, lead)));
    let charge = match ahead {
        Some((_, lead)) => cpu.move_to(&mut thread, lead, at),
        None => cpu.move_out(&mut thread, at),
    };
    host.left(&mut thread, charge);
    let next = choose(host, cpu, at);
    match ahead {
        Some((to, _)) => {
            host.record_now(Event::Migrate {
                from: here.0,
                thread: Thread(thread.id().0),
                to: u64::from(to.0),
            });
            host.then(Step::Enqueue(thread, to, EnqueueReason::Balanced));
        }
        None => {
            host.then(Step::Place(thread, EnqueueReason::Migrated));
        }
    }
    next
}

/// The running thread has ended: lets go of it and chooses the next. The caller keeps the thread to bury it.
#[inline(never)]
pub fn depart<H: Host>(host: &mut H, thread: &mut Owned<H>) -> Option<Owned<H>> {
    let _hard = H::hard_path();
    let here = host.here();
    let mut cpu = host.lock(here);
    let at = host.now();
    let charge = cpu.end(thread, at, EndReason::Exited);
    host.left(thread, charge);
    choose(host, cpu, at)
}
