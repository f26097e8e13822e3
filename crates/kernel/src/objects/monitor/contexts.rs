//! The monitor's list of scheduling contexts, and of what may be reserved of each CPU.

use alloc::sync::Arc;
use alloc::vec::Vec;

use sched::Nanos;
use schema_gen::monitor::monitor::contexts_results;
use schema_gen::monitor::{context_status, cpu_capacity};
use schema_gen::system::{scheduling_context_identity, scheduling_context_spec, scheduling_context_usage};

use super::super::capability_manager::{require_fit, room_to_list};
use super::super::context::{show_spec, show_usage};
use crate::call::{Call, Trouble};
use crate::context::news::show_identity;
use crate::context::{self, Context, ledger};
use crate::wire::{self, ListBytes};

pub(super) fn all(call: &Call<'_, '_>) -> Result<Vec<u8>, Trouble> {
    let (mut contexts, _list) =
        room_to_list::<Arc<Context>, context_status::Builder<'_>>(call, context::count())?;
    context::each(|context| {
        if contexts.len() < contexts.capacity() {
            contexts.push(context.clone());
        }
    });
    let capacities: Vec<(Nanos, Nanos)> = ledger::capacities()?;
    let bytes = length(&contexts, capacities.len());
    let _room = require_fit(call, bytes)?;
    let mut answer = wire::builder_for(bytes);
    let mut root = answer.init_root::<contexts_results::Builder<'_>>();
    let mut list = root.reborrow().init_contexts(contexts.len() as u32);
    for (index, context) in (0..).zip(&contexts) {
        show(list.reborrow().get(index), context);
    }
    let mut list = root.init_capacities(capacities.len() as u32);
    for (index, (given, left)) in (0..).zip(&capacities) {
        let mut shown = list.reborrow().get(index);
        shown.set_cpu(index);
        shown.set_given_ns(given.0);
        shown.set_left_ns(left.0);
    }
    Ok(wire::finish(answer))
}

/// How long the answer is at most.
fn length(contexts: &[Arc<Context>], cpus: usize) -> usize {
    let count = contexts.len();
    let masks = contexts
        .iter()
        .map(|context| context.cpus.len().next_multiple_of(8));
    let of_contexts = ListBytes::of::<context_status::Builder<'_>>(count)
        .and_in_each::<scheduling_context_spec::Builder<'_>>(count)
        .and_in_each::<scheduling_context_usage::Builder<'_>>(count)
        .and_in_each::<scheduling_context_identity::Builder<'_>>(2 * count);
    let of_cpus = ListBytes::of::<cpu_capacity::Builder<'_>>(cpus);
    of_contexts.total() + of_cpus.total() + masks.sum::<usize>()
}

fn show(mut shown: context_status::Builder<'_>, context: &Context) {
    let seen = context.seen();
    show_identity(shown.reborrow().init_identity(), context.identity(seen.is_gone));
    show_spec(shown.reborrow().init_spec(), context);
    show_usage(shown.reborrow().init_usage(), context, &seen);
    shown.set_maker_pid(context.maker);
    if let Some(thread) = seen.bound {
        shown.set_pid((thread.0 >> 32) as u32);
        shown.set_tid(thread.0 as u32);
    }
    if let Some(thread) = seen.holder {
        shown.set_holder_pid((thread.0 >> 32) as u32);
        shown.set_holder_tid(thread.0 as u32);
    }
}
