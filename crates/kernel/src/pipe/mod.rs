//! Pipes: bytes from one process to another. Rule P9 (docs/rules/pipe.md). The buffer between the two ends
//! is in [`buffer`]; here are the ends that capabilities hold, and who waits at them.
//!
//! A waiting call is completed while the pipe is locked, and bytes move only if it could be told (rule P18): what a reader
//! that ends meanwhile did not get is there for the next one. Its end is let go of without the lock, because it may be
//! the last to hold it.

pub mod buffer;

use alloc::sync::Arc;
use alloc::vec::Vec;

use machine::Lock;
use machine::attribution::Site;

use crate::memory::account::{Account, Charge, Cost, Short, refusable, zeroed};
use crate::memory::waiting_list::WaitingList;
use crate::ring::operation::{self, Operation, Told, WaitPlace};
use crate::ring::serving::{self, Serving, abort_all};
use crate::wire::{self, ExceptionKind};
use buffer::{Buffer, End, Read, Write};

/// Bytes of a read's answer besides the data: framing, struct, padding.
pub const READ_OVERHEAD: usize = 40;

struct Reader {
    operation: Operation,
    /// Held beyond the operation's end, which may come under the pipe's lock.
    _end: Arc<PipeEnd>,
    max: usize,
}

struct Writer {
    operation: Operation,
    /// As a reader's.
    _end: Arc<PipeEnd>,
    data: Vec<u8>,
    /// For the data, to the writer's account.
    _charge: Charge,
}

struct State {
    buffer: Buffer,
    readers: WaitingList<Reader>,
    writers: WaitingList<Writer>,
}

struct Pipe {
    state: Lock<State>,
    /// For the buffer, the ends and the first places for who waits, to the account of whoever made it.
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
    let places = WaitingList::<Reader>::FIRST_BYTES + WaitingList::<Writer>::FIRST_BYTES;
    let bytes = Buffer::bytes_for(wish) + size_of::<Pipe>() + 2 * size_of::<PipeEnd>() + places;
    let charge = account.charge(Cost::heap(bytes))?;
    let buffer = refusable(|| Buffer::new(wish))?;
    let state = State {
        buffer,
        readers: WaitingList::default(),
        writers: WaitingList::default(),
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
    /// Reads up to `max` bytes: the data, and whether nothing more will come. `begin` makes the operation if it waits, for which
    /// `account` makes the list longer.
    ///
    /// # Errors
    /// What `begin` returns, and [`Short`].
    pub fn read<E: From<Short>>(
        self: &Arc<Self>,
        max: usize,
        account: &Arc<Account>,
        begin: impl FnOnce() -> Result<Operation, E>,
    ) -> Result<Now<(Vec<u8>, bool)>, E> {
        if self.end != End::Reader {
            return Ok(Now::WrongEnd);
        }
        let mut state = self.pipe.state.lock();
        // At least one byte of room, or an empty pipe would look like one that nobody wants to read from.
        let mut data = zeroed(max.min(state.buffer.len().max(1)))?;
        // A reader never overtakes one that waits.
        let is_next = state.readers.is_empty() || max == 0 || state.buffer.is_closed(End::Reader);
        let now = match is_next.then(|| state.buffer.read(&mut data)) {
            Some(Read::Bytes(count)) => {
                data.truncate(count);
                Now::Done((data, false))
            }
            Some(Read::End) => Now::Done((Vec::new(), true)),
            Some(Read::ClosedHere) => return Ok(Now::WrongEnd),
            Some(Read::Wait) | None => {
                state.readers.room_for_one_more(account)?;
                let operation = begin()?;
                state.readers.push_back(Reader {
                    operation,
                    _end: self.clone(),
                    max,
                });
                Now::Waits
            }
        };
        serving::serve(&self.pipe.state, state);
        Ok(now)
    }

    /// Writes: how many bytes were taken, 0 if nobody will read them. Data that has to wait is charged to `account`.
    ///
    /// # Errors
    /// What `begin` returns, and [`Short`].
    pub fn write<E: From<Short>>(
        self: &Arc<Self>,
        data: &[u8],
        account: &Arc<Account>,
        begin: impl FnOnce() -> Result<Operation, E>,
    ) -> Result<Now<u32>, E> {
        if self.end != End::Writer {
            return Ok(Now::WrongEnd);
        }
        let mut state = self.pipe.state.lock();
        // Nor a writer.
        let is_next = state.writers.is_empty() || data.is_empty() || state.buffer.is_closed(End::Writer);
        let now = match is_next.then(|| state.buffer.write(data)) {
            Some(Write::Bytes(count)) => Now::Done(count as u32),
            Some(Write::ReaderClosed) => Now::Done(0),
            Some(Write::ClosedHere) => return Ok(Now::WrongEnd),
            Some(Write::Wait) | None => {
                let charge = account.charge(Cost::heap(data.len()))?;
                let mut copy = zeroed(data.len())?;
                copy.copy_from_slice(data);
                state.writers.room_for_one_more(account)?;
                let operation = begin()?;
                state.writers.push_back(Writer {
                    operation,
                    _end: self.clone(),
                    data: copy,
                    _charge: charge,
                });
                Now::Waits
            }
        };
        serving::serve(&self.pipe.state, state);
        Ok(now)
    }

    /// How many bytes the pipe holds when full.
    pub fn size(&self) -> usize {
        self.pipe.state.lock().buffer.size()
    }

    /// Closes this end for everybody who holds it.
    pub fn close(&self) {
        let mut state = self.pipe.state.lock();
        if state.buffer.close(self.end) {
            serving::serve(&self.pipe.state, state);
        }
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

/// A call that has been completed; what it held is let go of without the pipe's lock.
#[must_use = "drop this without the pipe's lock"]
enum Served {
    Reader(#[expect(dead_code, reason = "held to be dropped")] Reader),
    Writer(#[expect(dead_code, reason = "held to be dropped")] Writer),
}

impl Serving for State {
    type Served = Served;
    type Readers = WaitingList<Reader>;

    fn waiting(&self) -> usize {
        self.readers.len() + self.writers.len()
    }

    fn serve_one(&mut self) -> Option<(Served, bool)> {
        if let Some((reader, told)) = self.serve_reader() {
            return Some((Served::Reader(reader), told == Told::NoRoom));
        }
        Some((Served::Writer(self.serve_writer()?), false))
    }

    fn take_readers(&mut self) -> WaitingList<Reader> {
        core::mem::take(&mut self.readers)
    }

    fn end(readers: WaitingList<Reader>) {
        abort_all(readers, |reader| &reader.operation);
    }
}

impl State {
    /// Completes the first waiting reader if there is something for it.
    fn serve_reader(&mut self) -> Option<(Reader, Told)> {
        let max = self.readers.front()?.max;
        if max > 0 && self.buffer.makes_readers_wait() {
            return None;
        }
        let Ok(mut data) = zeroed(max.min(self.buffer.len().max(1))) else {
            let reader = self.readers.pop_front()?;
            let told = reader
                .operation
                .complete_exception(ExceptionKind::Overloaded, "no memory to read into");
            return Some((reader, told));
        };
        let (count, answer) = match self.buffer.look(&mut data) {
            Read::Bytes(count) => (count, read_answer(&data[..count], false)),
            Read::End | Read::ClosedHere => (0, read_answer(&[], true)),
            Read::Wait => return None,
        };
        let reader = self.readers.pop_front()?;
        let told = reader.operation.complete_bytes(&answer);
        if told.is_yes() {
            self.buffer.consume(count);
        }
        Some((reader, told))
    }

    /// Completes the first waiting writer if there is room for some of its data.
    fn serve_writer(&mut self) -> Option<Writer> {
        let count = match self.buffer.fits(self.writers.front()?.data.len()) {
            Write::Bytes(count) => count,
            Write::ReaderClosed | Write::ClosedHere => 0,
            Write::Wait => return None,
        };
        let writer = self.writers.pop_front()?;
        if writer
            .operation
            .complete_bytes(&wire::data_struct(&[count as u64]))
            .is_yes()
            && count > 0
        {
            // It fits: nobody else had the lock meanwhile.
            self.buffer.append(&writer.data[..count]);
        }
        Some(writer)
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
