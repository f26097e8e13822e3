//! SchedulingContext: making CPU time, giving it to the calling thread, taking it back, dividing it, and what is told of it. The bootstrap
//! capability makes limits for whoever has it, and reservations if the manifest leaves it something to divide. Rules E1, E5, E10 and E14;
//! docs/abi.md, section 16.

mod answer;

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use abi::interfaces;
use sched::context::spec::SpecError;
use sched::{Affinity, CpuId, MaskError, Nanos, Overrun, Spec};
use schema_gen::system::scheduling_context::{create_params, reserve_params};
use schema_gen::system::{
    OverrunPolicy, ReservationResult, SchedulingContextOperationResult as OperationResult,
    scheduling_context_spec,
};

use super::placement;
use crate::call::{Answer, Call, Reply, Room, Trouble, overloaded, unimplemented};
use crate::capability::{Capability, Object};
use crate::context::asking::{Asking, Denied, Maker};
use crate::context::binding::Refused;
use crate::context::news::{CannotWait, SNAPSHOT_BYTES};
use crate::context::{Context, Held, Wish};
use crate::memory::account::refusable;
use crate::process::thread::Thread;
use crate::run::cpus;
use crate::run::wake::now;
use crate::wire::ExceptionKind;

pub(super) use answer::{show_spec, show_usage};

/// The capability that makes contexts and is none.
pub(super) fn factory(call: &Call<'_, '_>, may_reserve: bool) -> Answer {
    match call.method {
        0 => answer::factory_info(call),
        1 => create(call),
        2 => answer::bound(call, None, Err(OperationResult::InvalidSpec)),
        3 => answer::revoked(call, None, OperationResult::InvalidSpec),
        4 => answer::no_news(call),
        5 if may_reserve => reserve(call, None),
        5 => answer::denied(call, ReservationResult::NoCapacity),
        6 => answer::unbound(call, OperationResult::InvalidSpec),
        8 => answer::factory_usage(call),
        _ => Err(unimplemented()),
    }
}

/// One context.
pub(super) fn call(call: &Call<'_, '_>, context: &Arc<Context>) -> Answer {
    match call.method {
        0 => answer::info(call, context),
        1 => create(call),
        2 => bind_caller(call, context),
        3 => {
            answer::require_room(call)?;
            let result = context.revoke().map_or_else(as_result, |()| OperationResult::Ok);
            answer::revoked(call, Some(context), result)
        }
        4 => {
            call.require_room(SNAPSHOT_BYTES)?;
            Ok(Reply::Message(context.drain()))
        }
        5 => reserve(call, Some(context)),
        6 => {
            answer::require_room(call)?;
            let result = context.unbind().map_or_else(as_result, |()| OperationResult::Ok);
            answer::unbound(call, result)
        }
        7 => {
            call.require_room(SNAPSHOT_BYTES)?;
            let operation = call.begin(Some(context.clone()))?;
            if let Err(why) = context.wait_for_news(&operation) {
                let why = match why {
                    CannotWait::TooMany => "eight wait for news of this context already",
                    CannotWait::NoMemory => "no memory to keep one more who waits",
                };
                operation
                    .complete_exception(ExceptionKind::Overloaded, why)
                    .either_way();
            }
            Ok(Reply::Pending)
        }
        8 => answer::usage(call, context),
        _ => Err(unimplemented()),
    }
}

/// What a refusal is called on the wire. Whoever asks a context that is bound to nobody to let go of its thread names nothing.
fn as_result(refused: Refused) -> OperationResult {
    match refused {
        Refused::Gone => OperationResult::StaleGeneration,
        Refused::AlreadyBound => OperationResult::AlreadyBound,
        Refused::NotBound | Refused::Dying => OperationResult::CallerNotLive,
    }
}

fn bind_caller(call: &Call<'_, '_>, context: &Arc<Context>) -> Answer {
    answer::require_room(call)?;
    let tid = call.thread().tid();
    let living = call.process().living_after(tid - 1);
    let caller = living.filter(|thread| thread.tid() == tid);
    let bound = match caller {
        Some(thread) => context.bind(&thread).map_err(as_result),
        None => Err(OperationResult::CallerNotLive),
    };
    answer::bound(call, Some(context), bound)
}

/// Binds a thread to the context that a process holds under this id, for whoever may reach into threads.
pub(super) fn bind_held(
    call: &Call<'_, '_>,
    thread: &Arc<Thread>,
    cap: u32,
) -> Result<OperationResult, Trouble> {
    let held = call
        .process()
        .with_capability(cap, |capability| match &capability.object {
            Object::SchedulingContext(held) => Some(held.clone()),
            _ => None,
        });
    let Some(held) = held.flatten() else {
        return Err(crate::call::invalid(
            "the caller holds no such scheduling context",
        ));
    };
    Ok(held
        .0
        .bind(thread)
        .map_or_else(as_result, |()| OperationResult::Ok))
}

fn create(call: &Call<'_, '_>) -> Answer {
    let words = call.params()?;
    let message = words.message()?;
    let asked = message.get_root::<create_params::Reader<'_>>()?.get_spec()?;
    let Some(wish) = limit(asked)? else {
        return answer::not_created(call, OperationResult::InvalidSpec);
    };
    let Some(room) = room(call, answer::CREATED_BYTES)? else {
        return answer::not_created(call, OperationResult::ResourceExhausted);
    };
    let process = call.process();
    let Ok(context) = Context::create(process.pid, &process.account, wish, now()) else {
        drop(room);
        return answer::not_created(call, OperationResult::ResourceExhausted);
    };
    let message = answer::created(&context.0);
    Ok(Reply::Capabilities(message, vec![capability(context)], room))
}

fn reserve(call: &Call<'_, '_>, parent: Option<&Arc<Context>>) -> Answer {
    let words = call.params()?;
    let message = words.message()?;
    let asked = message.get_root::<reserve_params::Reader<'_>>()?.get_spec()?;
    let Some((spec, allowed)) = reservation(asked)? else {
        return answer::denied(call, ReservationResult::InvalidSpec);
    };
    let process = call.process();
    let maker = Maker {
        pid: process.pid,
        account: &process.account,
    };
    let count = cpus::all().len() as u32;
    if !(0..count)
        .map(CpuId)
        .any(|cpu| allowed.allows(cpu) && cpus::keeps_time(cpu))
    {
        return answer::denied(call, ReservationResult::NotEnforced);
    }
    let Some(room) = room(call, answer::RESERVED_BYTES)? else {
        return answer::denied(call, ReservationResult::ResourceExhausted);
    };
    let before = call.thread().asking.lock().take();
    let begun = before.filter(|asking| asking.is_for(&spec, &allowed, parent));
    let mut asking = match begun {
        Some(asking) => asking,
        None => Asking::new(spec, allowed, parent, &process.account)?,
    };
    let Some(decided) = asking.go_on(parent, &maker) else {
        let displaced = call.thread().asking.lock().replace(asking);
        drop(displaced);
        return Ok(Reply::Again);
    };
    let (result, refusal) = match decided {
        Ok((context, cpu)) => {
            let message = answer::reserved(context.0.id(), cpu);
            return Ok(Reply::Capabilities(message, vec![capability(context)], room));
        }
        Err(Denied::Gone) => (ReservationResult::StaleGeneration, None),
        Err(Denied::NoCapacity) => (ReservationResult::NoCapacity, None),
        Err(Denied::Exhausted) => (ReservationResult::ResourceExhausted, None),
        Err(Denied::NotNow(why)) => return Err(overloaded(why)),
        Err(Denied::DoesNotFit { cpu, binding, most }) => {
            (ReservationResult::DoesNotFit, Some((cpu, binding, most)))
        }
    };
    drop(room);
    answer::refused(call, result, refusal)
}

/// Room for an answer with a context in it; nothing if the caller's table is full, for which both results have a word.
fn room(call: &Call<'_, '_>, bytes: usize) -> Result<Option<Room>, Trouble> {
    match call.keep_room(bytes, 1) {
        Ok(room) => Ok(Some(room)),
        Err(Trouble::Exception(ExceptionKind::Overloaded, _)) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

fn capability(context: Held) -> Capability {
    let object = Object::SchedulingContext(Arc::new(context));
    Capability::new(object, interfaces::SCHEDULING_CONTEXT)
}

/// The limit that is asked for; nothing if it would be none.
fn limit(asked: scheduling_context_spec::Reader<'_>) -> Result<Option<Wish>, Trouble> {
    let Some(overrun) = overrun(asked).filter(|overrun| *overrun != Overrun::Demote) else {
        return Ok(None);
    };
    let (budget, period, deadline) = times(asked);
    let spec = Spec::limit(budget, period, overrun).and_then(|spec| spec.with_deadline(deadline));
    let mask = asked.get_cpu_mask()?;
    let (Some(spec), Some(affinity)) = (sound(spec), where_to(mask)?) else {
        return Ok(None);
    };
    let mut cpus = Vec::new();
    refusable(|| cpus.try_reserve_exact(mask.len()))?;
    cpus.extend_from_slice(mask);
    Ok(Some(Wish { spec, affinity, cpus }))
}

/// The reservation that is asked for, and where it may be.
fn reservation(asked: scheduling_context_spec::Reader<'_>) -> Result<Option<(Spec, Affinity)>, Trouble> {
    let Some(overrun) = overrun(asked) else {
        return Ok(None);
    };
    let (budget, period, deadline) = times(asked);
    let spec = Spec::reservation(budget, period, deadline, overrun);
    Ok(sound(spec).zip(where_to(asked.get_cpu_mask()?)?))
}

/// What becomes of a thread that has used it up; nothing if the number says nothing.
fn overrun(asked: scheduling_context_spec::Reader<'_>) -> Option<Overrun> {
    Some(match asked.get_overrun_policy().ok()? {
        OverrunPolicy::Throttle => Overrun::Throttle,
        OverrunPolicy::Fault => Overrun::Fault,
        OverrunPolicy::Demote => Overrun::Demote,
    })
}

fn times(asked: scheduling_context_spec::Reader<'_>) -> (Nanos, Nanos, Nanos) {
    (
        Nanos(asked.get_budget_ns()),
        Nanos(asked.get_period_ns()),
        Nanos(asked.get_relative_deadline_ns()),
    )
}

/// A spec, or that it is none: the wire has one word for all that can be wrong with it.
fn sound(spec: Result<Spec, SpecError>) -> Option<Spec> {
    spec.ok()
}

/// Where a context may be used; nothing if the mask says nowhere.
fn where_to(mask: &[u8]) -> Result<Option<Affinity>, Trouble> {
    match placement::read(mask, cpus::all().len() as u32, cpus::has_started) {
        Ok(affinity) => Ok(Some(affinity)),
        Err(MaskError::NoMemory) => Err(overloaded("not enough memory")),
        Err(_) => Ok(None),
    }
}
