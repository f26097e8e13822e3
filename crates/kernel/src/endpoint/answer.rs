//! A server's answer to a call it received.

use abi::result::Failure;
use abi::ring::Cqe;
use abi::validate::Buffer;

use super::delivery::{Source, Undelivered, give_back, put, settle};
use super::receive::owner;
use crate::call::{Caller, Outcome, Transfers, check_buffers, failed};

/// Answers call `id`: with a payload and perhaps capabilities, or, if `exception`, with an encoded exception.
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
    let mut state = owner.endpoint.state.lock();
    let found = state
        .in_flight
        .iter()
        .position(|call| call.id == id && call.receiver == server.pid);
    let Some(found) = found else {
        drop(state);
        give_back(server, parcel);
        return failed(Failure::InvalidRequest);
    };
    let client = state.in_flight.swap_remove(found).caller;
    // Room for another call in flight: one may be waiting for it.
    if state.queue.is_empty() {
        drop(state);
    } else {
        owner.endpoint.match_waiting(state);
    }
    let Some(buffer) = client.result() else {
        give_back(server, parcel);
        return failed(Failure::TransferAborted);
    };
    let receiver = &client.ring().process;
    let source = Source::Loaded(&server.space, payload);
    match put(receiver, buffer, None, &source, &parcel, &mut None) {
        Ok(bytes) => {
            let result = if exception {
                Failure::ApplicationException.code()
            } else {
                bytes as i32
            };
            let cap_count = parcel.len() as u16;
            settle(server, receiver, parcel);
            client.complete(Cqe::plain(0, result).with_records(cap_count));
            Outcome::DONE
        }
        Err(reason) => {
            give_back(server, parcel);
            if exception {
                client.fail(Failure::ApplicationExceptionNoDetail);
                return Outcome::DONE;
            }
            client.fail(match reason {
                Undelivered::Buffer => Failure::InvalidResult,
                Undelivered::Table => Failure::TransferAborted,
            });
            failed(Failure::TransferAborted)
        }
    }
}
