//! Taking a CPU: choosing the next thread of the queue, or one of another CPU's. Rules B1 and C1.

use abi::trace::{Event, Thread};
use sched::placement::{helper, steal_order};
use sched::{EnqueueReason, Instant};

use crate::host::{Counted, Host, Owned};
use crate::step::Step;

/// Takes the next thread of this CPU's queue; if none waits here, looks at other CPUs.
#[inline(never)]
pub fn pick<H: Host>(host: &mut H) -> Option<Owned<H>> {
    let _hard = H::hard_path();
    let here = host.here();
    let cpu = host.lock(here);
    let at = host.now();
    match choose(host, cpu, at) {
        // There is nobody to take one from.
        None if host.is_alone() => None,
        None => host.then(Step::Steal),
        next => next,
    }
}

/// Takes the most overdue waiting thread of another CPU, the nearest CPU first (rule B1).
#[inline(never)]
pub fn steal<H: Host>(host: &mut H) -> Option<Owned<H>> {
    let _hard = H::hard_path();
    let here = host.here();
    let ground = host.hold_ground();
    for victim in steal_order(here, &ground.topology, &ground.board) {
        host.count(Counted::StealTry);
        // Waits for the lock: who holds it may have queued the thread there and looked for an idle CPU already, before
        // this one said that it is. It would call nobody, and this CPU would sleep beside the thread.
        let mut cpu = host.lock(victim);
        let at = host.now();
        let stolen = cpu.steal_for(here, at);
        host.publish(&cpu);
        host.unlock(cpu);
        let Some(thread) = stolen else { continue };
        host.count(Counted::Steal);
        host.record_now(Event::Steal {
            victim: victim.0,
            thread: Thread(thread.id().0),
        });
        return host.then(Step::Adopt(thread));
    }
    None
}

/// Queues a thread that was taken from another CPU and runs the first of the queue.
#[inline(never)]
pub fn adopt<H: Host>(host: &mut H, thread: Owned<H>) -> Option<Owned<H>> {
    let _hard = H::hard_path();
    let here = host.here();
    let mut cpu = host.lock(here);
    let at = host.now();
    // Nothing runs here, so there is nothing to make way: the arrival's effect is the choice that follows.
    let _ = cpu.enqueue_noted(thread, EnqueueReason::Migrated, at, |thread, rank| {
        host.queued(thread, here, rank);
    });
    choose(host, cpu, at)
}

/// Picks and begins the next thread. The caller has ended the one before and hands over the lock.
///
/// Out of line, as are the ways to it: what a CPU does at every boundary is short, and keeps its registers.
#[inline(never)]
pub(crate) fn choose<H: Host>(host: &mut H, mut cpu: H::Locked, at: Instant) -> Option<Owned<H>> {
    if cpu.has_to_replenish(at) {
        replenish(host, &mut cpu, at);
    }
    let begun = cpu.pick(at).map(|mut thread| {
        let horizon = cpu.begin(&mut thread, at);
        (thread, horizon)
    });
    // An idle CPU looks again when somebody who waits here has budget.
    let idle = if begun.is_none() { cpu.horizon(at) } else { None };
    let_others_know(host, cpu);
    let Some((thread, horizon)) = begun else {
        host.set_horizon(idle);
        return None;
    };
    host.set_horizon(horizon);
    host.began(&thread, at);
    Some(thread)
}

/// Those who waited here for budget and have it again wait where it entitles them to.
#[cold]
pub(crate) fn replenish<H: Host>(host: &mut H, cpu: &mut H::Locked, at: Instant) {
    let here = host.here();
    cpu.replenish(at, |thread, rank| host.queued(thread, here, rank));
}

/// Publishes this CPU's load after a choice, and summons an idle CPU if somebody is left waiting.
#[inline(always)]
pub(crate) fn let_others_know<H: Host>(host: &mut H, cpu: H::Locked) {
    if host.is_alone() {
        host.unlock(cpu);
    } else {
        tell(host, cpu);
    }
}

#[inline(never)]
fn tell<H: Host>(host: &mut H, cpu: H::Locked) {
    host.publish(&cpu);
    let ground = host.ground();
    let helper = helper(&*cpu, &ground.topology, &ground.board);
    host.unlock(cpu);
    if let Some(helper) = helper {
        host.then(Step::Help(helper));
    }
}
