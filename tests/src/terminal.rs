//! A person at the guest's terminal: types, and reads what appears.

use crate::console::{Listener, NotHeard, position};
use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The seat before the guest is there: QEMU connects to it.
#[derive(Debug)]
pub(crate) struct Seat {
    listener: UnixListener,
    pub(crate) path: PathBuf,
}

impl Seat {
    /// Prepares a seat.
    pub(crate) fn prepare() -> std::io::Result<Seat> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Not in the target folder: paths of sockets must be short.
        let path = std::env::temp_dir().join(format!("sundial-seat-{}-{number}", std::process::id()));
        let listener = UnixListener::bind(&path)?;
        listener.set_nonblocking(true)?;
        Ok(Seat { listener, path })
    }

    /// Waits for the guest.
    pub(crate) fn sit_down(self, limit: Duration) -> std::io::Result<Terminal> {
        let until = Instant::now() + limit;
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock || Instant::now() > until => {
                    return Err(error);
                }
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        stream.set_nonblocking(false)?;
        let listener = Listener::to(stream.try_clone()?);
        Ok(Terminal {
            stream,
            listener,
            read: 0,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A seat with somebody in it.
#[derive(Debug)]
pub(crate) struct Terminal {
    stream: UnixStream,
    listener: Listener,
    /// How far the person has read.
    read: usize,
}

impl Terminal {
    pub(crate) fn type_text(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    /// Waits until `text` appears after what was read before: everything up to its end.
    pub(crate) fn expect(&mut self, text: &str, limit: Duration) -> Result<String, NotHeard> {
        let found = self.listener.wait(self.read, limit, |bytes| {
            let end = position(bytes, text)? + text.len();
            Some((end, String::from_utf8_lossy(&bytes[..end]).into_owned()))
        })?;
        self.read += found.0;
        Ok(found.1)
    }

    pub(crate) fn text(&self) -> String {
        self.listener.text()
    }
}
