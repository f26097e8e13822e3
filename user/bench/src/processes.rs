//! Processes: a part of this program in a process of its own, which answers its parent's questions on an endpoint.

use alloc::vec::Vec;

use abi::endpoint::HEADER_BYTES;
use rt::cap::Client;
use rt::endpoint::Endpoint;
use rt::env::OUTPUT;
use rt::message::Aligned;
use rt::pending::{Pending, Reply};
use rt::process::{Grant, KernelSource, ProcessHandle, ProcessSpawner};
use rt::{Env, Error};
use workloads::system::{Child, Processes, Words};

use crate::PART;
use crate::system::Sundial;

/// The manifest's names for this program and for the one that does nothing.
const BINARY: &str = "bench";
const NOTHING: &str = "bench-nothing";

/// A child's name for the endpoint on which it is asked and called.
pub(crate) const SERVICE: &str = "service";

/// Method of a question; a call of any other method says that that was all.
const ASK: u16 = 0;
pub(crate) const STOP: u16 = 1;

const WORDS_BYTES: usize = size_of::<Words>();

/// Starts a process that runs a part of this program, with what else that is granted: its handle, and a client of its endpoint.
pub(crate) fn spawn(
    env: &Env,
    part: &str,
    mut grants: Vec<Grant>,
) -> Result<(ProcessHandle, Endpoint), Error> {
    let spawner: ProcessSpawner = env.first()?;
    grants.extend([
        Grant::kernel(SERVICE, KernelSource::Endpoint),
        Grant::kernel("memory", KernelSource::VirtualMemory),
    ]);
    // The child panics into the same output, if it does.
    if let Some(output) = env.capabilities().find(|entry| entry.name == "console") {
        grants.push(Grant::copy_entry(OUTPUT, &output));
    }
    let child = rt::child::start(&spawner, part, BINARY, [PART, part], grants)?;
    let service = child.endpoints.into_iter().next().ok_or(Error::Malformed)?;
    Ok((child.handle, service))
}

/// Starts a program that does nothing and waits for it: whether it said so.
pub(crate) fn life(env: &Env, binary: &str) -> Result<bool, Error> {
    let spawner: ProcessSpawner = env.first()?;
    let child = spawner.spawn("nothing", binary, &[])?;
    Ok(child.handle.wait()? == 0)
}

/// A process that runs a part of this program.
pub struct Part {
    handle: ProcessHandle,
    service: Endpoint,
    asked: Option<Pending<Words>>,
}

impl Processes for Sundial {
    type Child = Part;

    fn start(&self, part: &str) -> Result<Part, Error> {
        let (handle, service) = spawn(&self.0, part, Vec::new())?;
        Ok(Part {
            handle,
            service,
            asked: None,
        })
    }

    fn serve(&self, mut answer: impl FnMut(Words) -> Words) -> Result<(), Error> {
        let service: Endpoint = self.0.get(SERVICE)?;
        let mut buffer = Aligned::<{ HEADER_BYTES + WORDS_BYTES + 8 }>::zeroed();
        let mut call = service.receive(&mut buffer.0)?;
        while call.header.method_id == ASK {
            let words = answer(words(call.params)?);
            call = service.reply_and_receive(call.call_id, &bytes(words), &mut buffer.0)?;
        }
        service.reply(call.call_id, &[])
    }

    fn process_life(&self) -> Result<bool, Error> {
        life(&self.0, NOTHING)
    }
}

impl Child for Part {
    type Error = Error;

    fn ask(&mut self, question: Words) -> Result<(), Error> {
        let target = self.service.cap().method(ASK);
        let read = |reply: Reply<'_>| words(reply.payload());
        self.asked = Some(Pending::start(
            target,
            bytes(question).to_vec(),
            WORDS_BYTES,
            read,
        )?);
        Ok(())
    }

    fn answer(&mut self) -> Result<Words, Error> {
        self.asked.take().ok_or(Error::Malformed)?.wait()
    }

    fn end(self) -> Result<(), Error> {
        stop(&self.service)?;
        match self.handle.wait()? {
            0 => Ok(()),
            _ => Err(Error::Malformed),
        }
    }
}

/// Says that that was all.
pub(crate) fn stop(service: &Endpoint) -> Result<(), Error> {
    let mut room = Aligned::<8>::zeroed();
    service.call(STOP, &[], &mut room.0)?;
    Ok(())
}

fn bytes(words: Words) -> [u8; WORDS_BYTES] {
    let mut bytes = [0; WORDS_BYTES];
    let (pieces, _) = bytes.as_chunks_mut::<8>();
    for (piece, word) in pieces.iter_mut().zip(words) {
        *piece = word.to_le_bytes();
    }
    bytes
}

fn words(bytes: &[u8]) -> Result<Words, Error> {
    let (pieces, rest) = bytes.as_chunks::<8>();
    let pieces: &[[u8; 8]; 4] = pieces.try_into().map_err(|_| Error::Malformed)?;
    if rest.is_empty() {
        Ok(pieces.map(u64::from_le_bytes))
    } else {
        Err(Error::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_survive_the_wire_and_anything_else_is_refused() {
        let question = [1, u64::MAX, 0, 7];
        assert_eq!(words(&bytes(question)), Ok(question));
        assert_eq!(words(&[0; 31]), Err(Error::Malformed));
        assert_eq!(words(&[0; 40]), Err(Error::Malformed));
    }
}
