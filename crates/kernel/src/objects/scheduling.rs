//! SchedulingPolicyCap: weight and latency class of one thread, and the counters that show what they do. A change takes
//! effect at once, wherever the thread is: parked, queued, running, or on its way. Rules D1 to D3.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use abi::trace::Event;
use machine::trace;
use sched::{Effect, Enqueued, LatencyClass, Verdict, Weight};
use schema_gen::system::scheduling_policy_cap::{set_latency_class_params, set_weight_params};

use super::observe;
use crate::call::{Answer, Call, Reply, Trouble, invalid, unimplemented};
use crate::process::thread::Thread;
use crate::run::cpus::{self, CpuState, count};
use crate::run::wake::{self, now};
use crate::wire::{self, ExceptionKind};

/// The methods below this number change something.
const FIRST_READER: u16 = 2;

/// What a call wants to be different.
enum Change {
    Weight(Weight),
    Class(LatencyClass),
}

/// Weight and class as they are to be.
#[derive(Clone, Copy)]
struct Policy {
    weight: Weight,
    class: LatencyClass,
}

pub(super) fn call(call: &Call<'_, '_>, target: Option<&Arc<Thread>>) -> Answer {
    let answer = perform(call, target.unwrap_or(call.thread()));
    if call.method < FIRST_READER {
        let counters = &call.caller.cpu.counters;
        count(match answer {
            Ok(_) => &counters.policy_admissions,
            Err(_) => &counters.policy_denials,
        });
    }
    answer
}

fn perform(call: &Call<'_, '_>, target: &Arc<Thread>) -> Answer {
    match call.method {
        0 => {
            let words = call.params()?;
            let message = words.message()?;
            let wish = message.get_root::<set_weight_params::Reader<'_>>()?.get_weight();
            // D2: refused, never clamped.
            let weight = Weight::new(wish).ok_or_else(|| invalid("a weight is a number from 1 to 1024"))?;
            change(call, target, Change::Weight(weight))
        }
        1 => {
            let words = call.params()?;
            let message = words.message()?;
            let wish = message
                .get_root::<set_latency_class_params::Reader<'_>>()?
                .get_class()?;
            let class =
                LatencyClass::from_number(wish as u16).ok_or_else(|| invalid("unknown latency class"))?;
            change(call, target, Change::Class(class))
        }
        2 => Ok(Reply::Message(snapshot(call, target))),
        _ => Err(unimplemented()),
    }
}

fn change(call: &Call<'_, '_>, thread: &Arc<Thread>, change: Change) -> Answer {
    call.require_room(wire::EMPTY_STRUCT.len(), 0)?;
    // Held to the end: changes of one thread come one after the other, and it cannot park or be unparked meanwhile.
    let mut cell = thread.cell.lock();
    let (weight, class) = thread.policy();
    let policy = match change {
        Change::Weight(weight) => Policy { weight, class },
        Change::Class(class) => Policy { weight, class },
    };
    if let Some(parked) = cell.resting_mut() {
        parked.reweigh_parked(policy.weight, policy.class);
    } else {
        // It runs, waits in a queue or a candidate slot, or is on its way from one to the next. A way is short, and
        // nothing on it needs the cell.
        while !reach(call.caller.cpu, thread, policy) {
            if thread.is_dying() {
                return Err(Trouble::Exception(
                    ExceptionKind::Disconnected,
                    "the thread has ended",
                ));
            }
            machine::cpu::relax();
        }
    }
    thread.note_policy(policy.weight, policy.class);
    trace::record(Event::PolicySet {
        class: policy.class as u32,
        thread: thread.trace_id(),
        weight: u64::from(policy.weight.get()),
    });
    Ok(Reply::EmptyStruct)
}

/// Looks for the thread on every CPU, the likeliest first, and changes it there. False if it was on its way.
fn reach(here: &CpuState, thread: &Thread, policy: Policy) -> bool {
    let all = cpus::all();
    let likeliest = thread.queued.cpu().index();
    all.iter()
        .cycle()
        .skip(likeliest)
        .take(all.len())
        .any(|cpu| reach_candidate(cpu, thread, policy) || reach_on(here, cpu, thread, policy))
}

/// Changes a thread that was woken by one that may still hand it the CPU: in no queue, and not running.
fn reach_candidate(cpu: &CpuState, thread: &Thread, policy: Policy) -> bool {
    match cpu
        .candidate
        .lock()
        .as_mut()
        .filter(|candidate| candidate.id() == thread.id())
    {
        Some(candidate) => {
            candidate.reweigh_parked(policy.weight, policy.class);
            true
        }
        None => false,
    }
}

/// Changes a thread that runs or waits on `cpu`, and makes that CPU look again if this changes what it should do.
fn reach_on(here: &CpuState, cpu: &CpuState, thread: &Thread, policy: Policy) -> bool {
    let Policy { weight, class } = policy;
    let mut sched = cpu.sched.lock();
    let at = now();
    let look_again = if sched.running().is_some_and(|running| running.id() == thread.id()) {
        sched.reweigh_running(weight, class, at) != Verdict::Keep(None)
    } else {
        let Some(rank) = thread.queued.rank(cpu.id(), thread.id()) else {
            return false;
        };
        let Some(Enqueued { rank, effect }) = sched.reweigh_queued(rank, weight, class, at) else {
            return false;
        };
        thread.queued.note(cpu.id(), rank);
        effect != Effect::Nothing
    };
    cpus::board().publish(&sched);
    let is_here = cpu.index == here.index;
    let interrupt = look_again && !is_here && sched.request_reschedule();
    drop(sched);
    if look_again && is_here {
        here.reschedule.store(true, Relaxed);
    }
    if interrupt {
        wake::poke(here, cpu);
    }
    true
}

/// The counters of a thread, with the run it is in.
fn snapshot(call: &Call<'_, '_>, thread: &Arc<Thread>) -> alloc::vec::Vec<u8> {
    let account = if Arc::ptr_eq(thread, call.thread()) {
        // Its own account is at hand, and newer than what others see.
        let run = call.caller.cpu.sched.lock().uncollected(now());
        let mut account = *call.caller.entity.account();
        account.runtime += run.ran;
        account.virtual_runtime = account.virtual_runtime.saturating_add(run.virtual_ran);
        account
    } else {
        observe::thread(thread).account
    };
    let (weight, class) = thread.policy();
    wire::data_struct(&[
        u64::from(weight.get()) | u64::from(class.number()) << 16,
        account.runtime.0,
        account.virtual_runtime,
        account.voluntary_blocks,
        account.preemptions,
        account.waiting.0,
    ])
}
