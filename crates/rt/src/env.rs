//! What a program is born with: its process id, its named capabilities, and its arguments.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use abi::capset::{Capset, Entry};

use crate::cap::{Cap, Client};
use crate::error::Error;
use crate::pipe::Pipe;

/// Name of the pipe that carries a program's arguments (docs/programs.md).
pub const ARGUMENTS: &str = "args";

/// Name of the pipe, console or terminal that `print!` writes to; without it, a console named `console`.
pub const OUTPUT: &str = "out";

/// A program's surroundings. Threads take a copy along.
#[derive(Clone, Copy, Debug)]
pub struct Env {
    pid: u64,
    capset: Option<Capset<'static>>,
}

impl Env {
    pub(crate) fn new(pid: u64, capset: Option<Capset<'static>>) -> Env {
        Env { pid, capset }
    }

    /// This process's id.
    pub fn pid(&self) -> u64 {
        self.pid
    }

    /// Every capability the program was started with, in the order of its grants.
    pub fn capabilities(&self) -> impl Iterator<Item = Entry<'static>> + use<> {
        self.capset.into_iter().flat_map(|capset| capset.entries())
    }

    /// The capability called `name`, if it has the interface of `C`.
    pub fn get<C: Client>(&self, name: &str) -> Result<C, Error> {
        self.capabilities()
            .find(|entry| entry.name == name && entry.interface_id == C::INTERFACE)
            .map(|entry| C::from_cap(Cap::granted(entry.cap_id)))
            .ok_or_else(|| Error::NotGranted(name.to_owned().into()))
    }

    /// The first capability with the interface of `C`, whatever its name.
    pub fn first<C: Client>(&self) -> Result<C, Error> {
        self.capabilities()
            .find(|entry| entry.interface_id == C::INTERFACE)
            .map(|entry| C::from_cap(Cap::granted(entry.cap_id)))
            .ok_or(Error::NotGranted(C::NAME.into()))
    }

    /// The program's arguments: whatever its parent wrote into the pipe `args`, each argument ending in a zero
    /// byte. Without the pipe there are none. They can be read once.
    pub fn arguments(&self) -> Vec<String> {
        let Ok(pipe) = self.get::<Pipe>(ARGUMENTS) else {
            return Vec::new();
        };
        split_arguments(&pipe.read_to_end().unwrap_or_default())
    }
}

/// Takes apart what [`join_arguments`] put together.
pub fn split_arguments(bytes: &[u8]) -> Vec<String> {
    let mut arguments: Vec<String> = bytes
        .split(|byte| *byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect();
    arguments.pop(); // what follows the last zero byte: nothing
    arguments
}

/// The bytes that carry `arguments` in the pipe `args`.
pub fn join_arguments<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for argument in arguments {
        bytes.extend_from_slice(argument.as_bytes());
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_survive_the_pipe_even_empty_ones() {
        for arguments in [&[][..], &["one"], &["", "two words", ""]] {
            assert_eq!(
                split_arguments(&join_arguments(arguments.iter().copied())),
                arguments
            );
        }
    }
}
