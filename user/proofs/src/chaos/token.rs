//! A token: a capability of which there is one, and whose travels are written down where nobody can change them. It is the one
//! write end of a pipe; the other end stays with the process that made it. Whoever gets the token writes `C` (claimed) into
//! it, and `R` (given up) before moving it on. So the pipe reads C R C R …, whoever ends in between: two letters of a kind
//! in a row are two holders at once, and a pipe that does not end when everybody has is a capability that nobody has and
//! nothing dropped.

use alloc::vec::Vec;

use rt::Error;
use rt::pending::Pending;
use rt::pipe::{Chunk, Pipe};
use rt::process::ProcessSpawner;

use crate::ensure;
use crate::tools::Wrong;

/// Written by who has got a token.
pub const CLAIMED: u8 = b'C';
/// Written by who is about to move it on.
pub const GIVEN_UP: u8 = b'R';

/// Letters that the pipe holds: more than are written between two looks.
const PIPE_BYTES: u32 = 16 << 10;

/// The end that stays.
pub struct Token {
    number: u64,
    pipe: Pipe,
    read: Option<Pending<Chunk>>,
    letters: Vec<u8>,
    ended: bool,
}

impl Token {
    /// A token, and the capability that is it.
    pub fn create(spawner: &ProcessSpawner, number: u64) -> Result<(Token, Pipe), Error> {
        let (pipe, held) = spawner.pipe(PIPE_BYTES)?;
        let token = Token {
            number,
            pipe,
            read: None,
            letters: Vec::new(),
            ended: false,
        };
        Ok((token, held))
    }

    /// Reads what was written, without waiting.
    pub fn drain(&mut self) -> Result<(), Error> {
        while !self.ended {
            let read = match self.read.take() {
                Some(read) => read,
                None => self.pipe.start_read()?,
            };
            if !read.is_ready() {
                self.read = Some(read);
                break;
            }
            let chunk = read.wait()?;
            self.letters.extend_from_slice(&chunk.bytes);
            self.ended = chunk.at_end;
        }
        Ok(())
    }

    /// Whether nobody holds it any more.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether nobody ever held it beside another.
    pub fn check(&self) -> Result<(), Wrong> {
        let number = self.number;
        for (at, letter) in self.letters.iter().enumerate() {
            let expected = [CLAIMED, GIVEN_UP][at % 2];
            ensure!(
                *letter == expected,
                "token {number} had two holders, or was lost and found: {} after {at} letters",
                char::from(*letter)
            );
        }
        Ok(())
    }
}
