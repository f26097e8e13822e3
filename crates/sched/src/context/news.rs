//! What whoever holds a context is told of it: that its budget was used up, that a deadline passed. Rule E5.
//!
//! There is one cell for each, in the budget's box, so noting needs no lock but that of whoever has the box, and no memory.
//! What nobody has read when the next comes is counted, and the latest is kept.

use crate::ids::ThreadId;
use crate::time::{Instant, Nanos};

/// What happened to a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// It was used up while its thread wanted more.
    UsedUp,
    /// Its thread still wanted what should have been had by a deadline.
    DeadlineMissed,
}

/// The latest of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Nobody has read it yet.
    pub is_present: bool,
    /// How many there were, ever.
    pub sequence: u64,
    /// How many before this one nobody has read.
    pub coalesced: u64,
    /// Who had the budget; 0 before the first.
    pub thread: ThreadId,
    /// What could be used then.
    pub remaining: Nanos,
    /// From when on there was more.
    pub next: Instant,
}

/// Both cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Of [`Happening::UsedUp`].
    pub used_up: Cell,
    /// Of [`Happening::DeadlineMissed`].
    pub missed: Cell,
    /// Somebody waits for news, and is to be told at once.
    pub(crate) is_awaited: bool,
    /// Something was noted since somebody began to wait.
    pub(crate) is_new: bool,
}

impl News {
    /// Notes what happened while `thread` had the budget.
    pub(crate) fn note(&mut self, what: Happening, thread: ThreadId, remaining: Nanos, next: Instant) {
        let cell = match what {
            Happening::UsedUp => &mut self.used_up,
            Happening::DeadlineMissed => &mut self.missed,
        };
        self.is_new = true;
        *cell = Cell {
            is_present: true,
            sequence: cell.sequence + 1,
            coalesced: cell.coalesced + u64::from(cell.is_present),
            thread,
            remaining,
            next,
        };
    }

    /// Whether there is anything that nobody has read.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.used_up.is_present | self.missed.is_present
    }

    /// What there is to read; it counts as read from now on.
    pub(crate) const fn read(&mut self) -> News {
        let news = *self;
        self.used_up.is_present = false;
        self.missed.is_present = false;
        if news.used_up.is_present {
            self.used_up.coalesced = 0;
        }
        if news.missed.is_present {
            self.missed.coalesced = 0;
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(news: &mut News, what: Happening, at: u64) {
        news.note(what, ThreadId(7), Nanos(at), Instant(at));
    }

    #[test]
    fn e5_the_latest_is_kept_and_those_before_are_counted() {
        let mut news = News::default();
        assert!(!news.is_any());
        for at in 1..=3 {
            note(&mut news, Happening::UsedUp, at);
        }
        assert!(news.is_any());
        let read = news.read();
        let latest = Cell {
            is_present: true,
            sequence: 3,
            coalesced: 2,
            thread: ThreadId(7),
            remaining: Nanos(3),
            next: Instant(3),
        };
        assert_eq!((read.used_up, read.missed), (latest, Cell::default()));
        assert!(!news.is_any());
    }

    #[test]
    fn e5_what_was_read_is_not_counted_again_and_sequences_go_on() {
        let mut news = News::default();
        note(&mut news, Happening::DeadlineMissed, 1);
        note(&mut news, Happening::DeadlineMissed, 2);
        let _ = news.read();
        let again = news.read();
        assert!(!again.missed.is_present);
        assert_eq!((again.missed.sequence, again.missed.coalesced), (2, 0));
        note(&mut news, Happening::DeadlineMissed, 3);
        let read = news.read();
        assert!(read.missed.is_present);
        assert_eq!((read.missed.sequence, read.missed.coalesced), (3, 0));
        assert_eq!(read.used_up.sequence, 0);
    }
}
