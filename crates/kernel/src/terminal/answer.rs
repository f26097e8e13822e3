//! What the terminal's readers get: a line and how it ended, or bytes as they were typed.

use alloc::vec::Vec;

use schema_gen::system::LineStatus;
use schema_gen::system::terminal_session::{read_line_results, read_results};

use super::discipline::{Finished, LINE_LIMIT};
use crate::wire;

/// Bytes of either answer besides the data, which is padded to whole words.
pub const OVERHEAD: usize = 32;

/// The answer to a line read.
pub(super) fn line(finished: &Finished) -> Vec<u8> {
    let (status, text) = match finished {
        Finished::Submitted(text) => (LineStatus::Submitted, text.as_slice()),
        Finished::Cancelled => (LineStatus::Cancelled, &[][..]),
        Finished::Closed => (LineStatus::Closed, &[][..]),
    };
    let mut message = wire::builder_for(OVERHEAD + LINE_LIMIT);
    let mut root = message.init_root::<read_line_results::Builder<'_>>();
    root.set_status(status);
    root.set_line(text);
    wire::finish(message)
}

/// The answer to a raw read.
pub(super) fn raw(data: &[u8], closed: bool) -> Vec<u8> {
    let mut message = wire::builder_for(OVERHEAD + data.len());
    let mut root = message.init_root::<read_results::Builder<'_>>();
    root.set_data(data);
    root.set_closed(closed);
    wire::finish(message)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn p9_an_answer_is_as_long_as_was_promised() {
        for length in [0, 1, 7, 8, 700, 8152] {
            let answer = raw(&vec![b'x'; length], false);
            assert_eq!(answer.len(), OVERHEAD + length.next_multiple_of(8));
        }
        let longest = line(&Finished::Submitted(vec![b'x'; LINE_LIMIT]));
        assert_eq!(longest.len(), OVERHEAD + LINE_LIMIT);
        assert_eq!(line(&Finished::Cancelled).len(), OVERHEAD);
    }
}
