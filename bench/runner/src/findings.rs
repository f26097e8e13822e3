//! What parts of a run hand back: the rows that were measured, and a sentence for everything that was not.

use super::measured::Measured;
use anyhow::Result;
use xtask::progress;
use xtask::qemu::interrupt;

/// Rows and failures.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) rows: Vec<Measured>,
    pub(super) failures: Vec<String>,
}

impl Findings {
    /// Takes in a row, or the reason why there is none.
    pub(super) fn take(&mut self, row: Result<Measured>) {
        match row {
            Ok(row) => self.rows.push(row),
            Err(error) => self.fail(format!("{error:#}")),
        }
    }

    /// Notes what could not be measured, and says it at once; whoever interrupts a run knows why it fails.
    pub(super) fn fail(&mut self, reason: String) {
        if !interrupt::pending() {
            progress::say(format!("FAILED: {reason}"));
        }
        self.note(reason);
    }

    /// Notes a reason once, however many boots gave it.
    fn note(&mut self, reason: String) {
        if !self.failures.contains(&reason) {
            self.failures.push(reason);
        }
    }

    /// Takes in those of another part.
    pub(super) fn join(&mut self, other: Findings) {
        self.rows.extend(other.rows);
        for reason in other.failures {
            self.note(reason);
        }
    }
}
