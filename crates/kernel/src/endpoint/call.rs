//! A client's call: straight into a waiting receive, or into the queue.

use alloc::sync::Arc;
use alloc::vec;

use abi::result::Failure;
use abi::validate::Buffer;
use caps::Parcel;

use super::delivery::{Offer, Source, give_back, offer, settle};
use super::{Endpoint, Heading, Queued};
use crate::call::{Caller, Outcome, failed};
use crate::capability::Capability;
use crate::memory::commitment;
use crate::ring::operation::{Operation, WaitPlace};
use crate::wire::ExceptionKind;

/// Calls `endpoint`. The buffers were checked.
pub fn call(
    caller: &Caller<'_>,
    endpoint: Arc<Endpoint>,
    heading: Heading,
    params: Buffer,
    result: Buffer,
    parcel: Parcel<Capability>,
) -> Outcome {
    let place: Arc<dyn WaitPlace> = endpoint.clone();
    let process = caller.thread.process();
    let operation = match caller.thread.ring.begin(caller.user_data, result, Some(place)) {
        Ok(operation) => operation,
        Err(_) => {
            give_back(process, parcel);
            return failed(Failure::InvokeFailed);
        }
    };
    let source = Source::Loaded(&process.space, params);
    let mut state = endpoint.state.lock();
    if state.closed {
        drop(state);
        give_back(process, parcel);
        super::disconnect(&operation);
        return Outcome::Pending;
    }
    if state.in_flight.len() >= endpoint.in_flight_limit {
        drop(state);
        return refuse(&operation, parcel, "the server has too many calls to answer");
    }
    while let Some(receive) = state.receives.pop_front() {
        match offer(&mut state, &receive, &operation, heading, &source, &parcel) {
            Offer::Taken => {
                drop(state);
                settle(process, &receive.ring().process, parcel);
                return Outcome::Pending;
            }
            Offer::TooSmall => {}
            Offer::TableFull => {
                state.receives.push_front(receive);
                drop(state);
                give_back(process, parcel);
                operation.fail(Failure::TransferAborted);
                return Outcome::Pending;
            }
        }
    }
    if state.queue.len() >= endpoint.queue_limit || !commitment::has_room_for_objects() {
        drop(state);
        return refuse(&operation, parcel, "the server's queue is full");
    }
    let mut copy = vec![0; params.len as usize];
    if process.space.read_here(params.addr, &mut copy).is_err() {
        drop(state);
        give_back(process, parcel);
        operation.fail(Failure::InvalidParams);
        return Outcome::Pending;
    }
    state.queue.push_back(Queued {
        caller: operation,
        heading,
        params: copy,
        parcel,
    });
    Outcome::Pending
}

fn refuse(operation: &Operation, parcel: Parcel<Capability>, why: &str) -> Outcome {
    give_back(&operation.ring().process, parcel);
    operation.complete_exception(ExceptionKind::Overloaded, why);
    Outcome::Pending
}
