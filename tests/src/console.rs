//! What a guest says on one of its serial lines, collected as it comes by a thread, for whoever waits for a part of it.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A growing text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listener {
    shared: Arc<(Mutex<Heard>, Condvar)>,
}

#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    ended: bool,
}

/// Why waiting ended without the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotHeard {
    Ended,
    TooLate,
}

impl Listener {
    /// Listens to `source` until it ends.
    pub(crate) fn to(mut source: impl Read + Send + 'static) -> Listener {
        let listener = Listener::default();
        let shared = Arc::clone(&listener.shared);
        std::thread::spawn(move || {
            let mut buffer = [0_u8; 4096];
            loop {
                let count = source.read(&mut buffer).unwrap_or(0);
                let mut heard = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                heard.bytes.extend(&buffer[..count]);
                heard.ended = count == 0;
                shared.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        listener
    }

    /// Waits until `found` makes something of the bytes from `from` on.
    pub(crate) fn wait<T>(
        &self,
        from: usize,
        limit: Duration,
        found: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, NotHeard> {
        let until = Instant::now() + limit;
        let mut heard = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(value) = found(heard.bytes.get(from..).unwrap_or_default()) {
                return Ok(value);
            }
            let left = until.saturating_duration_since(Instant::now());
            if heard.ended {
                return Err(NotHeard::Ended);
            }
            if left.is_zero() {
                return Err(NotHeard::TooLate);
            }
            heard = self
                .shared
                .1
                .wait_timeout(heard, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        let heard = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&heard.bytes).into_owned()
    }
}

/// The first position of a text within bytes.
pub(crate) fn position(bytes: &[u8], text: &str) -> Option<usize> {
    bytes
        .windows(text.len().max(1))
        .position(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_finds_a_text_after_a_mark_and_notices_the_end() {
        let listener = Listener::to(&b"one two one"[..]);
        let second = Duration::from_secs(1);
        assert_eq!(listener.wait(1, second, |bytes| position(bytes, "one")), Ok(7));
        assert_eq!(
            listener.wait(0, second, |bytes| position(bytes, "three")),
            Err(NotHeard::Ended)
        );
    }
}
