//! A server's answer to a call it received.

use abi::result::Failure;
use abi::ring::Cqe;
use abi::validate::Buffer;
use caps::Parcel;

use super::chores::Chores;
use super::delivery::{Source, Undelivered, put, tell};
use super::leaving::{return_to, settle, take_from_sender};
use super::receive::owner;
use super::{InFlight, Owner, Party};
use crate::call::{Caller, Outcome, Transfers, check_buffers, failed};
use crate::capability::Capability;
use crate::process::Process;

/// Answers call `id`: with a payload and perhaps capabilities, or, if `exception`, with an encoded exception.
#[inline(always)]
pub fn answer(
    caller: &Caller<'_>,
    cap: u32,
    id: u32,
    payload: Buffer,
    transfers: u16,
    exception: bool,
) -> Outcome {
    let server = caller.thread.process();
    if let Err(failure) = check_buffers(server, payload, Buffer { addr: 0, len: 0 }) {
        return failed(failure);
    }
    let transfers = match Transfers::locate(server, payload, transfers) {
        Ok(transfers) => transfers,
        Err(failure) => return failed(failure),
    };
    let Some(owner) = owner(caller, cap) else {
        return failed(Failure::InvokeFailed);
    };
    let parcel = match transfers.stage(server) {
        Ok(parcel) => parcel,
        Err(failure) => return failed(failure),
    };
    let mut chores = Chores::none();
    let answered = answer_call(server, &owner, id, payload, parcel, exception, &mut chores);
    chores.finish();
    match answered {
        Ok(()) => Outcome::DONE,
        Err(failure) => failed(failure),
    }
}

/// The answer itself. When it fails, the server keeps everything, and the caller, if it still waited, was told.
#[inline(always)]
fn answer_call(
    server: &Process,
    owner: &Owner,
    id: u32,
    payload: Buffer,
    parcel: Parcel<Capability>,
    exception: bool,
    chores: &mut Chores,
) -> Result<(), Failure> {
    let endpoint = &owner.endpoint;
    let mut state = endpoint.lock();
    let found = state
        .in_flight
        .iter()
        .position(|call| call.id == id && call.receiver() == server.pid);
    let Some(found) = found else {
        drop(state);
        return_to(server, parcel, chores);
        return Err(Failure::InvalidRequest);
    };
    let told = tell_caller(
        server,
        &state.in_flight[found].caller,
        payload,
        &parcel,
        exception,
    );
    let InFlight { caller: client, .. } = state.in_flight.swap_remove(found);
    // Room for another call in flight: one may be waiting for it.
    chores.see_to(endpoint, &mut state);
    drop(state);
    match told {
        Ok(Answered::Whole) => {
            let remains = take_from_sender(server, parcel);
            settle(server, client.process(), remains, chores);
        }
        Ok(Answered::WithoutDetail) => return_to(server, parcel, chores),
        Err(failure) => {
            return_to(server, parcel, chores);
            return Err(failure);
        }
    }
    Ok(())
}

/// What a caller was told.
enum Answered {
    /// The answer, with its capabilities.
    Whole,
    /// That there is an exception, for which it has no room.
    WithoutDetail,
}

/// Puts the answer where the caller wants it, and tells it.
#[inline(always)]
fn tell_caller(
    server: &Process,
    client: &Party,
    payload: Buffer,
    parcel: &Parcel<Capability>,
    exception: bool,
) -> Result<Answered, Failure> {
    let Some(claim) = client.operation.claim() else {
        return Err(Failure::TransferAborted);
    };
    let source = Source::Loaded(&server.space, payload);
    let mut received = None;
    let failure = match put(
        client.process(),
        claim.result(),
        None,
        &source,
        parcel,
        &mut received,
    ) {
        Ok(bytes) => {
            let result = if exception {
                Failure::ApplicationException.code()
            } else {
                bytes as i32
            };
            let completion = Cqe::plain(0, result).with_records(parcel.len() as u16);
            // Nothing is given away before the caller has been told of it: it may be ending.
            return if tell(claim, client.process(), completion, &mut received).is_yes() {
                Ok(Answered::Whole)
            } else {
                Err(Failure::TransferAborted)
            };
        }
        Err(_) if exception => {
            return if claim.fail(Failure::ApplicationExceptionNoDetail).is_yes() {
                Ok(Answered::WithoutDetail)
            } else {
                Err(Failure::TransferAborted)
            };
        }
        Err(Undelivered::TooSmall | Undelivered::Gone | Undelivered::Source) => Failure::InvalidResult,
        Err(Undelivered::Table) => Failure::TransferAborted,
    };
    claim.fail(failure).either_way();
    Err(Failure::TransferAborted)
}
