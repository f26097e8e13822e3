//! SchedulingPolicyCap: weight and latency class of one thread, and the counters that show what they do. A change takes
//! effect at once, wherever the thread is: parked, queued, running, or on its way. Rules D1 to D3.

use abi::trace::Event;
use machine::trace;
use protocol::{Reached, Reweigh};
use sched::{LatencyClass, Weight};
use schema_gen::system::scheduling_policy_cap::{set_latency_class_params, set_weight_params};

use super::observe;
use crate::call::{Answer, Call, Reply, Trouble, invalid, unimplemented};
use crate::process::thread::Thread;
use crate::run::cpus::count;
use crate::run::host::Host;
use crate::run::wake::now;
use crate::wire::{self, ExceptionKind};

/// The methods below this number change something.
const FIRST_READER: u16 = 2;

pub(super) fn call(call: &Call<'_, '_>, target: Option<&Thread>) -> Answer {
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

fn perform(call: &Call<'_, '_>, target: &Thread) -> Answer {
    match call.method {
        0 => {
            let words = call.params()?;
            let message = words.message()?;
            let wish = message.get_root::<set_weight_params::Reader<'_>>()?.get_weight();
            // D2: refused, never clamped.
            let weight = Weight::new(wish).ok_or_else(|| invalid("a weight is a number from 1 to 1024"))?;
            change(call, target, Some(weight), None)
        }
        1 => {
            let words = call.params()?;
            let message = words.message()?;
            let wish = message
                .get_root::<set_latency_class_params::Reader<'_>>()?
                .get_class()?;
            let class =
                LatencyClass::from_number(wish as u16).ok_or_else(|| invalid("unknown latency class"))?;
            change(call, target, None, Some(class))
        }
        2 => Ok(Reply::Message(snapshot(call, target))),
        _ => Err(unimplemented()),
    }
}

fn change(
    call: &Call<'_, '_>,
    thread: &Thread,
    weight: Option<Weight>,
    class: Option<LatencyClass>,
) -> Answer {
    call.require_room(wire::EMPTY_STRUCT.len())?;
    match protocol::reweigh(
        &mut Host(call.caller.cpu),
        thread.task(),
        Reweigh { weight, class },
    ) {
        Reached::Done => {}
        Reached::Dying | Reached::OnItsWay => {
            return Err(Trouble::Exception(
                ExceptionKind::Disconnected,
                "the thread has ended",
            ));
        }
    }
    let (weight, class) = thread.task().policy();
    trace::record(Event::PolicySet {
        class: class as u32,
        thread: thread.task().trace_id(),
        weight: u64::from(weight.get()),
    });
    Ok(Reply::EmptyStruct)
}

/// The counters of a thread, with the run it is in.
fn snapshot(call: &Call<'_, '_>, thread: &Thread) -> alloc::vec::Vec<u8> {
    let account = if core::ptr::eq(thread, call.thread()) {
        // Its own account is at hand, and newer than what others see.
        let run = call.caller.cpu.sched.lock().uncollected(now());
        let mut account = *call.caller.entity.account();
        account.runtime += run.ran;
        account.virtual_runtime = account.virtual_runtime.saturating_add(run.virtual_ran);
        account
    } else {
        observe::thread(thread).account
    };
    let (weight, class) = thread.task().policy();
    wire::data_struct(&[
        u64::from(weight.get()) | u64::from(class.number()) << 16,
        account.runtime.0,
        account.virtual_runtime,
        account.voluntary_blocks,
        account.preemptions,
        account.waiting.0,
    ])
}
