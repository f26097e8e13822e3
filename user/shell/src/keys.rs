//! From bytes of a terminal to keys: control characters, UTF-8, and the escape sequences of cursor keys.

/// A key, as far as the shell cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A printable character.
    Char(char),
    /// Control and a letter, as the letter in lower case.
    Control(char),
    /// Return.
    Enter,
    /// Erase to the left.
    Backspace,
    /// Erase under the cursor.
    Delete,
    /// Tabulator.
    Tab,
    /// Cursor keys.
    Up,
    /// Cursor down.
    Down,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// To the start of the line.
    Home,
    /// To the end of the line.
    End,
    /// The terminal's answer to "where is the cursor": row and column, from 1.
    Position(u16, u16),
}

/// Takes bytes one by one; sequences may be cut anywhere.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    state: State,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// After a carriage return: a line feed that belongs to it is not a second Return.
    AfterReturn,
    Escape,
    /// After `ESC [` or `ESC O`: numbers so far, and the one being read.
    Sequence {
        first: u16,
        number: u16,
    },
    /// Inside a UTF-8 character: bits so far, bytes still to come.
    Utf8 {
        bits: u32,
        missing: u8,
    },
}

impl Decoder {
    /// The next byte; a key if one is complete.
    pub fn feed(&mut self, byte: u8) -> Option<Key> {
        let state = core::mem::take(&mut self.state);
        match state {
            State::Escape if byte == b'[' || byte == b'O' => {
                self.state = State::Sequence { first: 0, number: 0 };
                None
            }
            State::Sequence { first, number } => self.sequence(first, number, byte),
            State::Utf8 { bits, missing } if byte & 0xc0 == 0x80 => {
                let bits = bits << 6 | u32::from(byte & 0x3f);
                if missing == 1 {
                    return char::from_u32(bits).map(Key::Char);
                }
                self.state = State::Utf8 {
                    bits,
                    missing: missing - 1,
                };
                None
            }
            State::AfterReturn if byte == b'\n' => None,
            _ => self.ground(byte),
        }
    }

    fn ground(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'\r' => {
                self.state = State::AfterReturn;
                Some(Key::Enter)
            }
            b'\n' => Some(Key::Enter),
            b'\t' => Some(Key::Tab),
            0x08 | 0x7f => Some(Key::Backspace),
            0x1b => {
                self.state = State::Escape;
                None
            }
            1..=26 => Some(Key::Control((byte - 1 + b'a') as char)),
            b' '..=b'~' => Some(Key::Char(byte as char)),
            0xc2..=0xdf => self.utf8(u32::from(byte & 0x1f), 1),
            0xe0..=0xef => self.utf8(u32::from(byte & 0x0f), 2),
            0xf0..=0xf4 => self.utf8(u32::from(byte & 0x07), 3),
            _ => None,
        }
    }

    fn utf8(&mut self, bits: u32, missing: u8) -> Option<Key> {
        self.state = State::Utf8 { bits, missing };
        None
    }

    fn sequence(&mut self, first: u16, number: u16, byte: u8) -> Option<Key> {
        match byte {
            b'0'..=b'9' => {
                let number = number.saturating_mul(10).saturating_add(u16::from(byte - b'0'));
                self.state = State::Sequence { first, number };
                None
            }
            b';' => {
                self.state = State::Sequence {
                    first: number,
                    number: 0,
                };
                None
            }
            b'A' => Some(Key::Up),
            b'B' => Some(Key::Down),
            b'C' => Some(Key::Right),
            b'D' => Some(Key::Left),
            b'H' => Some(Key::Home),
            b'F' => Some(Key::End),
            b'R' => Some(Key::Position(first, number)),
            b'~' => match number {
                1 | 7 => Some(Key::Home),
                4 | 8 => Some(Key::End),
                3 => Some(Key::Delete),
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        bytes.iter().filter_map(|byte| decoder.feed(*byte)).collect()
    }

    #[test]
    fn cursor_keys_come_in_several_spellings() {
        assert_eq!(
            keys(b"\x1b[A\x1b[B\x1bOC\x1b[D"),
            [Key::Up, Key::Down, Key::Right, Key::Left]
        );
        assert_eq!(keys(b"\x1b[H\x1b[1~\x1b[7~\x1bOH"), vec![Key::Home; 4]);
        assert_eq!(
            keys(b"\x1b[F\x1b[4~\x1b[8~\x1b[3~"),
            [Key::End, Key::End, Key::End, Key::Delete]
        );
        assert_eq!(keys(b"\x1b[24;80R"), [Key::Position(24, 80)]);
    }

    #[test]
    fn text_and_control_characters_are_told_apart() {
        assert_eq!(
            keys(b"a\x01\x7f\x08\t"),
            [
                Key::Char('a'),
                Key::Control('a'),
                Key::Backspace,
                Key::Backspace,
                Key::Tab
            ]
        );
        assert_eq!(keys("ä€".as_bytes()), [Key::Char('ä'), Key::Char('€')]);
        assert_eq!(
            keys(b"\xc3(\xff"),
            [Key::Char('(')],
            "broken UTF-8 is dropped, what follows is not"
        );
    }

    #[test]
    fn a_line_end_is_one_return_however_it_is_spelled() {
        assert_eq!(keys(b"\r\n\r\n\n\r"), vec![Key::Enter; 4]);
        assert_eq!(
            keys(b"\x1b\x1b[A"),
            [Key::Up],
            "a lone escape does not eat the next sequence"
        );
    }
}
