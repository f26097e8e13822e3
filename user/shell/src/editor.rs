//! The line editor: keys in, a line out, and what to write to the terminal on the way.
//!
//! It needs no more of a terminal than backspace, carriage return and blanks, so it works on anything that
//! echoes nothing by itself. A line longer than the window scrolls sideways. Pure: the caller reads and writes.

use alloc::string::String;
use alloc::vec::Vec;

use crate::keys::Key;

/// What a key led to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the caller still has to act on this"]
pub enum Step {
    /// Nothing but what `take_output` says.
    Edit,
    /// The line is complete.
    Submit(String),
    /// The line was given up (control-C).
    Cancel,
    /// End of input (control-D on an empty line).
    End,
    /// Tab: the caller completes what is left of the cursor.
    Complete,
    /// Clear the screen, then `redraw`.
    Clear,
}

/// Most lines remembered.
const HISTORY: usize = 100;

/// An editor with its history.
#[derive(Clone, Debug)]
pub struct Editor {
    prompt: String,
    line: Vec<char>,
    cursor: usize,
    history: Vec<String>,
    /// Which line of the history is shown; its length: the line being written.
    at: usize,
    /// The line being written, while one of the history is shown.
    kept: Vec<char>,
    /// Columns of the terminal.
    columns: usize,
    /// What the terminal shows after the prompt: characters, and the cursor's place among them.
    shown: Vec<char>,
    shown_cursor: usize,
    output: String,
}

impl Editor {
    /// An empty line behind `prompt` on a terminal of so many columns.
    pub fn new(prompt: &str, columns: usize) -> Editor {
        Editor {
            prompt: prompt.into(),
            line: Vec::new(),
            cursor: 0,
            history: Vec::new(),
            at: 0,
            kept: Vec::new(),
            columns: columns.max(prompt.len() + 10),
            shown: Vec::new(),
            shown_cursor: 0,
            output: String::new(),
        }
    }

    /// What to write to the terminal since the last call.
    pub fn take_output(&mut self) -> String {
        core::mem::take(&mut self.output)
    }

    /// Writes prompt and line anew, on a line of the terminal that is empty.
    pub fn redraw(&mut self) {
        self.output.push_str(&self.prompt);
        self.shown.clear();
        self.shown_cursor = 0;
        self.show();
    }

    /// Wipes prompt and line from the terminal, so that something else can be written there.
    pub fn hide(&mut self) {
        let width = self.prompt.chars().count() + self.shown.len();
        self.output.push('\r');
        self.output.extend(core::iter::repeat_n(' ', width));
        self.output.push('\r');
    }

    /// What is left of the cursor.
    pub fn before_cursor(&self) -> String {
        self.line[..self.cursor].iter().collect()
    }

    /// Inserts text at the cursor, as if typed.
    pub fn insert(&mut self, text: &str) {
        for character in text.chars() {
            self.line.insert(self.cursor, character);
            self.cursor += 1;
        }
        self.show();
    }

    /// One key.
    pub fn key(&mut self, key: Key) -> Step {
        let end = self.line.len();
        match key {
            Key::Char(character) => {
                self.line.insert(self.cursor, character);
                self.cursor += 1;
            }
            Key::Enter => return self.submit(),
            Key::Control('c') => {
                self.leave_line("^C\r\n");
                return Step::Cancel;
            }
            Key::Control('d') if self.line.is_empty() => {
                self.leave_line("\r\n");
                return Step::End;
            }
            Key::Control('l') => return Step::Clear,
            Key::Tab => return Step::Complete,
            Key::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.line.remove(self.cursor);
            }
            Key::Delete | Key::Control('d') if self.cursor < end => {
                self.line.remove(self.cursor);
            }
            Key::Left | Key::Control('b') => self.cursor = self.cursor.saturating_sub(1),
            Key::Right | Key::Control('f') => self.cursor = (self.cursor + 1).min(end),
            Key::Home | Key::Control('a') => self.cursor = 0,
            Key::End | Key::Control('e') => self.cursor = end,
            Key::Control('k') => self.line.truncate(self.cursor),
            Key::Control('u') => {
                self.line.drain(..self.cursor);
                self.cursor = 0;
            }
            Key::Control('w') => self.erase_word(),
            Key::Up | Key::Control('p') => self.recall(self.at.checked_sub(1)),
            Key::Down | Key::Control('n') => self.recall(Some(self.at + 1)),
            _ => {}
        }
        self.show();
        Step::Edit
    }

    fn submit(&mut self) -> Step {
        let line: String = self.line.iter().collect();
        self.leave_line("\r\n");
        if !line.trim().is_empty() && self.history.last() != Some(&line) {
            if self.history.len() == HISTORY {
                self.history.remove(0);
            }
            self.history.push(line.clone());
        }
        self.at = self.history.len();
        Step::Submit(line)
    }

    /// Ends the line on the terminal and starts an empty one.
    fn leave_line(&mut self, ending: &str) {
        self.cursor = self.line.len();
        self.show();
        self.output.push_str(ending);
        self.line.clear();
        self.cursor = 0;
        self.shown.clear();
        self.shown_cursor = 0;
        self.at = self.history.len();
        self.kept.clear();
    }

    /// The word left of the cursor, with the blanks behind it.
    fn erase_word(&mut self) {
        let blank_from = self.line[..self.cursor]
            .iter()
            .rposition(|c| *c != ' ')
            .map_or(0, |at| at + 1);
        let from = self.line[..blank_from]
            .iter()
            .rposition(|c| *c == ' ')
            .map_or(0, |at| at + 1);
        self.line.drain(from..self.cursor);
        self.cursor = from;
    }

    fn recall(&mut self, at: Option<usize>) {
        let Some(at) = at.filter(|at| *at <= self.history.len()) else {
            return;
        };
        if self.at == self.history.len() {
            self.kept = core::mem::take(&mut self.line);
        }
        self.at = at;
        self.line = match self.history.get(at) {
            Some(line) => line.chars().collect(),
            None => core::mem::take(&mut self.kept),
        };
        self.cursor = self.line.len();
    }

    /// Brings the terminal from what it shows to what it should show, with as few characters as is simple.
    fn show(&mut self) {
        let window = self.columns - self.prompt.chars().count() - 1;
        let start = (self.cursor + 1).saturating_sub(window);
        let wanted: Vec<char> = self.line[start..].iter().copied().take(window).collect();
        let wanted_cursor = self.cursor - start;

        let same = self
            .shown
            .iter()
            .zip(&wanted)
            .take_while(|(old, new)| old == new)
            .count();
        let changed = same < self.shown.len() || same < wanted.len();
        if changed {
            self.move_to(same);
            self.output.extend(&wanted[same..]);
            let leftover = self.shown.len().saturating_sub(wanted.len());
            self.output.extend(core::iter::repeat_n(' ', leftover));
            self.shown_cursor = wanted.len() + leftover;
            self.shown = wanted;
        }
        self.move_to(wanted_cursor);
    }

    /// Moves the terminal's cursor within what is shown: left by backspaces, right by writing what is there.
    fn move_to(&mut self, column: usize) {
        if column < self.shown_cursor {
            self.output
                .extend(core::iter::repeat_n('\x08', self.shown_cursor - column));
        } else {
            self.output.extend(&self.shown[self.shown_cursor..column]);
        }
        self.shown_cursor = column;
    }
}

#[cfg(test)]
mod tests;
