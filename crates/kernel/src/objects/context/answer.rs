//! What SchedulingContext answers, encoded.

use alloc::sync::Arc;
use alloc::vec::Vec;

use sched::context::capacity::Binding;
use sched::{ContextId, CpuId, Nanos, Overrun, Spec, Standing};
use schema_gen::system::scheduling_context::{
    bind_caller_thread_results, create_results, drain_notifications_results, info_results, reserve_results,
    revoke_results, usage_results,
};
use schema_gen::system::{
    OverrunPolicy, ReservationBinding, ReservationResult, SchedulingContextBindState as BindState,
    SchedulingContextDispatchEffect as Effect, SchedulingContextKind as Kind,
    SchedulingContextOperationResult as OperationResult, SchedulingContextStanding as Stands,
    SchedulingContextState as State, scheduling_context_spec, scheduling_context_usage,
};

use crate::call::{Answer, Call, Reply, Trouble};
use crate::context::ledger::{self, Reserved};
use crate::context::news::{SNAPSHOT_BYTES, show_binding, show_identity};
use crate::context::{Context, Seen, Time};
use crate::run::cpus;
use crate::wire;

/// Bytes of what `create` answers.
pub(super) const CREATED_BYTES: usize = 64;
/// Bytes of what `reserve` answers.
pub(super) const RESERVED_BYTES: usize = 176;
/// Bytes of what the methods answer that change a context.
const CHANGED_BYTES: usize = 112;
/// What names no capability.
const NO_INDEX: u16 = 0xffff;

/// Makes sure that what a method answers which changes a context can be delivered, before it does.
pub(super) fn require_room(call: &Call<'_, '_>) -> Result<(), Trouble> {
    call.require_room(CHANGED_BYTES)
}

/// Room for an info or usage: the sets of CPUs in it are as long as they were on the way in.
fn require_info_room(call: &Call<'_, '_>) -> Result<(), Trouble> {
    call.require_room(208 + cpus::all().len().div_ceil(8).next_multiple_of(8))
}

pub(super) fn created(context: &Context) -> Vec<u8> {
    let mut message = wire::builder();
    let mut root = message.init_root::<create_results::Builder<'_>>();
    show_identity(root.reborrow().init_identity(), context.id());
    root.set_result(OperationResult::Ok);
    wire::finish(message)
}

pub(super) fn not_created(call: &Call<'_, '_>, result: OperationResult) -> Answer {
    call.require_room(CREATED_BYTES)?;
    let mut message = wire::builder();
    let mut root = message.init_root::<create_results::Builder<'_>>();
    root.set_context_index(NO_INDEX);
    root.reborrow().init_identity();
    root.set_result(result);
    Ok(Reply::Message(wire::finish(message)))
}

pub(super) fn bound(
    call: &Call<'_, '_>,
    context: Option<&Arc<Context>>,
    bound: Result<(), OperationResult>,
) -> Answer {
    require_room(call)?;
    let seen = context.map(|context| context.seen());
    let mut message = wire::builder();
    let mut root = message.init_root::<bind_caller_thread_results::Builder<'_>>();
    let identity = root.reborrow().init_identity();
    if let (Some(context), Some(seen)) = (context, &seen) {
        show_identity(identity, context.identity(seen.is_gone));
    }
    show_binding(
        root.reborrow().init_binding(),
        bind_state(seen.as_ref()),
        seen.as_ref().and_then(|seen| seen.bound),
    );
    root.set_result(bound.err().unwrap_or(OperationResult::Ok));
    if let (Some(context), Some(seen)) = (context, &seen) {
        root.set_dispatch_effect(effect(context, seen));
    }
    Ok(Reply::Message(wire::finish(message)))
}

pub(super) fn revoked(
    call: &Call<'_, '_>,
    context: Option<&Arc<Context>>,
    result: OperationResult,
) -> Answer {
    require_room(call)?;
    let mut message = wire::builder();
    let mut root = message.init_root::<revoke_results::Builder<'_>>();
    let identity = root.reborrow().init_identity();
    if let Some(context) = context {
        // Whether it was revoked now or before, it is gone.
        show_identity(identity, context.identity(true));
        root.set_previous_generation(context.id().generation);
    }
    root.set_result(result);
    root.set_dispatch_effect(Effect::InfoOnlyNoDispatchChange);
    Ok(Reply::Message(wire::finish(message)))
}

pub(super) fn unbound(call: &Call<'_, '_>, result: OperationResult) -> Answer {
    require_room(call)?;
    Ok(Reply::Message(wire::data_struct(&[result as u64])))
}

/// Of what is no context, there is no news.
pub(super) fn no_news(call: &Call<'_, '_>) -> Answer {
    call.require_room(SNAPSHOT_BYTES)?;
    let mut message = wire::builder_for(SNAPSHOT_BYTES);
    let root = message.init_root::<drain_notifications_results::Builder<'_>>();
    let mut shown = root.init_notifications();
    shown.reborrow().init_identity();
    shown.reborrow().init_budget_depleted().init_holder();
    shown.init_deadline_or_timeout().init_holder();
    Ok(Reply::Message(wire::finish(message)))
}

pub(super) fn reserved(id: ContextId, cpu: CpuId) -> Vec<u8> {
    let mut message = wire::builder();
    let mut root = message.init_root::<reserve_results::Builder<'_>>();
    show_identity(root.reborrow().init_identity(), id);
    root.set_result(ReservationResult::Ok);
    root.set_cpu(cpu.0);
    wire::finish(message)
}

pub(super) fn denied(call: &Call<'_, '_>, result: ReservationResult) -> Answer {
    refused(call, result, None)
}

pub(super) fn refused(
    call: &Call<'_, '_>,
    result: ReservationResult,
    refusal: Option<(CpuId, Binding, Option<Nanos>)>,
) -> Answer {
    call.require_room(RESERVED_BYTES)?;
    let mut message = wire::builder();
    let mut root = message.init_root::<reserve_results::Builder<'_>>();
    root.set_context_index(NO_INDEX);
    root.set_result(result);
    let Some((cpu, binding, most)) = refusal else {
        return Ok(Reply::Message(wire::finish(message)));
    };
    let mut shown = root.init_refusal();
    shown.set_cpu(cpu.0);
    shown.set_most_ns(most.map_or(0, |most| most.0));
    let holder = match binding {
        Binding::Parent {
            context,
            left,
            period,
            largest: _,
        } => {
            shown.set_binding(ReservationBinding::Parent);
            shown.set_left_ns(left.0);
            shown.set_period_ns(period.0);
            Some(context)
        }
        Binding::Deadline {
            within,
            demand,
            largest,
        } => {
            shown.set_binding(ReservationBinding::Deadline);
            shown.set_within_ns(within.0);
            shown.set_demand_ns(demand.0);
            largest
        }
        Binding::Overload => {
            shown.set_binding(ReservationBinding::Overload);
            None
        }
        Binding::Undecided => {
            shown.set_binding(ReservationBinding::Undecided);
            None
        }
    };
    if let Some(holder) = holder {
        show_identity(shown.init_holder(), holder);
    }
    Ok(Reply::Message(wire::finish(message)))
}

pub(super) fn info(call: &Call<'_, '_>, context: &Context) -> Answer {
    require_info_room(call)?;
    let seen = context.seen();
    let mut message = wire::builder();
    let mut shown = message.init_root::<info_results::Builder<'_>>().init_info();
    show_spec(shown.reborrow().init_spec(), context);
    show_identity(shown.reborrow().init_identity(), context.identity(seen.is_gone));
    shown.set_state(if seen.is_gone {
        State::StaleGeneration
    } else {
        State::Active
    });
    shown.set_remaining_budget_ns(seen.time.map_or(0, |time| time.remaining.0));
    show_binding(
        shown.reborrow().init_binding(),
        bind_state(Some(&seen)),
        seen.bound,
    );
    shown.set_dispatch_effect(effect(context, &seen));
    Ok(Reply::Message(wire::finish(message)))
}

pub(super) fn factory_info(call: &Call<'_, '_>) -> Answer {
    require_info_room(call)?;
    let mut message = wire::builder();
    let mut shown = message.init_root::<info_results::Builder<'_>>().init_info();
    shown.reborrow().init_spec();
    shown.reborrow().init_identity();
    shown.init_binding();
    Ok(Reply::Message(wire::finish(message)))
}

pub(super) fn usage(call: &Call<'_, '_>, context: &Context) -> Answer {
    require_info_room(call)?;
    let mut message = wire::builder();
    let root = message.init_root::<usage_results::Builder<'_>>();
    show_usage(root.init_usage(), context, &context.seen());
    Ok(Reply::Message(wire::finish(message)))
}

pub(super) fn factory_usage(call: &Call<'_, '_>) -> Answer {
    require_info_room(call)?;
    let mut message = wire::builder();
    let root = message.init_root::<usage_results::Builder<'_>>();
    root.init_usage().set_kind(Kind::Factory);
    Ok(Reply::Message(wire::finish(message)))
}

/// What was asked for.
pub(in crate::objects) fn show_spec(mut shown: scheduling_context_spec::Builder<'_>, context: &Context) {
    let spec: &Spec = context.spec();
    shown.set_budget_ns(spec.budget().0);
    shown.set_period_ns(spec.period().0);
    shown.set_relative_deadline_ns(spec.deadline().0);
    shown.set_cpu_mask(&context.cpus);
    shown.set_overrun_policy(match spec.overrun() {
        Overrun::Throttle => OverrunPolicy::Throttle,
        Overrun::Fault => OverrunPolicy::Fault,
        Overrun::Demote => OverrunPolicy::Demote,
    });
}

/// What became of it.
pub(in crate::objects) fn show_usage(
    mut shown: scheduling_context_usage::Builder<'_>,
    context: &Context,
    seen: &Seen,
) {
    shown.set_kind(match context.spec().kind() {
        sched::context::Kind::Limit => Kind::Limit,
        sched::context::Kind::Reservation => Kind::Reservation,
    });
    let standing = seen
        .time
        .filter(|_| seen.bound.is_some())
        .map(|time| time.standing);
    let (stands, until) = match standing {
        None => (Stands::Unbound, 0),
        Some(Standing::Fair) => (Stands::ByWeight, 0),
        Some(Standing::Reserved(due)) => (Stands::Reserved, due.0),
        Some(Standing::Spent(at)) => (Stands::Throttled, at.0),
        Some(Standing::Demoted(at)) => (Stands::Demoted, at.0),
    };
    shown.set_standing(stands);
    shown.set_until_ns(until);
    shown.set_lent(seen.lent);
    shown.set_donation_depth(seen.depth as u32);
    if let Some(Time {
        remaining,
        used,
        overruns,
        misses,
        ..
    }) = seen.time
    {
        shown.set_remaining_ns(remaining.0);
        shown.set_used_ns(used.0);
        shown.set_overruns(overruns);
        shown.set_misses(misses);
    }
    let reserved = match context.spec().kind() {
        sched::context::Kind::Reservation => ledger::reserved(context.id()),
        sched::context::Kind::Limit => None,
    };
    if let Some(Reserved { cpu, parent, carved }) = reserved {
        shown.set_cpu(cpu.0);
        shown.set_carved_ns(carved.0);
        show_identity(shown.init_parent(), parent);
    }
}

fn bind_state(seen: Option<&Seen>) -> BindState {
    match seen {
        Some(seen) if seen.is_gone => BindState::StaleGeneration,
        Some(seen) if seen.bound.is_some() => BindState::Bound,
        _ => BindState::Unbound,
    }
}

/// Only what is bound, and on no CPU ends later than it should, is enforced (E12).
fn effect(context: &Context, seen: &Seen) -> Effect {
    let mut cpus = (0..cpus::all().len() as u32).map(CpuId);
    let is_allowed = |cpu: CpuId| {
        let byte = context.cpus.get(cpu.index() / 8);
        byte.is_some_and(|byte| byte >> (cpu.0 % 8) & 1 != 0) && cpus::has_started(cpu)
    };
    let is_bound = !seen.is_gone && seen.bound.is_some();
    if is_bound && cpus.all(|cpu| cpus::keeps_time(cpu) || !is_allowed(cpu)) {
        Effect::BudgetEnforced
    } else {
        Effect::InfoOnlyNoDispatchChange
    }
}
