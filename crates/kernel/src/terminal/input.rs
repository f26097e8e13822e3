//! Typed bytes that nobody has asked for yet: a bounded queue. Rule P9 (docs/rules/terminal.md).
//!
//! A person types ahead of a slow program, a hostile one never reads; so the queue has a fixed size, and
//! when it is full what is typed next is lost and counted. It allocates when it is made and never again,
//! since bytes arrive in interrupts.

use alloc::collections::VecDeque;

/// How many typed bytes wait before the next ones are lost.
pub const CAPACITY: usize = 1024;

/// The queue of one terminal.
#[derive(Debug)]
pub struct Input {
    bytes: VecDeque<u8>,
    lost: u64,
    hung_up: bool,
}

/// What a raw read finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawRead {
    /// So many bytes, at least one unless none were asked for.
    Bytes(usize),
    /// Nothing is there yet; ask again after the next byte.
    Wait,
    /// Nothing is there and nothing will come: the other side hung up.
    Closed,
}

impl Default for Input {
    fn default() -> Self {
        Self::new()
    }
}

impl Input {
    /// An empty queue; allocates its [`CAPACITY`].
    pub fn new() -> Self {
        Input {
            bytes: VecDeque::with_capacity(CAPACITY),
            lost: 0,
            hung_up: false,
        }
    }

    /// Queues one typed byte, or counts it as lost when the queue is full or the line is closed.
    pub fn push(&mut self, byte: u8) {
        if self.hung_up || self.bytes.len() >= CAPACITY {
            self.lost += 1;
        } else {
            self.bytes.push_back(byte);
        }
    }

    /// Queues typed bytes, to the last one that is there.
    pub fn push_all(&mut self, bytes: impl Iterator<Item = u8>) {
        bytes.for_each(|byte| self.push(byte));
    }

    /// Takes the oldest byte.
    pub fn pop(&mut self) -> Option<u8> {
        self.bytes.pop_front()
    }

    /// Fills `buffer` with the oldest bytes, as many as there are, and leaves them here.
    pub fn look(&self, buffer: &mut [u8]) -> RawRead {
        if buffer.is_empty() {
            return RawRead::Bytes(0);
        }
        let count = buffer.len().min(self.bytes.len());
        for (place, byte) in buffer.iter_mut().zip(&self.bytes) {
            *place = *byte;
        }
        match count {
            0 if self.hung_up => RawRead::Closed,
            0 => RawRead::Wait,
            count => RawRead::Bytes(count),
        }
    }

    /// Takes out what was looked at: the oldest `count` bytes.
    pub fn consume(&mut self, count: usize) {
        self.bytes.drain(..count.min(self.bytes.len()));
    }

    /// Puts bytes back in front: whoever they were meant for is gone. When there is no room for all, the newest are lost.
    pub fn put_back(&mut self, bytes: &[u8]) {
        let excess = (self.bytes.len() + bytes.len()).saturating_sub(CAPACITY);
        self.bytes.truncate(self.bytes.len().saturating_sub(excess));
        self.lost += excess as u64;
        for byte in bytes.iter().take(CAPACITY).rev() {
            self.bytes.push_front(*byte);
        }
    }

    /// The other side is gone: what is queued can still be read, nothing more is taken.
    pub fn hang_up(&mut self) {
        self.hung_up = true;
    }

    /// Whether everything has been read and nothing will come.
    pub fn is_at_end(&self) -> bool {
        self.hung_up && self.bytes.is_empty()
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes were lost since the terminal was made.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &[u8]) -> Input {
        let mut input = Input::new();
        input.push_all(text.iter().copied());
        assert_eq!(
            input.bytes.len(),
            text.len().min(CAPACITY),
            "every byte is taken that fits"
        );
        input
    }

    #[test]
    fn p9_a_raw_read_takes_what_is_there_in_order() {
        let mut input = typed(b"abc");
        let mut buffer = [0; 2];
        assert_eq!((input.look(&mut buffer), buffer), (RawRead::Bytes(2), *b"ab"));
        input.consume(2);
        assert_eq!(input.look(&mut buffer), RawRead::Bytes(1));
        input.consume(1);
        assert_eq!(input.look(&mut buffer), RawRead::Wait);
        assert_eq!(input.look(&mut []), RawRead::Bytes(0));
    }

    #[test]
    fn p18_what_a_reader_that_has_ended_did_not_get_comes_first_again() {
        let mut input = typed(b"cd");
        let mut buffer = [0; 4];
        assert_eq!(input.look(&mut buffer), RawRead::Bytes(2));
        assert_eq!(
            input.look(&mut buffer),
            RawRead::Bytes(2),
            "looking takes nothing"
        );
        input.put_back(b"ab");
        assert_eq!((input.look(&mut buffer), buffer), (RawRead::Bytes(4), *b"abcd"));
        let mut full = typed(&[b'x'; CAPACITY]);
        full.put_back(b"ab");
        assert_eq!((full.len(), full.lost(), full.pop()), (CAPACITY, 2, Some(b'a')));
    }

    #[test]
    fn p9_a_full_queue_loses_the_newest_bytes_and_counts_them() {
        let mut input = typed(&[b'x'; CAPACITY + 3]);
        assert_eq!((input.len(), input.lost()), (CAPACITY, 3));
        assert_eq!(input.bytes.capacity(), Input::new().bytes.capacity());
        assert_eq!(input.pop(), Some(b'x'));
        input.push(b'y');
        assert_eq!(input.lost(), 3);
    }

    #[test]
    fn p9_after_a_hang_up_the_rest_is_read_and_then_it_ends() {
        let mut input = typed(b"a");
        input.hang_up();
        input.push(b'b');
        let mut buffer = [0; 8];
        assert!(!input.is_at_end());
        assert_eq!(input.look(&mut buffer), RawRead::Bytes(1));
        input.consume(1);
        assert_eq!(input.look(&mut buffer), RawRead::Closed);
        assert!(input.is_at_end());
    }
}
