//! How those are served who wait in the lists of an object: one after the other, each completed under the object's lock and let go of without it,
//! because it may be the last to hold its ring.
//!
//! A message costs its copy although the buffer that it goes to has gone. So whoever brings one runs into few of those; then all who
//! wait for messages there end, and what they waited for is there for who asks anew. Rules P9, P15 and P18.

use abi::result::Failure;
use machine::Lock;
use machine::lock::LockGuard;

use super::operation::Operation;
use crate::memory::waiting_list::WaitingList;

/// Buffers that have gone which one delivery runs into: a long message is copied into each as far as it goes.
pub const MOST_GONE: usize = 16;

/// The state of an object at which operations wait.
pub trait Serving {
    /// One that has been completed, with what it held.
    type Served;
    /// Those who wait for messages.
    type Readers;

    /// How many wait.
    fn waiting(&self) -> usize;

    /// Completes the next one for whom there is something, and whether its buffer had gone.
    fn serve_one(&mut self) -> Option<(Self::Served, bool)>;

    /// Takes out all who wait for messages.
    fn take_readers(&mut self) -> Self::Readers;

    /// Ends them. The object is not locked.
    fn end(readers: Self::Readers);
}

/// Completes those who wait as far as they can go on, as many as wait now: whoever comes to wait meanwhile serves, too.
///
/// Where too many buffers have gone all readers end, and the others are served all the same: a reader before may have made room for a writer.
pub fn serve<'l, S: Serving>(object: &'l Lock<S>, mut state: LockGuard<'l, S>) {
    let mut gone = 0;
    for _ in 0..state.waiting() {
        let Some((served, has_gone)) = state.serve_one() else {
            return;
        };
        gone += usize::from(has_gone);
        let hopeless = (gone == MOST_GONE).then(|| {
            gone = 0;
            state.take_readers()
        });
        drop(state);
        drop(served);
        if let Some(readers) = hopeless {
            S::end(readers);
        }
        state = object.lock();
    }
}

/// Ends everybody in a list from which nobody can be served; `operation` is what one waits with. The object is not locked.
#[cold]
pub fn abort_all<T>(mut list: WaitingList<T>, operation: impl Fn(&T) -> &Operation) {
    while let Some(waiting) = list.pop_front() {
        operation(&waiting).fail(Failure::TransferAborted).either_way();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;
    use alloc::vec::Vec;

    #[derive(Clone, Copy, PartialEq)]
    enum Reader {
        Of(usize),
        Gone,
    }

    /// A pipe of ten bytes, how many it has of each side, and what happened to those who waited.
    struct Toy {
        bytes: usize,
        readers: VecDeque<Reader>,
        writers: VecDeque<usize>,
        ended: usize,
        copies: usize,
    }

    impl Toy {
        fn of(readers: impl IntoIterator<Item = Reader>, writers: &[usize]) -> Lock<Toy> {
            Lock::new(Toy {
                bytes: 10,
                readers: readers.into_iter().collect(),
                writers: writers.iter().copied().collect(),
                ended: 0,
                copies: 0,
            })
        }
    }

    impl Serving for Toy {
        type Served = ();
        type Readers = Vec<Reader>;

        fn waiting(&self) -> usize {
            self.readers.len() + self.writers.len()
        }

        fn serve_one(&mut self) -> Option<((), bool)> {
            if self.bytes > 0
                && let Some(reader) = self.readers.pop_front()
            {
                self.copies += 1;
                self.bytes -= match reader {
                    Reader::Of(bytes) => bytes.min(self.bytes),
                    Reader::Gone => 0,
                };
                return Some(((), reader == Reader::Gone));
            }
            let writer = self.writers.pop_front_if(|_| self.bytes < 10)?;
            self.bytes = (self.bytes + writer).min(10);
            Some(((), false))
        }

        fn take_readers(&mut self) -> Vec<Reader> {
            let readers: Vec<Reader> = self.readers.drain(..).collect();
            self.ended += readers.len();
            readers
        }

        fn end(readers: Vec<Reader>) {
            drop(readers);
        }
    }

    #[test]
    fn p9_a_writer_is_served_from_the_room_that_a_reader_made_before_all_readers_ended() {
        let gone = [Reader::Gone; MOST_GONE + 3];
        let toy = Toy::of([Reader::Of(4)].into_iter().chain(gone), &[6]);
        serve(&toy, toy.lock());
        let state = toy.lock();
        assert_eq!(
            (state.writers.len(), state.bytes),
            (0, 10),
            "it waits beside room"
        );
        assert_eq!(
            (state.readers.len(), state.ended, state.copies),
            (0, 3, 1 + MOST_GONE)
        );
    }

    #[test]
    fn p15_buffers_that_have_gone_cost_few_copies_however_many_there_are() {
        let toy = Toy::of([Reader::Gone; 1_000], &[1]);
        serve(&toy, toy.lock());
        let state = toy.lock();
        assert_eq!((state.copies, state.ended), (MOST_GONE, 1_000 - MOST_GONE));
        assert_eq!(state.writers.len(), 1, "there is no room for it");
    }

    #[test]
    fn p9_readers_and_writers_take_turns_until_nobody_can_go_on() {
        let toy = Toy::of([Reader::Of(10), Reader::Of(3), Reader::Of(9)], &[8, 9]);
        serve(&toy, toy.lock());
        let state = toy.lock();
        // Ten out, eight in, three out, five out, nine in.
        assert_eq!((state.bytes, state.readers.len(), state.writers.len()), (9, 0, 0));
    }
}
