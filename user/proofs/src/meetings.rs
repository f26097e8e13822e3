//! P8, P18: an endpoint keeps its books. So many calls may be in flight and not one more; an answer makes room for the call that waits for
//! it, and only who received a call gives it; who lets go of its facet, or ends, leaves nothing in the lists; and a badge
//! arrives as it was given, to its last bit.

use alloc::vec::Vec;

use abi::layout::PAGE_SIZE;
use abi::limits::default_profile::{ENDPOINT_QUEUE, IN_FLIGHT_CALLS};
use abi::result::Failure;
use abi::ring::{Cqe, Opcode, Sqe};
use rt::cap::release;
use rt::endpoint::Endpoint;
use rt::hostile::{Started, start, submit};
use rt::memory::{Protection, VirtualMemory};
use rt::process::{Grant, ProcessSpawner};
use rt::{Client, Env, Error};

use crate::tools::{PATIENCE_NS, Wrong};
use crate::{child, ensure};

/// What children know the endpoint by.
const SERVICE: &str = "service";
/// A badge with both ends of its word.
const BADGE: u64 = 0xfedc_ba98_7654_3211;
/// Bytes for a message.
const ROOM: u64 = 128;
/// Numbers of calls that an impostor tries.
const TRIED: u32 = 200;
/// What a child answers whose call or answer was not taken as it should be.
const NOT_AS_IT_SHOULD_BE: i64 = 7;

/// The proof.
pub fn prove(env: &Env) -> Result<(), Wrong> {
    let endpoint: Endpoint = env.first()?;
    let memory: VirtualMemory = env.first()?;
    let ground = Ground {
        id: endpoint.cap().id(),
        room: memory.map(0, 4 * PAGE_SIZE, Protection::ReadWrite)?,
    };
    a_badge_arrives_whole(env, &endpoint)?;
    as_many_are_in_flight_as_may_be(&ground)?;
    only_the_receiver_answers(env, &ground, &endpoint)?;
    who_lets_go_ends_what_it_received(env, &ground, &endpoint)?;
    who_ends_leaves_the_queue(env, &ground, &endpoint)
}

/// The endpoint, and memory for messages.
struct Ground {
    id: u32,
    room: u64,
}

impl Ground {
    fn call(&self) -> Sqe {
        Sqe {
            opcode: Opcode::Call as u8,
            cap_id: self.id,
            result_addr: self.room,
            result_len: ROOM as u32,
            ..Sqe::default()
        }
    }

    fn receive(&self) -> Sqe {
        Sqe {
            opcode: Opcode::Recv as u8,
            cap_id: self.id,
            result_addr: self.room + ROOM,
            result_len: ROOM as u32,
            ..Sqe::default()
        }
    }

    fn answer(&self, call: u32) -> Sqe {
        Sqe {
            opcode: Opcode::Return as u8,
            cap_id: self.id,
            call_id: call,
            ..Sqe::default()
        }
    }

    /// Receives a call: its number.
    fn received(&self) -> Result<u32, Wrong> {
        let arrived = submit(self.receive(), PATIENCE_NS).ok_or(Error::Malformed)?;
        ensure!(arrived.result >= 0, "a receive ended with {}", arrived.result);
        Ok(arrived.call_id)
    }

    fn answers(&self, call: u32) -> Result<(), Wrong> {
        let answered = submit(self.answer(call), PATIENCE_NS).ok_or(Error::Malformed)?;
        ensure!(
            answered.result == 0,
            "the answer to call {call} was refused with {}",
            answered.result
        );
        Ok(())
    }
}

fn begin(sqe: Sqe) -> Result<Started, Error> {
    start(sqe).ok_or(Error::Malformed)
}

fn end(started: Started, what: &str) -> Result<Cqe, Wrong> {
    let Some(completion) = started.finish(PATIENCE_NS) else {
        return Err(Wrong::Seen(alloc::format!("{what} never ended")));
    };
    Ok(completion)
}

fn a_badge_arrives_whole(env: &Env, endpoint: &Endpoint) -> Result<(), Wrong> {
    let spawner: ProcessSpawner = env.first()?;
    let grants = [Grant::client_of(SERVICE, endpoint, BADGE)];
    let caller = child::start_with(&spawner, "calls", &[], grants)?;
    let mut buffer = [0; ROOM as usize];
    let received = endpoint.receive(&mut buffer)?;
    let (call, badge) = (received.call_id, received.badge);
    endpoint.reply(call, &[])?;
    let code = caller.handle.wait()?;
    ensure!(
        badge == BADGE && code == 0,
        "the badge {BADGE:#x} arrived as {badge:#x}, and its caller ended with {code}"
    );
    Ok(())
}

fn as_many_are_in_flight_as_may_be(ground: &Ground) -> Result<(), Wrong> {
    // One more than may be in flight waits, and one receive beside it.
    let mut calls = (0..=IN_FLIGHT_CALLS)
        .map(|_| begin(ground.call()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut numbers = (0..IN_FLIGHT_CALLS)
        .map(|_| ground.received())
        .collect::<Result<Vec<_>, _>>()?;
    let next = begin(ground.receive())?;
    let refused = submit(ground.call(), 0).map(|completion| completion.result);
    ensure!(
        refused == Some(Failure::ApplicationException.code()),
        "with {IN_FLIGHT_CALLS} calls in flight another one was answered with {refused:?}"
    );
    // Room for it: now the two meet.
    ground.answers(numbers.swap_remove(0))?;
    let arrived = end(next, "a receive beside a waiting call")?;
    ensure!(arrived.result >= 0, "a receive ended with {}", arrived.result);
    numbers.push(arrived.call_id);
    for number in numbers {
        ground.answers(number)?;
    }
    for call in calls.drain(..) {
        let result = end(call, "an answered call")?.result;
        ensure!(result == 0, "an answered call ended with {result}");
    }
    Ok(())
}

fn only_the_receiver_answers(env: &Env, ground: &Ground, endpoint: &Endpoint) -> Result<(), Wrong> {
    let spawner: ProcessSpawner = env.first()?;
    let call = begin(ground.call())?;
    let number = ground.received()?;
    ensure!(number < TRIED, "calls are numbered up to {number} already");
    let impostor = child::start_with(&spawner, "answers", &[], [Grant::copy(SERVICE, endpoint)])?;
    let code = impostor.handle.wait()?;
    ensure!(
        code == 0,
        "a process answered a call that another one had received"
    );
    ground.answers(number)?;
    let result = end(call, "an answered call")?.result;
    ensure!(result == 0, "an answered call ended with {result}");
    Ok(())
}

fn who_lets_go_ends_what_it_received(env: &Env, ground: &Ground, endpoint: &Endpoint) -> Result<(), Wrong> {
    let spawner: ProcessSpawner = env.first()?;
    let server = child::start_with(&spawner, "lets-go", &[], [Grant::copy(SERVICE, endpoint)])?;
    let call = begin(ground.call())?;
    let result = end(call, "a call whose receiver has let go")?.result;
    ensure!(
        result == Failure::ApplicationException.code(),
        "a call whose receiver has let go ended with {result}"
    );
    server.handle.terminate()?;
    server.handle.wait()?;
    Ok(())
}

fn who_ends_leaves_the_queue(env: &Env, ground: &Ground, endpoint: &Endpoint) -> Result<(), Wrong> {
    let spawner: ProcessSpawner = env.first()?;
    for _ in 0..=ENDPOINT_QUEUE {
        let grants = [Grant::client_of(SERVICE, endpoint, 0)];
        let caller = child::start_with(&spawner, "calls-and-ends", &[], grants)?;
        let code = caller.handle.wait()?;
        ensure!(code == 0, "a caller whose call should wait ended with {code}");
    }
    let call = begin(ground.call())?;
    ground.answers(ground.received()?)?;
    let result = end(call, "a call after those of the dead")?.result;
    ensure!(result == 0, "a call after those of the dead ended with {result}");
    Ok(())
}

/// What a child does with its facet.
fn childs(env: &Env) -> Result<Ground, Error> {
    let (service, memory): (Endpoint, VirtualMemory) = (env.get(SERVICE)?, env.first()?);
    Ok(Ground {
        id: service.cap().id(),
        room: memory.map(0, PAGE_SIZE, Protection::ReadWrite)?,
    })
}

/// The child's part: has the right to call and no other; calls once, and ends when it was answered.
pub fn call(env: &Env) -> Result<i64, Error> {
    let ground = childs(env)?;
    let received = submit(ground.receive(), 0).map(|completion| completion.result);
    if received != Some(Failure::InvokeFailed.code()) {
        return Ok(NOT_AS_IT_SHOULD_BE);
    }
    let answer = submit(ground.call(), PATIENCE_NS).map(|completion| completion.result);
    Ok(if answer == Some(0) { 0 } else { NOT_AS_IT_SHOULD_BE })
}

/// The child's part: calls once, and ends while the call waits.
pub fn call_and_end(env: &Env) -> Result<i64, Error> {
    let answer = submit(childs(env)?.call(), 0);
    Ok(if answer.is_none() { 0 } else { NOT_AS_IT_SHOULD_BE })
}

/// The child's part: answers calls that it has not received.
pub fn answer_what_others_received(env: &Env) -> Result<i64, Error> {
    let ground = childs(env)?;
    for number in 0..TRIED {
        let answer = submit(ground.answer(number), PATIENCE_NS).map(|completion| completion.result);
        if answer != Some(Failure::InvalidRequest.code()) {
            return Ok(NOT_AS_IT_SHOULD_BE);
        }
    }
    Ok(0)
}

/// The child's part: receives a call, lets go of the right to answer, and stays.
pub fn let_go(env: &Env) -> Result<i64, Error> {
    let ground = childs(env)?;
    if submit(ground.receive(), PATIENCE_NS).is_none_or(|arrived| arrived.result < 0) {
        return Ok(NOT_AS_IT_SHOULD_BE);
    }
    release(ground.id)?;
    rt::nap(u64::MAX);
    Ok(0)
}
