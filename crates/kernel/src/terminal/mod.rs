//! The terminal: a dialogue on the second serial line. Rule P9 (docs/rules/terminal.md).
//!
//! Typed bytes come by interrupt and wait in [`input::Input`] until a program takes them raw or asks for a line, which
//! [`discipline::Discipline`] edits and echoes. Both are pure; `line` sets the serial line up; here are the lock around all of it
//! and the calls that wait, lines before raw reads. Their answers are made in `answer` and given under that lock, so that what
//! a reader that ends meanwhile did not get is there for the next one (rule P18).

mod answer;
pub mod discipline;
pub mod input;
mod line;

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use machine::serial::Uart;
use machine::{BootCell, Lock};

use crate::memory::account::{Account, Short};
use crate::memory::waiting_list::WaitingList;
use crate::ring::operation::{Operation, Told, WaitPlace};
use crate::ring::serving::{self, Serving, abort_all};
pub use answer::OVERHEAD;
use discipline::{Discipline, Finished, RETURN, Request};
use input::{Input, RawRead};
pub use line::init;

/// The terminal, shared by all capabilities to it.
pub struct Terminal {
    state: Lock<State>,
    /// Why nobody can be on it, if so. That is told to whoever reads or writes: it is not a person who said goodbye.
    absent: Option<&'static str>,
}

struct State {
    uart: Uart,
    input: Input,
    discipline: Discipline,
    /// Who reads the line that the discipline edits.
    line: Option<LineReader>,
    /// Raw reads that wait, oldest first.
    readers: WaitingList<Reader>,
}

struct LineReader {
    operation: Operation,
    /// What is typed is shown, so it may be shown to the next one, too.
    visible: bool,
}

struct Reader {
    operation: Operation,
    max: usize,
}

/// What a read came to at once.
pub enum Now {
    /// This answer.
    Done(Vec<u8>),
    /// It waits; the operation was taken.
    Waits,
}

/// Why a read does not begin.
pub enum Refused<E> {
    /// Another line is being read.
    Busy,
    /// There is nobody to read from, for this reason.
    Absent(&'static str),
    /// The operation could not begin.
    Begin(E),
}

static SYSTEM: BootCell<Arc<Terminal>> = BootCell::new("terminal::SYSTEM");

/// The terminal, once it is set up.
pub fn system() -> Option<&'static Arc<Terminal>> {
    SYSTEM.try_get()
}

/// The line's interrupt: takes what was typed, and answers whoever waited for it.
pub fn input() {
    let Some(terminal) = system() else { return };
    let mut state = terminal.state.lock();
    let State { uart, input, .. } = &mut *state;
    // To the last byte: an edge-triggered line is silent while one is left. A serial line is slower than this loop.
    input.push_all(core::iter::from_fn(|| uart.try_read()));
    serving::serve(&terminal.state, state);
}

impl Terminal {
    fn new(uart: Uart, input: Input, absent: Option<&'static str>) -> Terminal {
        let state = State {
            uart,
            input,
            discipline: Discipline::new(),
            line: None,
            readers: WaitingList::default(),
        };
        Terminal {
            state: Lock::new(state),
            absent,
        }
    }

    /// Writes bytes as they are, in one piece.
    ///
    /// # Errors
    /// Why there is nobody to write to.
    pub fn write(&self, parts: &[&[u8]]) -> Result<(), &'static str> {
        self.is_there()?;
        let mut state = self.state.lock();
        for part in parts {
            state.uart.write_all(part);
        }
        Ok(())
    }

    fn is_there(&self) -> Result<(), &'static str> {
        self.absent.map_or(Ok(()), Err)
    }

    /// Begins to read a line: shows the prompt, and feeds what was typed ahead. `begin` makes the operation.
    ///
    /// # Errors
    /// While another line is read, where there is no terminal, and what `begin` returns; nothing was shown then.
    pub fn read_line<E>(
        &self,
        prompt: &[u8],
        request: Request,
        begin: impl FnOnce() -> Result<Operation, E>,
    ) -> Result<(), Refused<E>> {
        self.is_there().map_err(Refused::Absent)?;
        let mut state = self.state.lock();
        if state.discipline.is_reading() {
            return Err(Refused::Busy);
        }
        let operation = begin().map_err(Refused::Begin)?;
        state
            .discipline
            .begin(request)
            .map_err(|discipline::Busy| Refused::Busy)?;
        state.line = Some(LineReader {
            operation,
            visible: request.visible,
        });
        state.uart.write_all(prompt);
        serving::serve(&self.state, state);
        Ok(())
    }

    /// Reads up to `max` typed bytes, at least one unless `max` is 0 or the line has hung up. `begin` makes the operation
    /// if it has to wait, for which `account` makes the list longer.
    ///
    /// # Errors
    /// Where there is no terminal, what `begin` returns, and [`Short`].
    pub fn read<E: From<Short>>(
        &self,
        max: usize,
        account: &Arc<Account>,
        begin: impl FnOnce() -> Result<Operation, E>,
    ) -> Result<Now, Refused<E>> {
        self.is_there().map_err(Refused::Absent)?;
        let mut state = self.state.lock();
        // Whoever waits already is first, a line before all others.
        let is_next = state.line.is_none() && state.readers.is_empty();
        if (is_next || max == 0)
            && let Some((count, answer)) = state.look(max)
        {
            state.input.consume(count);
            return Ok(Now::Done(answer));
        }
        let room = state.readers.room_for_one_more(account);
        room.map_err(|short| Refused::Begin(short.into()))?;
        let operation = begin().map_err(Refused::Begin)?;
        state.readers.push_back(Reader { operation, max });
        serving::serve(&self.state, state);
        Ok(Now::Waits)
    }
}

impl Serving for State {
    type Served = Operation;
    type Readers = WaitingList<Reader>;

    fn waiting(&self) -> usize {
        usize::from(self.line.is_some()) + self.readers.len()
    }

    fn serve_one(&mut self) -> Option<(Operation, bool)> {
        let (served, told) = self.give_typed()?;
        Some((served, told == Told::NoRoom))
    }

    fn take_readers(&mut self) -> WaitingList<Reader> {
        core::mem::take(&mut self.readers)
    }

    fn end(readers: WaitingList<Reader>) {
        abort_all(readers, |reader| &reader.operation);
    }
}

impl WaitPlace for Terminal {
    fn forget(&self, operation: &Operation) {
        let mut state = self.state.lock();
        let mut gone = None;
        if state
            .line
            .as_ref()
            .is_some_and(|line| line.operation == *operation)
        {
            let typed = state.discipline.abandon();
            state.input.put_back(&typed);
            gone = state.line.take().map(|line| line.operation);
        } else if let Some(index) = state
            .readers
            .iter()
            .position(|reader| reader.operation == *operation)
        {
            gone = state.readers.remove(index).map(|reader| reader.operation);
        }
        // What is typed belongs to the next in the queue now.
        serving::serve(&self.state, state);
        drop(gone);
    }
}

impl State {
    /// Completes the line, or if none is read the first raw read, if what was typed is enough for it.
    fn give_typed(&mut self) -> Option<(Operation, Told)> {
        if let Some(line) = self.line.take() {
            let Some(finished) = self.edit() else {
                self.line = Some(line);
                return None;
            };
            let told = line.operation.complete_bytes(&answer::line(&finished));
            if !told.is_yes()
                && let (Finished::Submitted(text), true) = (finished, line.visible)
            {
                self.input.put_back(&[RETURN]);
                self.input.put_back(&text);
            }
            return Some((line.operation, told));
        }
        let (count, answer) = self.look(self.readers.front()?.max)?;
        let Reader { operation, .. } = self.readers.pop_front()?;
        let told = operation.complete_bytes(&answer);
        if told.is_yes() {
            self.input.consume(count);
        }
        Some((operation, told))
    }

    /// Feeds typed bytes to the line, with their echo, until it ends or they are used up.
    fn edit(&mut self) -> Option<Finished> {
        while let Some(byte) = self.input.pop() {
            let step = self.discipline.feed(byte);
            step.echo.write_to(|bytes| self.uart.write_all(bytes));
            if step.finished.is_some() {
                return step.finished;
            }
        }
        if self.input.is_at_end() {
            self.discipline.hang_up()
        } else {
            None
        }
    }

    /// The answer to a raw read, unless it has to wait, and how many typed bytes it takes.
    fn look(&self, max: usize) -> Option<(usize, Vec<u8>)> {
        let mut data = vec![0; max.min(self.input.len())];
        if data.is_empty() && max > 0 {
            return self.input.is_at_end().then(|| (0, answer::raw(&[], true)));
        }
        match self.input.look(&mut data) {
            RawRead::Bytes(count) => Some((count, answer::raw(&data[..count], false))),
            RawRead::Closed => Some((0, answer::raw(&[], true))),
            RawRead::Wait => None,
        }
    }
}
