//! What is inside a pipe: a bounded ring of bytes with two ends that can each be closed. Rule P9
//! (docs/rules/pipe.md).
//!
//! Every operation says what its caller must do: a read or write that cannot go on answers *wait*, and every
//! one that moved bytes or closed an end is a reason to try the other end's waiting call again.

use alloc::collections::{TryReserveError, VecDeque};

/// The ring size when the maker asks for 0 bytes.
pub const DEFAULT_BYTES: usize = 4096;
/// The largest ring; a wish for more gets this.
pub const MAX_BYTES: usize = 65536;

/// The ring and the state of its ends.
#[derive(Debug)]
pub struct Buffer {
    bytes: VecDeque<u8>,
    size: usize,
    reader_closed: bool,
    writer_closed: bool,
}

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where bytes come out.
    Reader,
    /// Where bytes go in.
    Writer,
}

/// What a read got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "bytes that were taken out are nowhere else"]
pub enum Read {
    /// So many bytes, at least one unless none were asked for. Writers may go on.
    Bytes(usize),
    /// The pipe is empty; ask again when something was written or the writer has closed.
    Wait,
    /// The pipe is empty and the writer has closed: there will never be more.
    End,
    /// This end was closed by its own holder.
    ClosedHere,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it may have taken a part, or nothing"]
pub enum Write {
    /// The first so many bytes were taken, at least one unless none were offered. Readers may go on.
    Bytes(usize),
    /// The pipe is full; ask again when something was read or the reader has closed.
    Wait,
    /// The reader has closed: nobody will ever read this.
    ReaderClosed,
    /// This end was closed by its own holder.
    ClosedHere,
}

impl Buffer {
    /// The size of a pipe of `wish` bytes.
    pub fn bytes_for(wish: u32) -> usize {
        match usize::try_from(wish) {
            Ok(0) => DEFAULT_BYTES,
            Ok(wish) => wish.min(MAX_BYTES),
            Err(_) => MAX_BYTES,
        }
    }

    /// A pipe of `wish` bytes, clamped to 1..=[`MAX_BYTES`]; 0 means [`DEFAULT_BYTES`]. All its memory is
    /// allocated here.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(wish: u32) -> Result<Self, TryReserveError> {
        let size = Buffer::bytes_for(wish);
        let mut bytes = VecDeque::new();
        bytes.try_reserve_exact(size)?;
        Ok(Buffer {
            bytes,
            size,
            reader_closed: false,
            writer_closed: false,
        })
    }

    /// How many bytes can be read now.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing can be read now.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes the pipe holds when full.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Fills `into` from the front, as far as there is something, and takes that out.
    pub fn read(&mut self, into: &mut [u8]) -> Read {
        let read = self.look(into);
        if let Read::Bytes(count) = read {
            self.consume(count);
        }
        read
    }

    /// What [`read`](Self::read) would do, with the bytes still inside.
    pub fn look(&self, into: &mut [u8]) -> Read {
        if self.reader_closed {
            return Read::ClosedHere;
        }
        let count = into.len().min(self.bytes.len());
        if count == 0 {
            return match (into.is_empty(), self.bytes.is_empty(), self.writer_closed) {
                (_, true, true) => Read::End,
                (true, _, _) => Read::Bytes(0),
                _ => Read::Wait,
            };
        }
        let (front, back) = self.bytes.as_slices();
        let from_front = count.min(front.len());
        let (first, second) = into.split_at_mut(from_front);
        first.copy_from_slice(&front[..from_front]);
        second[..count - from_front].copy_from_slice(&back[..count - from_front]);
        Read::Bytes(count)
    }

    /// Whether a reader that wants something has to wait.
    pub fn makes_readers_wait(&self) -> bool {
        self.bytes.is_empty() && !self.reader_closed && !self.writer_closed
    }

    /// Takes out what was looked at: the first `count` bytes.
    pub fn consume(&mut self, count: usize) {
        self.bytes.drain(..count.min(self.bytes.len()));
    }

    /// Appends what fits of `from`.
    pub fn write(&mut self, from: &[u8]) -> Write {
        let write = self.fits(from.len());
        if let Write::Bytes(count) = write {
            self.append(&from[..count]);
        }
        write
    }

    /// Appends as many bytes as were said to fit.
    pub fn append(&mut self, bytes: &[u8]) {
        let room = self.size - self.bytes.len();
        self.bytes.extend(&bytes[..bytes.len().min(room)]);
    }

    /// What would become of a write of `offered` bytes.
    pub fn fits(&self, offered: usize) -> Write {
        if self.writer_closed {
            return Write::ClosedHere;
        }
        if self.reader_closed {
            return Write::ReaderClosed;
        }
        match offered.min(self.size - self.bytes.len()) {
            0 if offered > 0 => Write::Wait,
            count => Write::Bytes(count),
        }
    }

    /// Closes one end for good. Closing the reader throws away what is inside. Returns whether it was open;
    /// if so, calls waiting at either end should be tried again.
    #[must_use = "who waits at the other end has to be told"]
    pub fn close(&mut self, end: End) -> bool {
        let closed = match end {
            End::Reader => &mut self.reader_closed,
            End::Writer => &mut self.writer_closed,
        };
        let was_open = !core::mem::replace(closed, true);
        if self.reader_closed {
            self.bytes.clear();
        }
        was_open
    }

    /// Whether `end` has been closed by its holder.
    pub fn is_closed(&self, end: End) -> bool {
        match end {
            End::Reader => self.reader_closed,
            End::Writer => self.writer_closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn pipe(size: u32) -> Buffer {
        Buffer::new(size).unwrap()
    }

    #[test]
    fn p9_a_pipes_size_is_clamped() {
        let sizes = [0, 1, 5000, 65536, 65537, u32::MAX].map(|wish| pipe(wish).size());
        assert_eq!(sizes, [4096, 1, 5000, 65536, 65536, 65536]);
    }

    #[test]
    fn p9_a_full_pipe_takes_a_part_and_then_makes_the_writer_wait() {
        let mut pipe = pipe(4);
        assert_eq!(pipe.write(b"abcdef"), Write::Bytes(4));
        assert_eq!(
            (pipe.write(b"ef"), pipe.write(b"")),
            (Write::Wait, Write::Bytes(0))
        );
        let mut three = [0; 3];
        assert_eq!((pipe.read(&mut three), three), (Read::Bytes(3), *b"abc"));
        assert_eq!(pipe.write(b"ef"), Write::Bytes(2));
        let mut all = [0; 8];
        assert_eq!((pipe.read(&mut all), &all[..3]), (Read::Bytes(3), &b"def"[..]));
    }

    #[test]
    fn p9_an_empty_pipe_makes_the_reader_wait_until_the_writer_closes() {
        let mut pipe = pipe(4);
        assert_eq!(pipe.read(&mut [0]), Read::Wait);
        assert_eq!(pipe.read(&mut []), Read::Bytes(0));
        assert_eq!(pipe.write(b"z"), Write::Bytes(1));
        assert!(pipe.close(End::Writer));
        assert_eq!(pipe.read(&mut [0; 2]), Read::Bytes(1));
        assert_eq!(pipe.read(&mut [0; 2]), Read::End);
        assert_eq!(pipe.write(b"z"), Write::ClosedHere);
    }

    #[test]
    fn p9_a_closed_reader_ends_the_writer_and_drops_the_rest() {
        let mut pipe = pipe(4);
        assert_eq!(pipe.write(b"zz"), Write::Bytes(2));
        assert!(pipe.close(End::Reader));
        assert!(!pipe.close(End::Reader));
        assert_eq!(
            (pipe.write(b"z"), pipe.read(&mut [0])),
            (Write::ReaderClosed, Read::ClosedHere)
        );
        assert_eq!(
            (
                pipe.len(),
                pipe.is_closed(End::Reader),
                pipe.is_closed(End::Writer)
            ),
            (0, true, false)
        );
    }

    #[test]
    fn p18_what_a_reader_that_has_ended_looked_at_is_there_for_the_next_one() {
        let mut pipe = pipe(4);
        assert_eq!(pipe.write(b"abc"), Write::Bytes(3));
        let mut two = [0; 2];
        for _ in 0..3 {
            assert_eq!(
                (pipe.look(&mut two), two, pipe.len()),
                (Read::Bytes(2), *b"ab", 3)
            );
        }
        pipe.consume(2);
        assert_eq!((pipe.read(&mut two), two[0]), (Read::Bytes(1), b'c'));
        pipe.consume(9);
        assert_eq!((pipe.fits(9), pipe.len()), (Write::Bytes(4), 0));
    }

    proptest! {
        /// Sizes 1 to 9, so that the ring wraps at every place.
        #[test]
        fn p9_each_byte_comes_out_exactly_once_in_order(
            size in 1u32..10,
            moves in prop::collection::vec((any::<bool>(), 0usize..12), 0..200),
        ) {
            let mut pipe = pipe(size);
            let capacity = pipe.bytes.capacity();
            let (mut sent, mut received) = (0u8, Vec::new());
            for (writing, count) in moves {
                if writing {
                    let offered: Vec<u8> = (0..count).map(|n| sent.wrapping_add(n as u8)).collect();
                    if let Write::Bytes(taken) = pipe.write(&offered) {
                        sent = sent.wrapping_add(taken as u8);
                    }
                } else {
                    let mut into = [0; 12];
                    if let Read::Bytes(got) = pipe.read(&mut into[..count]) {
                        received.extend_from_slice(&into[..got]);
                    }
                }
                prop_assert!(pipe.len() <= pipe.size() && pipe.bytes.capacity() == capacity);
            }
            let expected: Vec<u8> = (0..received.len()).map(|n| n as u8).collect();
            prop_assert_eq!(received, expected);
        }
    }
}
