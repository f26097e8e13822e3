//! A client's call: straight into a waiting receive, or into the queue.

use alloc::sync::Arc;

use abi::result::Failure;
use abi::validate::Buffer;
use caps::Parcel;

use super::chores::Chores;
use super::delivery::{Offer, Source, offer};
use super::leaving::{return_to, settle};
use super::receive::fail_all_receives;
use super::{Endpoint, Heading, Party, Queued};
use crate::call::{Caller, Outcome, failed};
use crate::capability::Capability;
use crate::context::helping;
use crate::context::lending::{self, Called};
use crate::memory::account::{Cost, zeroed};
use crate::process::thread::Thread;
use crate::ring::operation::WaitPlace;
use crate::ring::serving::MOST_GONE;
use crate::wire::ExceptionKind;

/// Why a call is refused that the kernel cannot keep.
const NO_MEMORY: &str = "no memory to keep the call in the server's queue";
/// What a capability takes in a parcel.
const PARCEL_BYTES: usize = Parcel::<Capability>::BYTES_PER_CAPABILITY;

/// Calls `endpoint`. The buffers were checked.
#[inline(always)]
pub fn call(
    caller: &Caller<'_>,
    endpoint: Arc<Endpoint>,
    heading: Heading,
    params: Buffer,
    result: Buffer,
    parcel: Parcel<Capability>,
) -> Outcome {
    let mut chores = Chores::none();
    let place: Arc<dyn WaitPlace> = endpoint.clone();
    let outcome = match caller.thread.ring.begin(caller.user_data, result, Some(place)) {
        Ok(operation) => {
            let thread = caller.thread;
            let caller = Party {
                operation,
                thread: thread.clone(),
            };
            deliver(&endpoint, thread, caller, heading, params, parcel, &mut chores);
            Outcome::Pending
        }
        Err(_) => {
            return_to(caller.thread.process(), parcel, &mut chores);
            failed(Failure::InvokeFailed)
        }
    };
    chores.finish();
    outcome
}

/// Gives a call to a receive that waits, or queues it behind those that wait for one.
#[inline(always)]
fn deliver(
    endpoint: &Arc<Endpoint>,
    thread: &Arc<Thread>,
    caller: Party,
    heading: Heading,
    params: Buffer,
    mut parcel: Parcel<Capability>,
    chores: &mut Chores,
) {
    let process = thread.process();
    let source = Source::Loaded(&process.space, params);
    let mut state = endpoint.lock();
    // What is posted meanwhile finds this call in the queue.
    let mut tries = state.receives.len();
    let mut gone = 0;
    loop {
        if state.closed {
            drop(state);
            return_to(process, parcel, chores);
            super::disconnect(&caller.operation);
            return;
        }
        if state.in_flight.len() >= endpoint.in_flight_limit {
            drop(state);
            return refuse(&caller, parcel, "the server has too many calls to answer", chores);
        }
        // Behind others that wait, it waits too: who is to bring them together will come to this one as well.
        if tries == 0 || !state.queue.is_empty() {
            break;
        }
        let Some(receive) = state.receives.pop_front() else {
            break;
        };
        tries -= 1;
        match offer(&mut state, &receive, heading, &source, &parcel) {
            Offer::Taken(id) => {
                let called = if thread.may_lend() {
                    Some(Called::new(&caller.operation, &receive.thread))
                } else {
                    None
                };
                let remains = state.is_received(id, caller, receive.thread.id(), parcel);
                drop(state);
                settle(process, receive.process(), remains, chores);
                if let Some(called) = called {
                    lending::was_received(thread, called);
                }
                return;
            }
            reason @ (Offer::TooSmall | Offer::Gone) => {
                gone += usize::from(matches!(reason, Offer::Gone));
                if gone == MOST_GONE {
                    fail_all_receives(state);
                    tries = 0;
                } else {
                    drop(state);
                }
                drop(receive);
                state = endpoint.lock();
            }
            Offer::Refused(failure) => {
                state.receives.push_front(receive);
                drop(state);
                return_to(process, parcel, chores);
                caller.operation.fail(failure).either_way();
                return;
            }
        }
    }
    if state.queue.len() >= endpoint.queue_limit {
        drop(state);
        return refuse(&caller, parcel, "the server's queue is full", chores);
    }
    if state.queue.room_for_one_more(&process.account).is_err() {
        drop(state);
        return refuse(&caller, parcel, NO_MEMORY, chores);
    }
    if !parcel.is_empty() && process.capabilities.lock().park(&mut parcel).is_err() {
        drop(state);
        return refuse(
            &caller,
            parcel,
            "more capabilities under way than this process may hold",
            chores,
        );
    }
    let bytes = params.len as usize + parcel.len() * PARCEL_BYTES;
    let kept = process.account.charge(Cost::heap(bytes));
    let Ok((charge, mut copy)) = kept.and_then(|charge| Ok((charge, zeroed(params.len as usize)?))) else {
        drop(state);
        return refuse(&caller, parcel, NO_MEMORY, chores);
    };
    if process.space.read_here(params.addr, &mut copy).is_err() {
        drop(state);
        return_to(process, parcel, chores);
        caller.operation.fail(Failure::InvalidParams).either_way();
        return;
    }
    let waits_for = if thread.may_lend() {
        Some((caller.operation.clone(), state.servers()))
    } else {
        None
    };
    state.queue.push_back(Queued {
        caller,
        heading,
        params: copy,
        parcel,
        _charge: charge,
    });
    chores.see_to(endpoint, &mut state);
    drop(state);
    if let Some((operation, servers)) = waits_for {
        helping::waits_behind(thread, &operation, servers.into_iter().flatten());
    }
}

fn refuse(caller: &Party, parcel: Parcel<Capability>, why: &str, chores: &mut Chores) {
    return_to(caller.process(), parcel, chores);
    caller
        .operation
        .complete_exception(ExceptionKind::Overloaded, why)
        .either_way();
}
