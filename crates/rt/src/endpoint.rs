//! Endpoints: calls from one process to another, with messages the kernel does not look into.

use abi::endpoint::{HEADER_BYTES, Header};
use abi::ring::{Cqe, Opcode, Sqe, sqe_flags};
use abi::transfer::RECORD_BYTES;

use crate::cap::{Client, client};
use crate::error::{Error, Kind};
use crate::lane::Lane;
use crate::message::encode;
use crate::pending::{Reply, call};
use crate::thread_block::with_lane;

client! {
    /// An endpoint: its owner receives and answers, its clients call.
    Endpoint, ENDPOINT
}

/// A call that arrived.
pub struct Received<'a> {
    /// Names the call in the answer.
    pub call_id: u32,
    /// Badge of the facet it came through.
    pub badge: u64,
    /// Which method of which interface, and who called.
    pub header: Header,
    /// The caller's message.
    pub params: &'a [u8],
    /// Capabilities that came along, as records.
    pub records: &'a [u8],
}

impl Endpoint {
    /// Calls `method` and waits for the answer, which goes to `result`.
    pub fn call<'a>(&self, method: u16, params: &[u8], result: &'a mut [u8]) -> Result<Reply<'a>, Error> {
        call(self.cap().method(method), params, result)
    }

    /// Waits for a call. `buffer` takes its header and message.
    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> Result<Received<'a>, Error> {
        let cqe = with_lane(|lane| {
            // SAFETY: `buffer` is borrowed until this returns, and `wait` returns only with the completion.
            let ticket = unsafe { lane.submit(self.receive_sqe(buffer)) }?;
            Ok::<_, Error>(lane.wait(ticket))
        })?;
        received(&cqe, buffer)
    }

    /// Answers a call.
    pub fn reply(&self, call_id: u32, payload: &[u8]) -> Result<(), Error> {
        self.finish(self.return_sqe(call_id, payload))
    }

    /// Answers a call with an exception.
    pub fn reply_exception(&self, call_id: u32, kind: Kind, text: &str) -> Result<(), Error> {
        let payload = encode::<schema_gen::system::cap_exception::Owned>(|mut exception| {
            if let Ok(kind) = schema_gen::system::ExceptionType::try_from(kind.to_wire()) {
                exception.set_type(kind);
            }
            exception.set_message(text);
        });
        let mut sqe = self.return_sqe(call_id, &payload);
        sqe.flags = sqe_flags::RETURN_APPLICATION_EXCEPTION;
        self.finish(sqe)
    }

    /// Sends an answer whose payload is borrowed by the caller of this function.
    fn finish(&self, sqe: Sqe) -> Result<(), Error> {
        let cqe = with_lane(|lane| {
            // SAFETY: both callers hold the payload until this returns, with the completion.
            let ticket = unsafe { lane.submit(sqe) }?;
            Ok::<_, Error>(lane.wait(ticket))
        })?;
        if cqe.result < 0 {
            Err(cqe.result.into())
        } else {
            Ok(())
        }
    }

    /// Answers a call and waits for the next one, in a single entry into the kernel. `payload` must not lie in
    /// `buffer`, and cannot: one is borrowed shared and the other uniquely.
    pub fn reply_and_receive<'a>(
        &self,
        call_id: u32,
        payload: &[u8],
        buffer: &'a mut [u8],
    ) -> Result<Received<'a>, Error> {
        let answer = self.return_sqe(call_id, payload);
        let next = self.receive_sqe(buffer);
        let (answered, arrived) = with_lane(|lane: &mut Lane| {
            // SAFETY: `payload` and `buffer` are borrowed until this returns; if the second submission fails,
            // the first is waited for before that.
            unsafe {
                let answered = lane.submit(answer)?;
                match lane.submit(next) {
                    Ok(arrived) => Ok(lane.wait_both(answered, arrived)),
                    Err(full) => {
                        lane.wait(answered);
                        Err(Error::from(full))
                    }
                }
            }
        })?;
        // A caller that is gone by now is no reason to miss the next one.
        let _ = answered;
        received(&arrived, buffer)
    }

    fn receive_sqe(&self, buffer: &mut [u8]) -> Sqe {
        Sqe {
            opcode: Opcode::Recv as u8,
            cap_id: self.cap().id(),
            result_addr: buffer.as_mut_ptr() as u64,
            result_len: buffer.len() as u32,
            ..Sqe::default()
        }
    }

    fn return_sqe(&self, call_id: u32, payload: &[u8]) -> Sqe {
        Sqe {
            opcode: Opcode::Return as u8,
            cap_id: self.cap().id(),
            call_id,
            addr: payload.as_ptr() as u64,
            len: payload.len() as u32,
            ..Sqe::default()
        }
    }
}

fn received<'a>(cqe: &Cqe, buffer: &'a [u8]) -> Result<Received<'a>, Error> {
    if cqe.result < 0 {
        return Err(cqe.result.into());
    }
    let (header, rest) = buffer
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(Error::Malformed)?;
    let header = Header::decode(header);
    let (params, rest) = rest
        .split_at_checked(header.params_len as usize)
        .ok_or(Error::Malformed)?;
    let records = rest
        .get(..usize::from(cqe.cap_count) * RECORD_BYTES)
        .ok_or(Error::Malformed)?;
    Ok(Received {
        call_id: cqe.call_id,
        badge: cqe.badge,
        header,
        params,
        records,
    })
}
