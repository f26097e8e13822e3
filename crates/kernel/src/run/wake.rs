//! Making threads runnable: out of the parking cell, to a CPU. Rules B2 to B6 (docs/rules/scheduler.md).
//!
//! A thread woken by one that is about to block itself gets its CPU directly. Whether the waker blocks is known only at
//! the end of its system call, so the woken thread waits in the CPU's candidate slot until then: `switch` hands it the
//! CPU, or [`settle_candidate`] places it like any other.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use abi::trace::Event;
use machine::memory::heap::NoAllocation;
use machine::{clock, cpu, trace, vector};
use rings::waiters::ends_here;
use sched::placement::{NoCpuAllowed, helper, new_thread_target, wake_target};
use sched::{Effect, EnqueueReason, Enqueued, Entity, Instant};

use super::cpus::{self, CpuState, count};
use super::switch;
use super::thread_body::Body;
use crate::process::thread::Thread;
use crate::ring::Listing;

/// The time now.
#[inline]
pub fn now() -> Instant {
    Instant(clock::now_ns())
}

/// Makes a blocked thread runnable. One that is not blocked (yet) will not block the next time it wants to, so that no
/// wake-up is lost (docs/mutants.md, row 3).
pub fn wake(thread: Arc<Thread>) {
    let _guard = NoAllocation::begin();
    if let Some(entity) = thread.take_parked() {
        ready(entity);
    }
}

/// Makes a thread runnable that its ring has listed no longer, because `available` completions were enough. If it still
/// waits for those, and no time-out has to be taken back, its system call ends here and it need not look again.
pub fn end_wait(thread: Arc<Thread>, listing: Listing, available: u32) {
    let _guard = NoAllocation::begin();
    let Some(mut entity) = thread.take_parked() else {
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
    ready(entity);
}

/// A thread that was parked has a candidate's place if the running thread may be about to wait, or is placed at once.
#[inline]
fn ready(entity: Box<Entity<Body>>) {
    let cpu = cpus::this();
    if cpu.in_call.load(Relaxed) {
        let mut candidate = cpu.candidate.lock();
        if candidate.is_none() {
            *candidate = Some(entity);
            return;
        }
    }
    place(cpu, entity, EnqueueReason::Wake);
}

/// Records that a CPU was chosen for a woken thread.
#[inline]
pub fn woken(cpu: &CpuState, target: u32, thread: &Thread, at: Instant) {
    let by = Thread::current_trace_id(cpu);
    let thread = thread.trace_id();
    trace::record_at(at.0, Event::Wake { target, thread, by });
}

/// Puts a thread that has never run into a queue.
pub fn start(entity: Box<Entity<Body>>) {
    place(cpus::this(), entity, EnqueueReason::New);
}

/// The waker goes on: its candidate is placed like any other woken thread.
#[inline]
pub fn settle_candidate(cpu: &CpuState) {
    let candidate = cpu.candidate.lock().take();
    if let Some(entity) = candidate {
        place(cpu, entity, EnqueueReason::Wake);
    }
}

/// Chooses a CPU and queues the thread there.
pub fn place(cpu: &CpuState, mut entity: Box<Entity<Body>>, why: EnqueueReason) {
    let _guard = NoAllocation::begin();
    let board = cpus::board();
    let chosen = match why {
        EnqueueReason::New => new_thread_target(entity.affinity(), cpu.id(), cpus::topology(), board),
        _ => wake_target(
            entity.last_cpu(),
            entity.affinity(),
            cpu.id(),
            cpus::topology(),
            board,
        ),
    };
    let target = match chosen {
        Ok(placement) => {
            count(&cpu.counters.placed[placement.reason as usize]);
            placement.cpu
        }
        // An affinity that names no CPU that is online cannot be set, and CPUs do not go away.
        Err(NoCpuAllowed) => {
            count(&cpu.counters.placement_failures);
            cpu.id()
        }
    };
    if entity.last_cpu().is_some_and(|last| last != target) {
        entity.observe_home_clock(|home| board.clock(home));
    }
    let target = &cpus::all()[target.index()];
    cpu.counters
        .placement(why == EnqueueReason::New, target.index == cpu.index);
    if why == EnqueueReason::Wake && trace::is_on() {
        woken(cpu, target.index, &entity.payload.thread, now());
    }
    if why == EnqueueReason::New {
        trace::record(Event::ThreadStart {
            cpu: target.index,
            thread: entity.payload.thread.trace_id(),
            weight: u64::from(entity.weight().get()),
        });
    }
    put(cpu, target, entity, why);
}

/// Queues a thread on a CPU and has that CPU notice.
pub fn put(cpu: &CpuState, target: &CpuState, entity: Box<Entity<Body>>, why: EnqueueReason) {
    let board = cpus::board();
    let thread = entity.payload.thread.clone();
    let mut sched = target.sched.lock();
    let Enqueued { rank, effect } = sched.enqueue(entity, why, now());
    thread.queued.note(target.id(), rank);
    board.publish(&sched);
    let interrupt = effect != Effect::Nothing && target.index != cpu.index && sched.request_reschedule();
    let helper = helper(&sched, cpus::topology(), board);
    drop(sched);
    if let Some(helper) = helper {
        switch::call_helper(cpu, helper);
    }
    if effect != Effect::Nothing && target.index == cpu.index {
        cpu.reschedule.store(true, Relaxed);
    }
    if interrupt {
        poke(cpu, target);
    }
}

/// Has another CPU look at its queue and at what was ordered of its thread, unless it is about to (rule B4).
pub fn interrupt(cpu: &CpuState, target: &CpuState) {
    if target.sched.lock().request_reschedule() {
        poke(cpu, target);
    }
}

/// Sends a reschedule interrupt.
pub fn poke(cpu: &CpuState, target: &CpuState) {
    count(&cpu.counters.ipis_sent);
    trace::record(Event::IpiSent {
        to: target.index,
        purpose: u64::from(vector::RESCHEDULE),
    });
    cpu::send_ipi(target.index as usize, vector::RESCHEDULE);
}
