//! Our standard input and output as the guest's terminal, where no person sits at them: a pipe, a script, a test. QEMU
//! connects to a socket of ours and we pass bytes on, which keeps QEMU's own terminal handling out of it.
//!
//! Input waits until the guest has said something: a serial line that is not set up yet drops what it is sent. The end
//! of the input is Ctrl-D to the guest, after Return where the last line has no end of its own: in a line with something
//! in it Ctrl-D ends nothing.

use crate::qemu::Terminal;
use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

/// A program that says nothing first gets its input after this long.
const SILENCE: Duration = Duration::from_secs(5);
/// What a terminal sends for Return.
const RETURN: u8 = b'\r';
/// What a terminal sends for Ctrl-D.
const END_OF_INPUT: u8 = 4;

/// A socket that a guest is to connect to.
pub(super) struct Relay {
    listener: UnixListener,
    folder: TempDir,
}

impl Relay {
    /// Prepares one.
    pub(super) fn prepare() -> Result<Relay> {
        // Not in the target folder: paths of sockets must be short.
        let folder = tempfile::Builder::new()
            .prefix("sundial-")
            .tempdir()
            .context("no folder for a socket")?;
        let path = folder.path().join("terminal");
        let listener =
            UnixListener::bind(&path).with_context(|| format!("cannot listen at {}", path.display()))?;
        Ok(Relay { listener, folder })
    }

    /// What the machine is to be told.
    pub(super) fn terminal(&self) -> Terminal {
        Terminal::Connect(self.folder.path().join("terminal"))
    }

    /// Passes bytes on until the guest ends, which ends the thread.
    pub(super) fn start(self) -> JoinHandle<()> {
        let Relay { listener, folder } = self;
        std::thread::spawn(move || {
            let Ok((mut from, _)) = listener.accept() else {
                return;
            };
            // The socket has done its work.
            drop(folder);
            let Ok(to) = from.try_clone() else { return };
            let (spoke, speaks) = channel();
            std::thread::spawn(move || {
                // Whether it spoke or kept silent for long, it has what is typed now.
                let _ = speaks.recv_timeout(SILENCE);
                pass_input(std::io::stdin(), to);
            });
            pass_output(&mut from, &spoke);
        })
    }
}

fn pass_output(from: &mut impl Read, spoke: &Sender<()>) {
    let mut buffer = [0_u8; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        // Only the first time matters, and then somebody listens.
        let _ = spoke.send(());
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(&buffer[..count]).and_then(|()| out.flush());
    }
}

/// Passes everything on, each line carried out, and the end. Nobody is left to tell when the guest has gone.
fn pass_input(mut from: impl Read, mut to: impl Write) {
    let mut buffer = [0_u8; 1024];
    let mut line_is_open = false;
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        line_is_open = !matches!(buffer[count - 1], b'\n' | RETURN);
        if to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
    let end: &[u8] = if line_is_open {
        &[RETURN, END_OF_INPUT]
    } else {
        &[END_OF_INPUT]
    };
    let _ = to.write_all(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_carried_out_whether_it_has_an_end_or_not() {
        for (typed, expected) in [
            ("", "\x04"),
            ("exit", "exit\r\x04"),
            ("exit\n", "exit\n\x04"),
            ("exit\r", "exit\r\x04"),
            ("help\nexit", "help\nexit\r\x04"),
        ] {
            let mut passed = Vec::new();
            pass_input(typed.as_bytes(), &mut passed);
            assert_eq!(passed, expected.as_bytes(), "{typed:?}");
        }
    }

    #[test]
    fn a_line_that_comes_in_pieces_is_one_line() {
        let pieces = b"ex".chain(&b"it"[..]).chain(&b"\n"[..]);
        let mut passed = Vec::new();
        pass_input(pieces, &mut passed);
        assert_eq!(passed, b"exit\n\x04");
    }
}
