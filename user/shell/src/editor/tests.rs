//! The editor against a model of the terminal it writes to: whatever the keys, the screen shows the line.

use super::*;
use crate::keys::Decoder;
use alloc::string::ToString;
use alloc::vec;

/// The few things the editor expects of a terminal.
#[derive(Default)]
struct Screen {
    lines: Vec<Vec<char>>,
    current: Vec<char>,
    column: usize,
}

impl Screen {
    fn write(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '\r' => self.column = 0,
                '\x08' => self.column -= 1,
                '\n' => self.lines.push(core::mem::take(&mut self.current)),
                _ => {
                    if self.column == self.current.len() {
                        self.current.push(' ');
                    }
                    self.current[self.column] = character;
                    self.column += 1;
                }
            }
        }
    }

    fn text(&self) -> String {
        self.current.iter().collect::<String>().trim_end().to_string()
    }
}

struct Session {
    editor: Editor,
    decoder: Decoder,
    screen: Screen,
    steps: Vec<Step>,
}

fn session(columns: usize) -> Session {
    let mut session = Session {
        editor: Editor::new("> ", columns),
        decoder: Decoder::default(),
        screen: Screen::default(),
        steps: vec![],
    };
    session.editor.redraw();
    session.flush();
    session
}

impl Session {
    fn flush(&mut self) {
        let output = self.editor.take_output();
        self.screen.write(&output);
    }

    /// Types bytes and checks after every key that the screen shows the line and the cursor in it.
    fn type_keys(mut self, bytes: &[u8]) -> Session {
        for byte in bytes {
            let Some(key) = self.decoder.feed(*byte) else {
                continue;
            };
            let step = self.editor.key(key);
            self.flush();
            if matches!(step, Step::Edit) {
                assert_eq!(
                    self.screen.column,
                    2 + self.editor.shown_cursor,
                    "the cursor is where it should be"
                );
            } else {
                if matches!(step, Step::Submit(_)) {
                    self.editor.redraw();
                    self.flush();
                }
                self.steps.push(step);
            }
        }
        self
    }

    fn line(&self) -> String {
        self.editor.line.iter().collect()
    }
}

#[test]
fn typing_and_erasing_show_on_the_screen() {
    let session = session(80).type_keys(b"hello\x7f\x7fp me");
    assert_eq!(
        (session.line().as_str(), session.screen.text().as_str()),
        ("help me", "> help me")
    );
}

#[test]
fn the_cursor_moves_and_edits_in_the_middle() {
    let session = session(80).type_keys(b"wold\x1b[D\x1b[Dr\x01hello \x05!\x1b[H\x1b[3~H");
    assert_eq!(session.line(), "Hello world!");
    assert_eq!(session.screen.text(), "> Hello world!");
}

#[test]
fn whole_stretches_go_with_one_key() {
    assert_eq!(session(80).type_keys(b"one two  three\x17").line(), "one two  ");
    assert_eq!(session(80).type_keys(b"one two  \x17").line(), "one ");
    assert_eq!(session(80).type_keys(b"one two\x1b[D\x1b[D\x0b").line(), "one t");
    let session = session(80).type_keys(b"one two\x1b[D\x1b[D\x15");
    assert_eq!(
        (session.line().as_str(), session.screen.text().as_str()),
        ("wo", "> wo")
    );
}

#[test]
fn history_goes_up_and_comes_back_to_the_line_being_written() {
    let session = session(80).type_keys(b"first\rsecond\rthird\x1b[A\x1b[A");
    assert_eq!(session.line(), "first");
    let session = session.type_keys(b"\x1b[A\x1b[A");
    assert_eq!(session.line(), "first", "there is nothing before the first");
    let session = session.type_keys(b"\x1b[B\x1b[B");
    assert_eq!(
        (session.line().as_str(), session.screen.text().as_str()),
        ("third", "> third")
    );
    assert_eq!(session.type_keys(b"\x1b[B").line(), "third", "nor after the last");
}

#[test]
fn a_repeated_line_is_remembered_once_and_an_empty_one_not_at_all() {
    let session = session(80).type_keys(b"same\rsame\r   \r\r");
    assert_eq!(session.editor.history, ["same"]);
    assert_eq!(session.steps.len(), 4);
}

#[test]
fn a_long_line_scrolls_sideways() {
    let session = session(20).type_keys(b"0123456789abcdefghijklmnopq");
    assert_eq!(session.screen.text(), "> bcdefghijklmnopq");
    let session = session.type_keys(b"\x01");
    assert_eq!(
        (session.screen.text().as_str(), session.screen.column),
        ("> 0123456789abcdefg", 2)
    );
    assert_eq!(session.line(), "0123456789abcdefghijklmnopq");
}

#[test]
fn control_c_gives_up_the_line_and_control_d_ends_only_an_empty_one() {
    let session = session(80).type_keys(b"abc\x03");
    assert_eq!(
        (session.steps.as_slice(), session.line().as_str()),
        (&[Step::Cancel][..], "")
    );
    let session = super::tests::session(80).type_keys(b"ab\x01\x04\x04\x04");
    assert_eq!(
        session.steps,
        [Step::End],
        "the first two erased a character each"
    );
}

#[test]
fn hiding_leaves_an_empty_line() {
    let mut session = session(80).type_keys(b"abc\x1b[D");
    session.editor.hide();
    session.flush();
    assert_eq!((session.screen.text().as_str(), session.screen.column), ("", 0));
    session.editor.redraw();
    session.flush();
    assert_eq!(
        (session.screen.text().as_str(), session.screen.column),
        ("> abc", 4)
    );
}

#[test]
fn any_keys_leave_screen_and_line_in_agreement() {
    // A small generator of its own, so that the run is the same everywhere.
    let mut random = 12345u32;
    let keys: &[&[u8]] = &[
        b"a", b"b ", b"\x7f", b"\x1b[D", b"\x1b[C", b"\x01", b"\x05", b"\x0b", b"\x17", b"\x1b[A", b"\x1b[B",
        b"\x1b[3~", b"xyz", b"\r",
    ];
    let mut session = session(24);
    for _ in 0..3000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        session = session.type_keys(keys[(random >> 16) as usize % keys.len()]);
        let shown: String = session.editor.shown.iter().collect();
        assert_eq!(session.screen.text(), alloc::format!("> {shown}").trim_end());
        assert!(session.line().contains(&shown));
    }
}
