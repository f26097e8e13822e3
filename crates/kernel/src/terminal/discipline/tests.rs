use alloc::string::String;

use proptest::prelude::*;

use super::*;

const PLAIN: Request = Request {
    max_bytes: 80,
    visible: true,
    allow_empty: true,
};

/// Types `text` into a fresh line: what the person saw, and how the line ended if it did.
fn typed(request: Request, text: &[u8]) -> (String, Option<Finished>) {
    let mut discipline = Discipline::new();
    discipline.begin(request).unwrap();
    feed(&mut discipline, text)
}

fn feed(discipline: &mut Discipline, text: &[u8]) -> (String, Option<Finished>) {
    let mut seen = Vec::new();
    for byte in text {
        let step = discipline.feed(*byte);
        step.echo.write_to(|bytes| seen.extend_from_slice(bytes));
        if step.finished.is_some() {
            return (String::from_utf8(seen).unwrap(), step.finished);
        }
    }
    (String::from_utf8(seen).unwrap(), None)
}

fn line(text: &str) -> Option<Finished> {
    Some(Finished::Submitted(text.into()))
}

fn ended_as(request: Request, text: &[u8]) -> Option<Finished> {
    typed(request, text).1
}

#[test]
fn p9_a_line_ends_with_return_or_line_feed_and_is_echoed() {
    assert_eq!(typed(PLAIN, b"help\r"), ("help\r\n".into(), line("help")));
    assert_eq!(typed(PLAIN, b"help\n"), ("help\r\n".into(), line("help")));
    assert_eq!(typed(PLAIN, b"hel"), ("hel".into(), None));
}

#[test]
fn p9_return_and_line_feed_together_end_one_line() {
    let mut discipline = Discipline::new();
    discipline.begin(PLAIN).unwrap();
    assert_eq!(feed(&mut discipline, b"one\r").1, line("one"));
    discipline.begin(PLAIN).unwrap();
    assert_eq!(feed(&mut discipline, b"\ntwo\r").1, line("two"));
}

#[test]
fn p9_a_hidden_line_shows_nothing_but_its_end() {
    let hidden = Request {
        visible: false,
        ..PLAIN
    };
    assert_eq!(
        typed(hidden, b"sesamx\x7fe oops\x17\x08\r"),
        ("\r\n".into(), line("sesame"))
    );
}

#[test]
fn p9_backspace_takes_back_one_character() {
    assert_eq!(typed(PLAIN, b"ab\x7f\r"), ("ab\x08 \x08\r\n".into(), line("a")));
    assert_eq!(typed(PLAIN, b"\x7f\x08a\r"), ("a\r\n".into(), line("a")));
    assert_eq!(ended_as(PLAIN, "naïve€\x08\x08\r".as_bytes()), line("naïv"));
}

#[test]
fn p9_kill_line_and_kill_word_take_back_more() {
    assert_eq!(
        typed(PLAIN, b"abc\x15d\r"),
        ("abc\x08 \x08\x08 \x08\x08 \x08d\r\n".into(), line("d"))
    );
    assert_eq!(ended_as(PLAIN, b"run hogs  \x17pong\r"), line("run pong"));
    assert_eq!(ended_as(PLAIN, b"one\x17\x17\x15\r"), line(""));
}

#[test]
fn p9_control_c_cancels_and_control_d_closes_only_an_empty_line() {
    assert_eq!(
        typed(PLAIN, b"half\x03"),
        ("half^C\r\n".into(), Some(Finished::Cancelled))
    );
    assert_eq!(ended_as(PLAIN, b"\x04"), Some(Finished::Closed));
    assert_eq!(typed(PLAIN, b"x\x04y\r"), ("xy\r\n".into(), line("xy")));
}

#[test]
fn p9_an_empty_line_is_refused_when_it_may_not_be_empty() {
    let filled = Request {
        allow_empty: false,
        ..PLAIN
    };
    assert_eq!(typed(filled, b"\r\rx\r"), ("\x07\x07x\r\n".into(), line("x")));
    assert_eq!(ended_as(PLAIN, b"\r"), line(""));
}

#[test]
fn p9_a_full_line_takes_no_more_but_can_be_edited() {
    let short = Request {
        max_bytes: 3,
        ..PLAIN
    };
    assert_eq!(
        typed(short, b"abcd\x7fe\r"),
        ("abc\x07\x08 \x08e\r\n".into(), line("abe"))
    );
    assert_eq!(
        ended_as(
            Request {
                max_bytes: 0,
                ..PLAIN
            },
            b"abc\r"
        ),
        line("")
    );
}

#[test]
fn p9_a_character_that_does_not_fit_whole_is_refused_whole() {
    let short = Request {
        max_bytes: 3,
        ..PLAIN
    };
    assert_eq!(
        typed(short, "ab€c\r".as_bytes()),
        ("ab\x07c\r\n".into(), line("abc"))
    );
}

#[test]
fn p9_control_characters_and_key_sequences_are_swallowed() {
    let noise = b"a\x00\x09\x0bb\x1b[A\x1b[1;5Cc\x1bOPd\x1bxe\r";
    assert_eq!(typed(PLAIN, noise), ("abcde\r\n".into(), line("abcde")));
    assert_eq!(ended_as(PLAIN, b"abc\x1b[\x03"), Some(Finished::Cancelled));
}

#[test]
fn p9_one_line_is_read_at_a_time() {
    let mut discipline = Discipline::new();
    discipline.begin(PLAIN).unwrap();
    assert_eq!(discipline.begin(PLAIN), Err(Busy));
    assert_eq!(discipline.abandon(), b"");
    assert!(!discipline.is_reading());
    discipline.begin(PLAIN).unwrap();
    assert_eq!(
        (discipline.hang_up(), discipline.hang_up()),
        (Some(Finished::Closed), None)
    );
    assert_eq!(discipline.feed(b'x'), quiet());
}

#[test]
fn p18_what_was_typed_for_a_reader_that_is_gone_is_kept_unless_it_was_secret() {
    for (visible, kept) in [(true, &b"ab"[..]), (false, b"")] {
        let mut discipline = Discipline::new();
        discipline.begin(Request { visible, ..PLAIN }).unwrap();
        assert!(
            b"abx\x08"
                .iter()
                .all(|byte| discipline.feed(*byte).finished.is_none())
        );
        assert_eq!(discipline.abandon(), kept);
    }
}

proptest! {
    #[test]
    fn p9_any_bytes_leave_a_line_within_its_limit_and_its_allocation(
        max_bytes in 0usize..20,
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut discipline = Discipline::new();
        let request = Request { max_bytes, visible: true, allow_empty: false };
        for byte in bytes {
            if !discipline.is_reading() {
                discipline.begin(request).unwrap();
            }
            let before = discipline.line.as_ref().unwrap().bytes.capacity();
            if let Some(Finished::Submitted(line)) = discipline.feed(byte).finished {
                prop_assert!((1..=max_bytes).contains(&line.len()));
            }
            if let Some(line) = &discipline.line {
                prop_assert_eq!(line.bytes.capacity(), before);
            }
        }
    }

    #[test]
    fn p9_editing_whole_characters_keeps_a_line_utf8(
        text in "[a-zäß€😀 \x08\x17]{0,60}",
        max_bytes in 0usize..40,
    ) {
        let finished = ended_as(Request { max_bytes, ..PLAIN }, alloc::format!("{text}\r").as_bytes());
        let Some(Finished::Submitted(line)) = finished else { panic!("not submitted") };
        prop_assert!(String::from_utf8(line).is_ok());
    }
}
