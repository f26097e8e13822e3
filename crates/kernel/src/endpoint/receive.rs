//! A server's receive: takes the oldest waiting call, or waits for one; and its withdrawal.

use alloc::sync::Arc;

use abi::result::Failure;
use abi::validate::Buffer;

use super::delivery::{Offer, Source, give_back, offer, settle};
use super::{Endpoint, Owner, Queued, State};
use crate::call::{Caller, Outcome, check_buffers, failed};
use crate::capability::{Capability, Object};
use crate::ring::operation::WaitPlace;

/// The owner facet that `cap` names, if it names one.
pub(super) fn owner(caller: &Caller<'_>, cap: u32) -> Option<Arc<Owner>> {
    let owner = |capability: &Capability| match &capability.object {
        Object::EndpointOwner(owner) => Some(owner.clone()),
        _ => None,
    };
    caller.thread.process().with_capability(cap, owner)?
}

/// Posts a receive.
pub fn receive(caller: &Caller<'_>, cap: u32, result: Buffer) -> Outcome {
    if let Err(failure) = check_buffers(caller.thread.process(), Buffer { addr: 0, len: 0 }, result) {
        return failed(failure);
    }
    let Some(owner) = owner(caller, cap) else {
        return failed(Failure::InvokeFailed);
    };
    let endpoint = &owner.endpoint;
    let place: Arc<dyn WaitPlace> = endpoint.clone();
    let Ok(operation) = caller.thread.ring.begin(caller.user_data, result, Some(place)) else {
        return failed(Failure::InvokeFailed);
    };
    let mut state = endpoint.state.lock();
    state.receives.push_back(operation);
    if !state.queue.is_empty() {
        endpoint.match_waiting(state);
    }
    Outcome::Pending
}

impl Endpoint {
    /// Delivers waiting calls to waiting receives, oldest to oldest, as long as there are both.
    pub(super) fn match_waiting<'a>(&'a self, mut state: machine::lock::LockGuard<'a, State>) {
        while state.in_flight.len() < self.in_flight_limit
            && !state.receives.is_empty()
            && let Some(queued) = state.queue.pop_front()
        {
            let Queued {
                caller,
                heading,
                params,
                parcel,
            } = queued;
            if !caller.is_live() {
                drop(state);
                give_back(&caller.ring().process, parcel);
                state = self.state.lock();
                continue;
            }
            let Some(receive) = state.receives.pop_front() else {
                return;
            };
            match offer(
                &mut state,
                &receive,
                &caller,
                heading,
                &Source::Kernel(&params),
                &parcel,
            ) {
                Offer::Taken => {
                    drop(state);
                    settle(&caller.ring().process, &receive.ring().process, parcel);
                    state = self.state.lock();
                }
                // The call stays first in the queue, for the next receive.
                Offer::TooSmall => state.queue.push_front(Queued {
                    caller,
                    heading,
                    params,
                    parcel,
                }),
                Offer::TableFull => {
                    state.receives.push_front(receive);
                    drop(state);
                    give_back(&caller.ring().process, parcel);
                    caller.fail(Failure::TransferAborted);
                    state = self.state.lock();
                }
            }
        }
    }
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
            .position(|receive| rings.iter().any(|ring| receive.is_of(ring, target)));
        index.and_then(|index| state.receives.remove(index))
    };
    match found {
        Some(receive) if receive.fail(Failure::InvokeFailed) => Outcome::DONE,
        _ => failed(Failure::InvalidRequest),
    }
}
