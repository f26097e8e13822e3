//! Both sides of an endpoint in one program: calls, receives and answers, over endpoints by the names of their
//! capabilities.

use crate::bench::{Bench, Failure, Outcome};
use alloc::format;
use alloc::vec;
use capos::{CallId, CompletedCall};

/// Receives on the endpoint called `name`, with room for `room` bytes.
pub fn receive(bench: &mut Bench<'_>, name: &str, room: usize) -> Outcome<CallId> {
    let endpoint = bench.cap(name)?;
    Ok(bench.ring.submit_endpoint_recv(endpoint, vec![0; room].into())?)
}

/// Calls the endpoint called `name`, with room for `room` bytes of answer.
pub fn send(bench: &mut Bench<'_>, name: &str, method: u16, params: &[u8], room: usize) -> Outcome<CallId> {
    let endpoint = bench.cap(name)?;
    Ok(bench
        .ring
        .submit_call(endpoint, method, params.into(), vec![0; room].into())?)
}

/// Answers an open call; the value is the answer's own result.
pub fn reply(bench: &mut Bench<'_>, name: &str, call: u32, answer: &[u8]) -> Outcome<i32> {
    let endpoint = bench.cap(name)?;
    let submitted = bench.ring.submit_endpoint_return(endpoint, call, answer.into())?;
    Ok(wait(bench, submitted)?.cqe().result)
}

/// Waits for a completion.
pub fn wait(bench: &mut Bench<'_>, call: CallId) -> Outcome<CompletedCall> {
    Ok(bench.ring.wait(call, u64::MAX)?)
}

/// The open call that a receive brought.
pub fn message(completion: &CompletedCall) -> Outcome<capos::ring::EndpointMessage<'_>> {
    completion
        .endpoint_message()
        .map_err(|error| Failure(format!("a receive with {}: {error:?}", completion.cqe().result)))
}

/// One call that is answered by `answer`; the caller's completion.
pub fn exchange(
    bench: &mut Bench<'_>,
    room: usize,
    answer: impl FnOnce(&mut Bench<'_>, u32) -> Outcome,
) -> Outcome<CompletedCall> {
    let receiving = receive(bench, "service", 256)?;
    let calling = send(bench, "service", 5, b"?", room)?;
    let received = wait(bench, receiving)?;
    let call = message(&received)?.call_id;
    answer(bench, call)?;
    wait(bench, calling)
}
