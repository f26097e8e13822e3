//! Calls to a process that serves them, by its endpoint, with or without CPU time of its own. For empty messages the client enters the kernel once per call,
//! and the server once: it answers one call and receives the next in the same entry.

use abi::endpoint::HEADER_BYTES;
use rt::cap::Client;
use rt::endpoint::Endpoint;
use rt::message::Aligned;
use rt::process::{Grant, ProcessHandle};
use rt::raw::{Operation, with_ring};
use rt::{Env, Error};
use workloads::calls::piece_of_work;
use workloads::system::{Budget, Calls, Link, Service};

use crate::budgets;
use crate::processes::{SERVICE, spawn, stop};
use crate::system::Sundial;

/// Parts of this program that serve.
const EMPTY: &str = "serve-empty";
const EMPTY_IN_CONTEXT: &str = "serve-empty-in-context";
const WORK: &str = "serve-work";

/// A serving process' name for its context.
const TIME: &str = "time";

/// Methods of a serving process: a piece of work, and its process id.
const PIECE: u16 = 0;
const WHO: u16 = 2;

/// Runs a serving part: its exit code, or `None` when `part` is none.
pub fn serve_part(env: &Env, part: &str) -> Option<i64> {
    let served = match part {
        EMPTY => serve_empty(env),
        EMPTY_IN_CONTEXT => env
            .get(TIME)
            .and_then(|time| budgets::bind(&time))
            .and_then(|()| serve_empty(env)),
        WORK => serve_work(env),
        _ => return None,
    };
    Some(served.map_or(1, |()| 0))
}

/// Answers empty calls with nothing, until one that is not empty.
fn serve_empty(env: &Env) -> Result<(), Error> {
    let service: Endpoint = env.get(SERVICE)?;
    let mut buffer = Aligned::<{ HEADER_BYTES + 8 }>::zeroed();
    with_ring(|ring| {
        let receive = Operation::receive(&service, &mut buffer.0);
        let mut call = ring.perform(&receive);
        while call.result == HEADER_BYTES as i32 {
            ring.submit(&Operation::answer(&service, call.call_id, &[]));
            ring.submit(&receive);
            ring.enter(2);
            let answered = ring.completion();
            match (answered, ring.completion()) {
                (Some(_), Some(next)) => call = next,
                _ => return,
            }
        }
        ring.perform(&Operation::answer(&service, call.call_id, &[]));
    });
    Ok(())
}

/// Answers words, each with a piece of work.
fn serve_work(env: &Env) -> Result<(), Error> {
    let service: Endpoint = env.get(SERVICE)?;
    let mut buffer = Aligned::<{ HEADER_BYTES + 16 }>::zeroed();
    let mut call = service.receive(&mut buffer.0)?;
    loop {
        let answer = match call.header.method_id {
            PIECE => piece_of_work(word(call.params)?),
            WHO => env.pid(),
            _ => return service.reply(call.call_id, &[]),
        };
        call = service.reply_and_receive(call.call_id, &answer.to_le_bytes(), &mut buffer.0)?;
    }
}

fn word(bytes: &[u8]) -> Result<u64, Error> {
    let bytes = bytes.try_into().map_err(|_| Error::Malformed)?;
    Ok(u64::from_le_bytes(bytes))
}

/// A client's end: the serving process and its endpoint.
pub struct Connection {
    handle: ProcessHandle,
    service: Endpoint,
    kind: Service,
}

/// Calls go over endpoints. The serving thread may have CPU time of its own, for empty calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It has none, and is lent its caller's, if that has any.
    WithoutContext,
    /// It has this much.
    InContext(Budget),
}

impl Calls for Sundial {
    type Way = Way;
    type Link = Connection;

    fn best_way(&self) -> Way {
        Way::WithoutContext
    }

    fn connect(&self, way: Way, kind: Service) -> Result<Connection, Error> {
        let time = match way {
            Way::WithoutContext => None,
            Way::InContext(budget) => Some(budgets::make(&self.0, budget)?),
        };
        let part = match (kind, &time) {
            (Service::Empty, None) => EMPTY,
            (Service::Empty, Some(_)) => EMPTY_IN_CONTEXT,
            (Service::Work, _) => WORK,
        };
        let grants = time.iter().map(|time| Grant::give(TIME, time)).collect();
        let (handle, service) = spawn(&self.0, part, grants)?;
        Ok(Connection {
            handle,
            service,
            kind,
        })
    }
}

impl Connection {
    fn ask(&self, method: u16, params: &[u8]) -> Result<u64, Error> {
        let mut room = Aligned::<8>::zeroed();
        word(self.service.call(method, params, &mut room.0)?.payload())
    }
}

impl Link for Connection {
    type Error = Error;

    #[inline]
    fn empty_calls(&mut self, count: u64) -> Result<u64, Error> {
        let call = Operation::call(self.service.cap().method(0), &[], &mut []);
        let mut wrong = 0;
        with_ring(|ring| {
            for _ in 0..count {
                wrong += u64::from(ring.perform(&call).result != 0);
            }
        });
        Ok(wrong)
    }

    fn call(&mut self, request: u64) -> Result<u64, Error> {
        self.ask(PIECE, &request.to_le_bytes())
    }

    fn server(&mut self) -> Result<u32, Error> {
        Ok(self.ask(WHO, &[])? as u32)
    }

    fn end(self) -> Result<u64, Error> {
        match self.kind {
            Service::Empty => {
                let last = Operation::call(self.service.cap().method(0), &[1], &mut []);
                with_ring(|ring| ring.perform(&last));
            }
            Service::Work => stop(&self.service)?,
        }
        Ok(self.handle.wait()?.unsigned_abs())
    }
}
