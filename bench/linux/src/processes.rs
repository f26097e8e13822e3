//! Processes: a part of this program in a process of its own, which answers its parent's questions on a socket that
//! is its standard input.

use std::io::{Error, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};

use workloads::system::{Child, Processes, Words};

use crate::raw;
use crate::system::Linux;

/// The argument before the name of a part.
pub(crate) const PART: &str = "--part";

/// This program, wherever it lies.
const SELF: &str = "/proc/self/exe";

/// A command that runs a part of this program.
pub(crate) fn command(part: &str) -> Command {
    let mut command = Command::new(SELF);
    command.arg(PART).arg(part).env_clear();
    command
}

/// The program that does nothing: beside this one.
pub(crate) fn nothing() -> Result<PathBuf, Error> {
    Ok(std::fs::read_link(SELF)?.with_file_name("linux-nothing"))
}

/// A failure of a process that was started.
pub(crate) fn ended_badly(what: impl std::fmt::Display) -> Error {
    Error::other(format!("a process that was started {what}"))
}

/// A process that runs a part of this program.
#[derive(Debug)]
pub(crate) struct Part {
    process: process::Child,
    socket: UnixStream,
}

impl Processes for Linux {
    type Child = Part;

    fn start(&self, part: &str) -> Result<Part, Error> {
        let (socket, childs) = UnixStream::pair()?;
        let process = command(part)
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(childs)))
            .spawn()?;
        Ok(Part { process, socket })
    }

    fn serve(&self, mut answer: impl FnMut(Words) -> Words) -> Result<(), Error> {
        let mut socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
        loop {
            match receive(&mut socket) {
                Ok(question) => send(&mut socket, answer(question))?,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn process_life(&self) -> Result<bool, Error> {
        Ok(raw::vfork_and_wait()? == 0)
    }
}

impl Child for Part {
    type Error = Error;

    fn ask(&mut self, question: Words) -> Result<(), Error> {
        send(&mut self.socket, question)
    }

    fn answer(&mut self) -> Result<Words, Error> {
        receive(&mut self.socket)
    }

    fn end(mut self) -> Result<(), Error> {
        drop(self.socket);
        let status = self.process.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(ended_badly(status))
        }
    }
}

fn send(socket: &mut UnixStream, words: Words) -> Result<(), Error> {
    socket.write_all(words.map(u64::to_le_bytes).as_flattened())
}

fn receive(socket: &mut UnixStream) -> Result<Words, Error> {
    let mut bytes = [[0; 8]; 4];
    socket.read_exact(bytes.as_flattened_mut())?;
    Ok(bytes.map(u64::from_le_bytes))
}
