//! The cooked line discipline: how typed bytes become one line, and what the person sees meanwhile. Rule P9
//! (docs/rules/terminal.md).
//!
//! A program asks for a line with [`Discipline::begin`]; each byte then goes through [`Discipline::feed`],
//! which answers with a [`Step`]: what to echo, and the finished line when there is one. Editing works on
//! characters (UTF-8), and every character is taken to be one column wide.
//!
//! Bytes typed while no line is asked for do not come here; they wait in input.rs.

use alloc::vec::Vec;

/// The longest line there is, in bytes; a request for more gets this. It leaves room for a message's
/// framing in the 1024-byte result buffers that programs commonly pass.
pub const LINE_LIMIT: usize = 768;

const CANCEL: u8 = 0x03; // ctrl-C
const END: u8 = 0x04; // ctrl-D
const BACKSPACE: u8 = 0x08;
const LINE_FEED: u8 = 0x0a;
/// Ends a line.
pub const RETURN: u8 = 0x0d;
const KILL_LINE: u8 = 0x15; // ctrl-U
const KILL_WORD: u8 = 0x17; // ctrl-W
const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// What a program asks of the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Longest line in bytes, at most [`LINE_LIMIT`]. With 0 nothing can be typed.
    pub max_bytes: usize,
    /// Whether the person sees what is typed.
    pub visible: bool,
    /// Whether an empty line may be submitted.
    pub allow_empty: bool,
}

/// How a line ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// With return: these bytes, without the line end. UTF-8 unless something else was typed.
    Submitted(Vec<u8>),
    /// With ctrl-C, whatever had been typed.
    Cancelled,
    /// With ctrl-D on an empty line, or because the terminal hung up.
    Closed,
}

/// What one typed byte leads to. The echo is to be written first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the echo has to be written and a finished line handed to its caller"]
pub struct Step {
    /// What the person should see.
    pub echo: Echo,
    /// The line, if this byte ended it.
    pub finished: Option<Finished>,
}

/// What to write to the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// Nothing.
    Nothing,
    /// The typed byte itself.
    Byte(u8),
    /// Take so many columns back.
    Erase(usize),
    /// An audible no: the byte was refused.
    Bell,
    /// Go to the next line.
    LineEnd,
    /// Show that the line was cancelled, and go to the next one.
    Cancelled,
}

impl Echo {
    /// Writes the bytes that make a terminal show this, in one or more pieces.
    pub fn write_to(self, mut write: impl FnMut(&[u8])) {
        match self {
            Echo::Nothing => {}
            Echo::Byte(byte) => write(&[byte]),
            Echo::Erase(columns) => (0..columns).for_each(|_| write(b"\x08 \x08")),
            Echo::Bell => write(b"\x07"),
            Echo::LineEnd => write(b"\r\n"),
            Echo::Cancelled => write(b"^C\r\n"),
        }
    }
}

/// Somebody is reading a line already; a terminal has one line at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// The editing state of one terminal.
#[derive(Debug, Default)]
pub struct Discipline {
    line: Option<Line>,
    sequence: Sequence,
    /// A return was just taken: the line feed that some terminals send after it belongs to it.
    after_return: bool,
}

#[derive(Debug)]
struct Line {
    bytes: Vec<u8>,
    request: Request,
    /// Continuation bytes still to be refused, because their character did not fit.
    refusing: usize,
}

/// Where in an escape sequence we are. Arrow and function keys send several bytes; none of them is text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sequence {
    #[default]
    None,
    /// After ESC.
    Started,
    /// After ESC `[`: parameters until a final byte.
    Control,
    /// After ESC `O`: one byte.
    Single,
}

impl Discipline {
    /// A terminal on which no line is asked for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a line. The caller shows the prompt. Allocates the whole line now, so that bytes never do.
    ///
    /// # Errors
    /// [`Busy`] while another line is being read.
    pub fn begin(&mut self, request: Request) -> Result<(), Busy> {
        if self.line.is_some() {
            return Err(Busy);
        }
        let request = Request {
            max_bytes: request.max_bytes.min(LINE_LIMIT),
            ..request
        };
        self.line = Some(Line {
            bytes: Vec::with_capacity(request.max_bytes),
            request,
            refusing: 0,
        });
        self.sequence = Sequence::None;
        Ok(())
    }

    /// Whether a line is being read, so that typed bytes should be fed here.
    pub fn is_reading(&self) -> bool {
        self.line.is_some()
    }

    /// Drops the line without an answer: whoever asked is gone. What was typed of it so far, unless it was not to be
    /// shown, is for whoever reads next.
    #[must_use = "somebody typed this"]
    pub fn abandon(&mut self) -> Vec<u8> {
        let line = self.line.take().filter(|line| line.request.visible);
        line.map(|line| line.bytes).unwrap_or_default()
    }

    /// The terminal hung up; the answer to whoever was reading.
    pub fn hang_up(&mut self) -> Option<Finished> {
        self.line.take().map(|_| Finished::Closed)
    }

    /// Takes one typed byte. Without a line in progress the byte is lost.
    pub fn feed(&mut self, byte: u8) -> Step {
        let after_return = core::mem::replace(&mut self.after_return, byte == RETURN);
        if byte == LINE_FEED && after_return {
            return quiet();
        }
        if self.skip_sequence(byte) {
            return quiet();
        }
        let Some(line) = &mut self.line else {
            return quiet();
        };
        match byte {
            RETURN | LINE_FEED if line.bytes.is_empty() && !line.request.allow_empty => echo(Echo::Bell),
            RETURN | LINE_FEED => self.finish(Echo::LineEnd, Finished::Submitted),
            CANCEL => self.finish(Echo::Cancelled, |_| Finished::Cancelled),
            END if line.bytes.is_empty() => self.finish(Echo::LineEnd, |_| Finished::Closed),
            BACKSPACE | DELETE => line.erase(1),
            KILL_LINE => line.erase(usize::MAX),
            KILL_WORD => line.erase_word(),
            0x00..=0x1f => quiet(),
            _ => line.accept(byte),
        }
    }

    /// Whether `byte` belongs to an escape sequence, which is swallowed whole.
    fn skip_sequence(&mut self, byte: u8) -> bool {
        let before = self.sequence;
        // A control byte ends any sequence and keeps its own meaning: ctrl-C always works.
        self.sequence = match (before, byte) {
            (_, ESCAPE) => Sequence::Started,
            (_, 0x00..=0x1f) => Sequence::None,
            (Sequence::Started, b'[') => Sequence::Control,
            (Sequence::Started, b'O') => Sequence::Single,
            (Sequence::Control, 0x20..=0x3f) => Sequence::Control,
            _ => Sequence::None,
        };
        byte == ESCAPE || (before != Sequence::None && byte >= 0x20)
    }

    fn finish(&mut self, shown: Echo, outcome: impl FnOnce(Vec<u8>) -> Finished) -> Step {
        let finished = self.line.take().map(|line| outcome(line.bytes));
        Step {
            echo: shown,
            finished,
        }
    }
}

impl Line {
    /// Appends a byte of text if its whole character fits.
    fn accept(&mut self, byte: u8) -> Step {
        if is_continuation(byte) && self.refusing > 0 {
            self.refusing -= 1;
            return quiet();
        }
        let needed = if is_continuation(byte) {
            1
        } else {
            character_bytes(byte)
        };
        self.refusing = 0;
        if self.bytes.len() + needed > self.request.max_bytes {
            self.refusing = needed - 1;
            return echo(Echo::Bell);
        }
        self.bytes.push(byte);
        if self.request.visible {
            echo(Echo::Byte(byte))
        } else {
            quiet()
        }
    }

    /// Removes up to `count` characters from the end.
    fn erase(&mut self, count: usize) -> Step {
        let mut erased = 0;
        while erased < count && self.pop_character() {
            erased += 1;
        }
        self.erased(erased)
    }

    /// Removes the blanks at the end and the word before them.
    fn erase_word(&mut self) -> Step {
        let mut erased = 0;
        while self.bytes.last() == Some(&b' ') {
            self.pop_character();
            erased += 1;
        }
        while self.bytes.last().is_some_and(|byte| *byte != b' ') {
            self.pop_character();
            erased += 1;
        }
        self.erased(erased)
    }

    fn erased(&self, columns: usize) -> Step {
        if columns == 0 || !self.request.visible {
            quiet()
        } else {
            echo(Echo::Erase(columns))
        }
    }

    /// Removes one character: a byte and the continuation bytes after it, at most four bytes in all.
    fn pop_character(&mut self) -> bool {
        let Some(mut last) = self.bytes.pop() else {
            return false;
        };
        for _ in 0..3 {
            if !is_continuation(last) {
                break;
            }
            match self.bytes.pop() {
                Some(byte) => last = byte,
                None => break,
            }
        }
        true
    }
}

fn quiet() -> Step {
    echo(Echo::Nothing)
}

fn echo(echo: Echo) -> Step {
    Step { echo, finished: None }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// How many bytes the character has that starts with `byte` (RFC 3629, section 3); a byte that starts none
/// counts as one.
fn character_bytes(byte: u8) -> usize {
    match byte {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
