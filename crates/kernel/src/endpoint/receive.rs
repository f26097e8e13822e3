//! A server's receive: takes the oldest waiting call, or waits for one; and its withdrawal.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Acquire;

use abi::result::Failure;
use abi::validate::Buffer;

use super::chores::Chores;
use super::delivery::{Offer, Source, offer};
use super::leaving::{return_to, settle};
use super::{Endpoint, Locked, Owner, Party, Queued};
use crate::call::{Caller, Outcome, check_buffers, failed};
use crate::capability::{Capability, Object};
use crate::context::lending::{self, Called};
use crate::process::Process;
use crate::ring::operation::WaitPlace;
use crate::ring::serving::{MOST_GONE, abort_all};

/// The owner facet that `cap` names, if it names one.
pub(super) fn owner(caller: &Caller<'_>, cap: u32) -> Option<Arc<Owner>> {
    let owner = |capability: &Capability| match &capability.object {
        Object::EndpointOwner(owner) => Some(owner.clone()),
        _ => None,
    };
    caller.thread.process().with_capability(cap, owner)?
}

/// Posts a receive.
#[inline(always)]
pub fn receive(caller: &Caller<'_>, cap: u32, result: Buffer) -> Outcome {
    let process = caller.thread.process();
    if let Err(failure) = check_buffers(process, Buffer { addr: 0, len: 0 }, result) {
        return failed(failure);
    }
    let lost = process.facets_lost.load(Acquire);
    let Some(owner) = owner(caller, cap) else {
        return failed(Failure::InvokeFailed);
    };
    let endpoint = &owner.endpoint;
    let place: Arc<dyn WaitPlace> = endpoint.clone();
    let Ok(operation) = caller.thread.ring.begin(caller.user_data, result, Some(place)) else {
        return failed(Failure::InvokeFailed);
    };
    let mut state = endpoint.lock();
    // From here on, whoever takes the facet away ends this receive, too. It may have gone since it was looked up.
    let is_lost = process.facets_lost.load(Acquire) != lost && !still_owns(process, cap, endpoint);
    if is_lost || state.receives.room_for_one_more(&process.account).is_err() {
        drop(state);
        operation.fail(Failure::InvokeFailed).either_way();
        return Outcome::Pending;
    }
    let thread = caller.thread.clone();
    state.receives.push_back(Party { operation, thread });
    let mut chores = Chores::none();
    chores.see_to(endpoint, &mut state);
    drop(state);
    chores.finish();
    Outcome::Pending
}

#[cold]
fn still_owns(process: &Process, cap: u32, endpoint: &Arc<Endpoint>) -> bool {
    process.with_capability(cap, |capability| capability.owns(endpoint)) == Some(true)
}

impl Endpoint {
    /// Delivers waiting calls to waiting receives, oldest to oldest, until as many as are `owed` have met or no two can
    /// meet any more. Whoever makes more meetings possible meanwhile sees to those.
    ///
    /// A meeting that comes to nothing uses up a call or a receive, and others may post new ones as fast. After as many as
    /// there can have been when it began, or [`MOST_GONE`] buffers that have gone, all receives end, so this ends, too.
    pub(super) fn match_waiting<'a>(&'a self, mut state: Locked<'a>, mut owed: usize, chores: &mut Chores) {
        let mut patience = self.queue_limit + state.receives.len();
        let mut gone = 0;
        while owed > 0
            && !state.closed
            && self.waiting(&state).pairs() > 0
            && let Some(queued) = state.queue.pop_front()
        {
            if patience == 0 || gone == MOST_GONE {
                state.queue.push_front(queued);
                state.at_work -= owed;
                return fail_all_receives(state);
            }
            if !queued.caller.operation.is_live() {
                patience -= 1;
                drop(state);
                return_to(queued.caller.process(), queued.parcel, chores);
                drop(queued.caller);
                state = self.lock();
                continue;
            }
            let Some(receive) = state.receives.pop_front() else {
                state.queue.push_front(queued);
                break;
            };
            let Queued {
                caller,
                heading,
                params,
                parcel,
                _charge,
            } = queued;
            match offer(&mut state, &receive, heading, &Source::Kernel(&params), &parcel) {
                Offer::Taken(id) => {
                    let sender = caller.thread.clone();
                    let called = if sender.may_lend() {
                        Some(Called::new(&caller.operation, &receive.thread))
                    } else {
                        None
                    };
                    let remains = state.is_received(id, caller, receive.thread.id(), parcel);
                    owed -= 1;
                    state.at_work -= 1;
                    drop(state);
                    settle(sender.process(), receive.process(), remains, chores);
                    if let Some(called) = called {
                        lending::was_received_later(&sender, called);
                    }
                    drop((sender, receive));
                    state = self.lock();
                }
                // The call stays first in the queue, for the next receive.
                reason @ (Offer::TooSmall | Offer::Gone) => {
                    patience -= 1;
                    gone += usize::from(matches!(reason, Offer::Gone));
                    state.queue.push_front(Queued {
                        caller,
                        heading,
                        params,
                        parcel,
                        _charge,
                    });
                    drop(state);
                    drop(receive);
                    state = self.lock();
                }
                Offer::Refused(failure) => {
                    patience -= 1;
                    state.receives.push_front(receive);
                    drop(state);
                    return_to(caller.process(), parcel, chores);
                    caller.operation.fail(failure).either_way();
                    drop(caller);
                    state = self.lock();
                }
            }
        }
        state.at_work -= owed;
    }
}

/// Nothing comes of these receives: whoever posts another sees to it anew.
#[cold]
pub(super) fn fail_all_receives(mut state: Locked<'_>) {
    let receives = core::mem::take(&mut state.receives);
    drop(state);
    abort_all(receives, |receive| &receive.operation);
}

/// Withdraws this process's oldest receive with the user data `target`: two completions, the receive's first.
pub fn cancel(caller: &Caller<'_>, cap: u32, target: u64) -> Outcome {
    let Some(owner) = owner(caller, cap) else {
        return failed(Failure::InvokeFailed);
    };
    let rings = caller.thread.process().rings.lock().clone();
    let found = {
        let mut state = owner.endpoint.state.lock();
        let index = state
            .receives
            .iter()
            .position(|receive| rings.iter().any(|ring| receive.operation.is_of(ring, target)));
        index.and_then(|index| state.receives.remove(index))
    };
    match found {
        Some(receive) if receive.operation.fail(Failure::InvokeFailed).is_yes() => Outcome::DONE,
        _ => failed(Failure::InvalidRequest),
    }
}
