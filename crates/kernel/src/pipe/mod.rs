//! Pipes: bytes from one process to another. Rule P9 (docs/rules/pipe.md). The buffer between the two ends
//! is in [`buffer`]; here are the ends that capabilities hold, and who waits at them.

pub mod buffer;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use machine::Lock;
use machine::attribution::Site;

use crate::memory::account::{Account, Charge, Cost, Short, zeroed};
use crate::ring::operation::{self, Operation, WaitPlace};
use crate::wire;
use buffer::{Buffer, End, Read, Write};

/// Bytes of a read's answer besides the data: framing, struct, padding.
pub const READ_OVERHEAD: usize = 40;

struct Reader {
    operation: Operation,
    max: usize,
}

struct Writer {
    operation: Operation,
    data: Vec<u8>,
    /// For the data, to the writer's account.
    _charge: Charge,
}

struct State {
    buffer: Buffer,
    readers: VecDeque<Reader>,
    writers: VecDeque<Writer>,
}

struct Pipe {
    state: Lock<State>,
    /// For the buffer and the ends, to the account of whoever made it.
    _charge: Charge,
}

// Who waits pays for its place in these lists with its operation.
const _: () = assert!(size_of::<Reader>() <= operation::LISTING_BYTES);
const _: () = assert!(size_of::<Writer>() <= operation::LISTING_BYTES);

/// One end of a pipe, shared by all capabilities to it. When the last one goes, the end closes.
pub struct PipeEnd {
    pipe: Arc<Pipe>,
    end: End,
}

/// What a read or write came to at once.
pub enum Now<T> {
    /// This.
    Done(T),
    /// It waits; the operation was taken.
    Waits,
    /// Not possible at this end, or the end is closed here.
    WrongEnd,
}

/// Makes a pipe: its read end and its write end.
///
/// # Errors
/// When it cannot be charged to `account`.
pub fn create(wish: u32, account: &Arc<Account>) -> Result<(Arc<PipeEnd>, Arc<PipeEnd>), Short> {
    let bytes = Buffer::bytes_for(wish) + size_of::<Pipe>() + 2 * size_of::<PipeEnd>();
    let charge = account.charge(Cost::heap(bytes))?;
    let buffer = Buffer::new(wish).map_err(|_| Short::Machine)?;
    let state = State {
        buffer,
        readers: VecDeque::new(),
        writers: VecDeque::new(),
    };
    let pipe = Arc::new(Pipe {
        state: Site::Pipe.lock(state),
        _charge: charge,
    });
    let end = |end| {
        Arc::new(PipeEnd {
            pipe: pipe.clone(),
            end,
        })
    };
    Ok((end(End::Reader), end(End::Writer)))
}

impl PipeEnd {
    /// Reads up to `max` bytes: the data, and whether nothing more will come. `begin` makes the operation if it waits.
    ///
    /// # Errors
    /// What `begin` returns, and [`Short`].
    pub fn read<E: From<Short>>(
        &self,
        max: usize,
        begin: impl FnOnce() -> Result<Operation, E>,
    ) -> Result<Now<(Vec<u8>, bool)>, E> {
        if self.end != End::Reader {
            return Ok(Now::WrongEnd);
        }
        let mut state = self.pipe.state.lock();
        // At least one byte of room, or an empty pipe would look like one that nobody wants to read from.
        let mut data = zeroed(max.min(state.buffer.len().max(1)))?;
        // Bytes may be there only to be waited for in turn: a reader never overtakes one that waits.
        let now = match state.buffer.read(&mut data) {
            Read::Bytes(count) => {
                data.truncate(count);
                Now::Done((data, false))
            }
            Read::End => Now::Done((Vec::new(), true)),
            Read::ClosedHere => return Ok(Now::WrongEnd),
            Read::Wait => {
                let operation = begin()?;
                state.readers.push_back(Reader { operation, max });
                return Ok(Now::Waits);
            }
        };
        let done = state.feed_writers();
        drop(state);
        finish(done);
        Ok(now)
    }

    /// Writes: how many bytes were taken, 0 if nobody will read them. Data that has to wait is charged to `account`.
    ///
    /// # Errors
    /// What `begin` returns, and [`Short`].
    pub fn write<E: From<Short>>(
        &self,
        data: &[u8],
        account: &Arc<Account>,
        begin: impl FnOnce() -> Result<Operation, E>,
    ) -> Result<Now<u32>, E> {
        if self.end != End::Writer {
            return Ok(Now::WrongEnd);
        }
        let mut state = self.pipe.state.lock();
        let now = match state.buffer.write(data) {
            Write::Bytes(count) => Now::Done(count as u32),
            Write::ReaderClosed => Now::Done(0),
            Write::ClosedHere => return Ok(Now::WrongEnd),
            Write::Wait => {
                let charge = account.charge(Cost::heap(data.len()))?;
                let mut copy = zeroed(data.len())?;
                copy.copy_from_slice(data);
                let operation = begin()?;
                state.writers.push_back(Writer {
                    operation,
                    data: copy,
                    _charge: charge,
                });
                return Ok(Now::Waits);
            }
        };
        let done = state.feed_readers();
        drop(state);
        finish(done);
        Ok(now)
    }

    /// How many bytes the pipe holds when full.
    pub fn size(&self) -> usize {
        self.pipe.state.lock().buffer.size()
    }

    /// Closes this end for everybody who holds it.
    pub fn close(&self) {
        let mut state = self.pipe.state.lock();
        if !state.buffer.close(self.end) {
            return;
        }
        let mut done = state.feed_readers();
        done.extend(state.feed_writers());
        drop(state);
        finish(done);
    }

    /// Whether this end was closed.
    pub fn is_closed(&self) -> bool {
        self.pipe.state.lock().buffer.is_closed(self.end)
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.close();
    }
}

impl WaitPlace for PipeEnd {
    fn forget(&self, operation: &Operation) {
        let mut state = self.pipe.state.lock();
        let reader = state
            .readers
            .iter()
            .position(|reader| reader.operation == *operation);
        let reader = reader.and_then(|index| state.readers.remove(index));
        let writer = state
            .writers
            .iter()
            .position(|writer| writer.operation == *operation);
        let writer = writer.and_then(|index| state.writers.remove(index));
        drop(state);
        drop((reader, writer));
    }
}

/// An operation and its answer.
type Done = (Operation, Vec<u8>);

/// Completes outside the pipe's lock.
fn finish(done: Vec<Done>) {
    for (operation, answer) in done {
        operation.complete_bytes(&answer);
    }
}

impl State {
    /// Serves waiting readers as far as there is something for them, and the writers that this makes room for.
    fn feed_readers(&mut self) -> Vec<Done> {
        let mut done = Vec::new();
        while let Some(first) = self.readers.front() {
            let mut data = alloc::vec![0; first.max.min(self.buffer.len().max(1))];
            let answer = match self.buffer.read(&mut data) {
                Read::Bytes(count) => {
                    data.truncate(count);
                    read_answer(&data, false)
                }
                Read::End | Read::ClosedHere => read_answer(&[], true),
                Read::Wait => break,
            };
            if let Some(reader) = self.readers.pop_front() {
                done.push((reader.operation, answer));
            }
        }
        if !done.is_empty() {
            done.extend(self.feed_writers());
        }
        done
    }

    /// Takes bytes of waiting writers as far as there is room.
    fn feed_writers(&mut self) -> Vec<Done> {
        let mut done = Vec::new();
        while let Some(first) = self.writers.front() {
            let count = match self.buffer.write(&first.data) {
                Write::Bytes(count) => count as u64,
                Write::ReaderClosed | Write::ClosedHere => 0,
                Write::Wait => break,
            };
            if let Some(writer) = self.writers.pop_front() {
                done.push((writer.operation, wire::data_struct(&[count])));
            }
        }
        done
    }
}

/// The answer to a read.
pub fn read_answer(data: &[u8], eof: bool) -> Vec<u8> {
    let mut message = wire::builder_for(READ_OVERHEAD + data.len());
    let mut root = message.init_root::<schema_gen::system::pipe::read_results::Builder<'_>>();
    root.set_data(data);
    root.set_eof(eof);
    wire::finish(message)
}
