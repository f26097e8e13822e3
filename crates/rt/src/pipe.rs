//! Pipes: bytes from whoever holds one end to whoever holds the other.

use alloc::vec::Vec;

use crate::cap::{Client, client};
use crate::error::Error;
use crate::message::{Aligned, Flat, Run, with_run};
use crate::pending::{Pending, Reply, Target, VOID_ROOM, call, call_void};

client! {
    /// One end of a pipe.
    Pipe, PIPE
}

const READ: u16 = 0;
const WRITE: u16 = 1;
const CLOSE: u16 = 2;
const IS_CLOSED: u16 = 3;

/// Bytes asked for at a time.
const CHUNK: u32 = 4096;

/// Room in the answer for everything but the bytes themselves.
const OVERHEAD: usize = 256;

/// What a read brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The bytes; may be empty at the end.
    pub bytes: Vec<u8>,
    /// Nothing will follow.
    pub at_end: bool,
}

impl Pipe {
    /// Starts a read of at most 4,096 bytes; completes when there is at least one, or the end.
    pub fn start_read(&self) -> Result<Pending<Chunk>, Error> {
        let params = Flat::<24>::new().u32(0, CHUNK).bytes().to_vec();
        Pending::start(
            self.cap().method(READ),
            params,
            CHUNK as usize + OVERHEAD,
            decode_chunk,
        )
    }

    /// Reads until the other end closes.
    pub fn read_to_end(&self) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        loop {
            let chunk = self.start_read()?.wait()?;
            all.extend_from_slice(&chunk.bytes);
            if chunk.at_end {
                return Ok(all);
            }
        }
    }

    /// Writes everything, waiting for room as needed.
    pub fn write_all(&self, bytes: &[u8]) -> Result<(), Error> {
        write_all(self.cap().id(), bytes)
    }

    /// Closes this end: a reader sees the end after what is still in the pipe.
    pub fn close(&self) -> Result<(), Error> {
        call_void(self.cap().method(CLOSE), &crate::message::EMPTY)
    }

    /// Whether the other end has gone.
    pub fn is_closed(&self) -> Result<bool, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        call(self.cap().method(IS_CLOSED), &crate::message::EMPTY, &mut room.0).map(|reply| reply.bit(0))
    }
}

fn decode_chunk(reply: Reply<'_>) -> Result<Chunk, Error> {
    reply.read::<schema_gen::system::pipe::read_results::Owned, _>(|root| {
        Ok(Chunk {
            bytes: root.get_data()?.to_vec(),
            at_end: root.get_eof(),
        })
    })
}

/// Writes all of `bytes` to the pipe `cap`.
pub(crate) fn write_all(cap: u32, bytes: &[u8]) -> Result<(), Error> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let piece = &rest[..rest.len().min(CHUNK as usize)];
        let written = with_run(Run::Data, piece, |params| {
            let mut room = Aligned::<VOID_ROOM>::zeroed();
            call(Target { cap, method: WRITE }, params, &mut room.0).map(|reply| reply.u32(0) as usize)
        })?;
        if written == 0 {
            // Full: let the reader have the CPU for a moment.
            crate::lane::nap(100_000);
        }
        rest = rest.get(written..).ok_or(Error::Malformed)?;
    }
    Ok(())
}
