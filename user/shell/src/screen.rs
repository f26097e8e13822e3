//! The terminal in front of the user: keys in, text out, and what kind of terminal it is.

use alloc::collections::VecDeque;
use alloc::string::String;

use rt::Error;
use rt::console::{Keys, TerminalSession};
use rt::pending::{Pending, wait_any};
use rt::time::Timer;

use crate::keys::{Decoder, Key};

/// How long a terminal may take to say where its cursor is. What does not answer is taken for a plain line.
const ANSWER_NS: u64 = 300_000_000;

/// Asks for the cursor's place after sending it as far down right as it goes, then puts it back.
const ASK_SIZE: &str = "\x1b7\x1b[999;999H\x1b[6n\x1b8";

/// What the terminal can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Find out.
    Ask,
    /// Escape sequences move the cursor and clear the screen.
    Ansi,
    /// Only text.
    Plain,
}

/// The terminal.
pub struct Screen {
    terminal: TerminalSession,
    reading: Option<Pending<Keys>>,
    decoder: Decoder,
    keys: VecDeque<Key>,
    closed: bool,
    /// Why nothing more can be read, if the terminal was not closed but failed.
    failure: Option<Error>,
    ansi: bool,
    rows: usize,
    columns: usize,
}

impl Screen {
    /// Takes over `terminal`.
    pub fn new(terminal: TerminalSession, timer: &Timer, kind: Kind) -> Result<Screen, Error> {
        let reading = Some(terminal.start_read()?);
        let mut screen = Screen {
            terminal,
            reading,
            decoder: Decoder::default(),
            keys: VecDeque::new(),
            closed: false,
            failure: None,
            ansi: kind != Kind::Plain,
            rows: 24,
            columns: 80,
        };
        if kind == Kind::Ask {
            screen.ansi = screen.ask_size(timer)?;
        }
        Ok(screen)
    }

    /// Whether the terminal answers; if so its size is known afterwards. What was typed meanwhile is kept.
    fn ask_size(&mut self, timer: &Timer) -> Result<bool, Error> {
        self.write(ASK_SIZE);
        let deadline = timer.now_ns()? + ANSWER_NS;
        loop {
            self.collect();
            let answer = self.keys.iter().position(|key| matches!(key, Key::Position(..)));
            if let Some(Key::Position(rows, columns)) = answer.and_then(|at| self.keys.remove(at)) {
                self.rows = usize::from(rows).clamp(8, 200);
                self.columns = usize::from(columns).clamp(40, 400);
                return Ok(true);
            }
            let left_ns = deadline.saturating_sub(timer.now_ns()?);
            if left_ns == 0 || self.closed {
                return Ok(false);
            }
            wait_any(left_ns);
        }
    }

    /// Writes text; line ends are made right for a terminal. A terminal that is gone is noticed by its input.
    pub fn write(&self, text: &str) {
        if !text.is_empty() {
            let _ = self.terminal.write_text(text);
        }
    }

    /// Writes lines, the first one as a heading.
    pub fn write_lines(&self, lines: &[String]) {
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            if index == 0 && self.ansi {
                text.push_str("\x1b[1m");
                text.push_str(line);
                text.push_str("\x1b[0m");
            } else {
                text.push_str(line);
            }
            text.push('\n');
        }
        self.write(&text);
    }

    /// Takes what has been typed since the last look.
    fn collect(&mut self) {
        while self.reading.as_ref().is_some_and(Pending::is_ready) {
            let Some(reading) = self.reading.take() else {
                return;
            };
            let keys = match reading.wait() {
                Ok(keys) => keys,
                Err(error) => return self.fail(error),
            };
            self.keys
                .extend(keys.bytes.iter().filter_map(|byte| self.decoder.feed(*byte)));
            if keys.closed {
                self.closed = true;
                return;
            }
            match self.terminal.start_read() {
                Ok(reading) => self.reading = Some(reading),
                Err(error) => return self.fail(error),
            }
        }
    }

    fn fail(&mut self, error: Error) {
        self.closed = true;
        self.failure = Some(error);
    }

    /// The next key, if one was typed. Does not wait.
    pub fn key(&mut self) -> Option<Key> {
        self.collect();
        self.keys.pop_front()
    }

    /// Whether `key` was typed; it is taken, and what was typed before and after it stays.
    pub fn take_key(&mut self, key: Key) -> bool {
        self.collect();
        match self.keys.iter().position(|typed| *typed == key) {
            Some(at) => self.keys.remove(at).is_some(),
            None => false,
        }
    }

    /// Whether the terminal is gone and everything typed was taken.
    pub fn is_closed(&self) -> bool {
        self.closed && self.keys.is_empty()
    }

    /// Why the terminal is gone, if it failed: it may never have been there.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Whether escape sequences work.
    pub fn is_ansi(&self) -> bool {
        self.ansi
    }

    /// Lines and columns.
    pub fn size(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }
}
