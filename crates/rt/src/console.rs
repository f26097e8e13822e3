//! Text for people: the console, and the terminal with its keyboard.

use alloc::string::String;
use alloc::vec::Vec;

use crate::cap::{Client, client};
use crate::error::Error;
use crate::message::{Flat, Run, with_run};
use crate::pending::{Pending, Reply, call_void};

client! {
    /// The system console: write only.
    Console, CONSOLE
}

client! {
    /// A terminal: the second serial line.
    TerminalSession, TERMINAL_SESSION
}

const WRITE: u16 = 0;
const WRITE_LINE: u16 = 1;
const READ: u16 = 3;

/// Bytes of keyboard input asked for at a time.
const KEYS: u32 = 64;

/// Longest piece of output per call.
const PIECE: usize = 32 << 10;

impl Console {
    /// Writes bytes; those of one call (up to 32 KiB) stay together on the line.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        write(self.cap(), bytes)
    }

    /// Writes text and a line end.
    pub fn write_line(&self, text: &str) -> Result<(), Error> {
        with_run(Run::Text, text.as_bytes(), |params| {
            call_void(self.cap().method(WRITE_LINE), params)
        })
    }
}

/// Keys as they came from the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Raw bytes, control characters and escape sequences included.
    pub bytes: Vec<u8>,
    /// The line is gone; nothing will follow.
    pub closed: bool,
}

impl TerminalSession {
    /// Writes bytes.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        write(self.cap(), bytes)
    }

    /// Writes text whose line ends become carriage return and line feed, as a terminal needs them.
    pub fn write_text(&self, text: &str) -> Result<(), Error> {
        if text.contains('\n') {
            self.write(with_carriage_returns(text).as_bytes())
        } else {
            self.write(text.as_bytes())
        }
    }

    /// Starts a read that completes when at least one byte has come.
    pub fn start_read(&self) -> Result<Pending<Keys>, Error> {
        let params = Flat::<24>::new().u32(0, KEYS).bytes().to_vec();
        Pending::start(self.cap().method(READ), params, 1024, decode_keys)
    }
}

fn write(cap: &crate::cap::Cap, bytes: &[u8]) -> Result<(), Error> {
    bytes
        .chunks(PIECE)
        .try_for_each(|piece| with_run(Run::Data, piece, |params| call_void(cap.method(WRITE), params)))
}

fn decode_keys(reply: Reply<'_>) -> Result<Keys, Error> {
    reply.read::<schema_gen::system::terminal_session::read_results::Owned, _>(|root| {
        Ok(Keys {
            bytes: root.get_data()?.to_vec(),
            closed: root.get_closed(),
        })
    })
}

/// `text` with every line end as carriage return and line feed.
pub fn with_carriage_returns(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for piece in text.split_inclusive('\n') {
        match piece.strip_suffix('\n') {
            Some(line) => {
                out.push_str(line.strip_suffix('\r').unwrap_or(line));
                out.push_str("\r\n");
            }
            None => out.push_str(piece),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p9_line_ends_become_two_characters_exactly_once() {
        assert_eq!(with_carriage_returns("a\nb\r\n\nc"), "a\r\nb\r\n\r\nc");
    }
}
