//! Leaving one thread and choosing the next: applies what the scheduler core answers, under this CPU's lock alone (and
//! the parking cell's of the thread that blocks). Nothing here allocates. Rules B1, B3, B6, C1, C3.

use abi::trace::Event;
use machine::lock::LockGuard;
use machine::trace;
use sched::placement::{helper, steal_order};
use sched::{Charge, Cpu, CpuId, EndReason, EnqueueReason, Entity, HandedOver, Horizon, Instant, Rotated};

use super::cpus::{self, CpuState, count};
use super::thread_body::Body;
use super::wake::{self, now};
use super::{Owned, balance, hard_path, timer};
use crate::process::thread::Thread;

/// A thread that has begun to run here.
pub struct Running {
    /// It.
    pub entity: Owned,
}

/// How an attempt to block ended.
pub enum Blocked {
    /// The thread is parked; the next one, if there is one.
    Next(Option<Running>),
    /// It was woken before it was parked, and has to look again. The thread that it woke itself is still the candidate.
    WokenAlready(Owned),
}

/// What runs now has this horizon, or none.
#[inline]
pub fn set_horizon(cpu: &CpuState, horizon: Option<Horizon>) {
    cpu.timer.set(horizon);
    if horizon.is_some() {
        timer::rearm(cpu);
    }
}

/// Picks and begins the next thread. The caller has ended the one before.
fn choose(cpu: &CpuState, mut sched: LockGuard<'_, Cpu<Body>>, at: Instant) -> Option<Running> {
    let picked = sched.pick(at);
    let begun = picked.map(|picked| {
        let mut entity = picked.entity;
        let horizon = sched.begin(&mut entity, at);
        (entity, horizon)
    });
    let_others_know(cpu, sched);
    let (entity, horizon) = begun?;
    Some(switched(cpu, entity, horizon, at))
}

/// Publishes this CPU's load after a choice, and calls an idle CPU if somebody is left waiting.
#[inline]
fn let_others_know(cpu: &CpuState, sched: LockGuard<'_, Cpu<Body>>) {
    if cpus::all().len() == 1 {
        return;
    }
    cpus::board().publish(&sched);
    let helper = helper(&sched, cpus::topology(), cpus::board());
    drop(sched);
    if let Some(helper) = helper {
        call_helper(cpu, helper);
    }
}

/// What remains to be done for a thread that has begun.
#[inline]
fn switched(cpu: &CpuState, entity: Owned, horizon: Option<Horizon>, at: Instant) -> Running {
    set_horizon(cpu, horizon);
    if trace::is_on() {
        let from = Thread::current_trace_id(cpu);
        trace::record_at(
            at.0,
            Event::Switch {
                from,
                to: entity.payload.thread.trace_id(),
            },
        );
    }
    Running { entity }
}

/// Wakes an idle CPU to take over a thread that waits behind another: it finds its own queue empty and steals
/// (docs/mutants.md, row 1).
pub fn call_helper(cpu: &CpuState, helper: CpuId) {
    if !cpus::board().call(helper) {
        return;
    }
    wake::interrupt(cpu, &cpus::all()[helper.index()]);
}

/// Takes the next thread from this CPU's queue.
pub fn pick(cpu: &CpuState) -> Option<Running> {
    let _guard = hard_path();
    choose(cpu, cpu.sched.lock(), now())
}

/// Takes the most overdue waiting thread of another CPU, nearest first (rule B1).
pub fn steal(cpu: &CpuState) -> Option<Running> {
    let _guard = hard_path();
    for victim in steal_order(cpu.id(), cpus::topology(), cpus::board()) {
        let victim = &cpus::all()[victim.index()];
        count(&cpu.counters.steal_tries);
        // Waits for the lock: who holds it may have queued the thread there and looked for an idle CPU already, before
        // this one said that it is. It would call nobody, and this CPU would sleep beside the thread.
        let mut sched = victim.sched.lock();
        let stolen = sched.steal_for(cpu.id(), now());
        cpus::board().publish(&sched);
        drop(sched);
        let Some(entity) = stolen else { continue };
        count(&cpu.counters.steals);
        let thread = entity.payload.thread.clone();
        trace::record(Event::Steal {
            victim: victim.index,
            thread: thread.trace_id(),
        });
        let mut sched = cpu.sched.lock();
        let at = now();
        let queued = sched.enqueue(entity, EnqueueReason::Migrated, at);
        thread.queued.note(cpu.id(), queued.rank);
        return choose(cpu, sched, at);
    }
    None
}

/// Charges the thread that leaves to itself and its process, and keeps its registers.
fn end(sched: &mut Cpu<Body>, entity: &mut Owned, at: Instant, why: EndReason) {
    let charge = sched.end(entity, at, why);
    ended(entity, charge);
}

/// What remains to be done for a thread that has ended its stay.
#[inline]
fn ended(entity: &mut Entity<Body>, charge: Charge) {
    let thread = &entity.payload.thread;
    thread.process().usage.add(charge);
    thread.publish(entity.account());
    entity.payload.context.leave_cpu();
}

/// Parks the running thread, unless it was woken meanwhile, and chooses the next: the thread it has just woken, if
/// the scheduler allows that, else the first of the queue.
pub fn block(cpu: &CpuState, entity: Owned, thread: &Thread) -> Blocked {
    let _guard = hard_path();
    // Nobody can take the thread out before the cell is unlocked, so leaving the CPU may come after coming to rest.
    let mut cell = thread.cell.lock();
    let entity = match cell.rest(entity) {
        Ok(resting) => resting,
        Err(entity) => return Blocked::WokenAlready(entity),
    };
    let candidate = cpu.candidate.lock().take();
    let mut sched = cpu.sched.lock();
    let at = now();
    trace::record_at(
        at.0,
        Event::Block {
            reason: 0,
            thread: thread.trace_id(),
        },
    );
    let mut refused = None;
    let handed = candidate.and_then(|candidate| match sched.hand_over(entity, candidate, at) {
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
            if cpus::all().len() > 1 {
                cpus::board().publish(&sched);
            }
            drop(sched);
            ended(entity, charge);
            let to = &next.payload.thread;
            wake::woken(cpu, cpu.index, to, at);
            trace::record_at(
                at.0,
                Event::Handoff {
                    from: thread.trace_id(),
                    to: to.trace_id(),
                },
            );
            Some(switched(cpu, next, horizon, at))
        }
        None => {
            end(&mut sched, entity, at, EndReason::Blocked);
            choose(cpu, sched, at)
        }
    };
    drop(cell);
    if let Some(refused) = refused {
        wake::place(cpu, refused, EnqueueReason::Wake);
    }
    Blocked::Next(next)
}

/// Puts the running thread back into the queue and chooses the next, which may be the same.
pub fn requeue(cpu: &CpuState, entity: Owned, why: EndReason) -> Running {
    let _guard = hard_path();
    let mut sched = cpu.sched.lock();
    let at = now();
    let Rotated { entity, horizon } = sched.rotate(entity, at, why, |entity, charge, rank| {
        ended(entity, charge);
        let thread = &entity.payload.thread;
        thread.queued.note(cpu.id(), rank);
        if why == EndReason::Preempted {
            trace::record_at(
                at.0,
                Event::Preempt {
                    thread: thread.trace_id(),
                    by: abi::trace::Thread::NONE,
                },
            );
        }
    });
    let_others_know(cpu, sched);
    let next = switched(cpu, entity, horizon, at);
    balance::turn_ended(cpu);
    next
}

/// The running thread has ended: forgets it and chooses the next. The caller keeps the entity to bury it.
pub fn depart(cpu: &CpuState, entity: &mut Owned) -> Option<Running> {
    let _guard = hard_path();
    let mut sched = cpu.sched.lock();
    let at = now();
    end(&mut sched, entity, at, EndReason::Exited);
    choose(cpu, sched, at)
}
