//! Messages that are no Cap'n Proto, or only pretend to be: cut off, with pointers to nowhere, in circles, or
//! small on the wire and enormous to walk. All are the caller's mistake and get the exception for it.

use alloc::vec::Vec;

use rt::hostile::call_with_bytes;
use rt::process::ProcessSpawner;
use rt::time::Timer;
use rt::{Client, Env, Kind};

use crate::report::{ALL, Report};

/// A struct pointer: offset in words, data words, pointers.
const fn structure(offset: i32, data: u16, pointers: u16) -> u64 {
    (offset as u32 as u64) << 2 & 0xffff_ffff | (data as u64) << 32 | (pointers as u64) << 48
}

/// A list pointer: offset in words, element size code, element count (words for code 7).
const fn list(offset: i32, size: u64, count: u64) -> u64 {
    (offset as u32 as u64) << 2 & 0xffff_ffff | 1 | size << 32 | count << 35
}

/// A far pointer: landing pad at `word` of `segment`.
const fn far(segment: u32, word: u32, double: bool) -> u64 {
    2 | (double as u64) << 2 | (word as u64) << 3 | (segment as u64) << 32
}

/// One segment with these words.
fn segment(words: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&((words.len() as u64) << 32).to_le_bytes());
    for word in words {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Messages whose framing alone is wrong, for any method with parameters.
fn framings() -> Vec<(&'static str, Vec<u8>)> {
    let header = |first: u32, second: u32| [first.to_le_bytes(), second.to_le_bytes()].concat();
    alloc::vec![
        ("no bytes at all", Vec::new()),
        ("three bytes", alloc::vec![0, 0, 0]),
        ("a header without its segment", header(0, 2)),
        ("2^32-1 segments", header(u32::MAX, 1)),
        ("2^32-2 segments", header(u32::MAX - 1, 1)),
        ("600 segments", header(599, 1)),
        ("a segment of 2^32-1 words", header(0, u32::MAX)),
        ("a segment of 2^29 words", header(0, 1 << 29)),
        ("an empty segment", header(0, 0)),
        ("zeroes only in the header", alloc::vec![0; 4]),
    ]
}

/// Roots that lead nowhere.
fn roots() -> Vec<(&'static str, Vec<u8>)> {
    alloc::vec![
        ("a root beyond the end", segment(&[structure(1000, 1, 0)])),
        ("a root before the start", segment(&[structure(-1000, 1, 0)])),
        (
            "a root larger than the message",
            segment(&[structure(0, u16::MAX, u16::MAX)])
        ),
        ("a root that is a list", segment(&[list(0, 2, 8), 0])),
        ("a root that is a capability", segment(&[3, 0])),
        (
            "a far root to a segment that is not there",
            segment(&[far(77, 0, false), 0])
        ),
        (
            "a far root beyond its segment",
            segment(&[far(0, 1 << 20, false), 0])
        ),
        ("a far root to itself", segment(&[far(0, 0, false)])),
        (
            "a double far root to itself",
            segment(&[far(0, 0, true), list(0, 2, 1)])
        ),
        (
            "a far root to a far root",
            segment(&[far(0, 1, false), far(0, 0, false)])
        ),
    ]
}

/// Parameters of `ProcessSpawner.spawn` (three pointers: name, binary, grants) with something wrong inside.
fn spawns() -> Vec<(&'static str, Vec<u8>)> {
    // Words: root, name, binary, grants, then content from word 4 on.
    let with = |name: u64, binary: u64, grants: u64, rest: &[u64]| {
        segment(&[&[structure(0, 0, 3), name, binary, grants][..], rest].concat())
    };
    let x = u64::from_le_bytes(*b"x\0\0\0\0\0\0\0");
    let no_end = u64::from_le_bytes(*b"xxxxxxxx");
    let not_utf8 = u64::from_le_bytes([0xff, 0xfe, 0, 0, 0, 0, 0, 0]);
    alloc::vec![
        (
            "a text beyond the end",
            with(list(1000, 2, 2), list(2, 2, 2), 0, &[x, x])
        ),
        (
            "a text of 2^29 bytes",
            with(list(2, 2, (1 << 29) - 1), list(2, 2, 2), 0, &[x, x])
        ),
        (
            "a text that does not end",
            with(list(2, 2, 8), list(2, 2, 2), 0, &[no_end, x])
        ),
        (
            "a text that is not UTF-8",
            with(list(2, 2, 3), list(2, 2, 2), 0, &[not_utf8, x])
        ),
        (
            "a text that is a struct",
            with(structure(2, 1, 0), list(2, 2, 2), 0, &[x, x])
        ),
        (
            "grants that are text",
            with(list(2, 2, 2), list(1, 2, 2), list(0, 2, 8), &[x, x])
        ),
        (
            "2^29 grants of no size",
            with(
                list(2, 2, 2),
                list(2, 2, 2),
                list(2, 7, 0),
                &[x, x, structure((1 << 29) - 1, 0, 0)]
            )
        ),
        (
            "2^29 grants of size void",
            with(
                list(2, 2, 2),
                list(2, 2, 2),
                list(2, 0, (1 << 29) - 1),
                &[x, x, 0]
            )
        ),
        (
            "more grants than their words hold",
            with(
                list(2, 2, 2),
                list(2, 2, 2),
                list(2, 7, 5),
                &[x, x, structure(9, 3, 2), 0, 0, 0, 0, 0]
            )
        ),
        // The one grant's name and source point back at the list that holds it.
        (
            "a grant that contains itself",
            with(
                list(2, 2, 2),
                list(2, 2, 2),
                list(2, 7, 5),
                &[
                    x,
                    x,
                    structure(1, 3, 2),
                    0,
                    0,
                    0,
                    list(-5, 7, 5),
                    structure(-5, 3, 2)
                ]
            )
        ),
    ]
}

/// All of them.
pub fn attack(env: &Env, report: &mut Report) {
    let timer = report.needs(ALL, env.first::<Timer>());
    let spawner = report.needs(ALL, env.first::<ProcessSpawner>());
    let (Some(timer), Some(spawner)) = (timer, spawner) else {
        return;
    };
    const SLEEP: u16 = 1;
    const SPAWN: u16 = 0;
    for (what, message) in framings().into_iter().chain(roots()) {
        report.exception(
            what,
            call_with_bytes(timer.cap(), SLEEP, &message),
            Kind::InvalidArgument,
        );
    }
    for (what, message) in spawns() {
        report.exception(
            what,
            call_with_bytes(spawner.cap(), SPAWN, &message),
            Kind::InvalidArgument,
        );
    }
    let deep = segment(&[structure(0, 0, 1), structure(-1, 0, 1)]);
    report.exception(
        "a struct nested in itself",
        call_with_bytes(spawner.cap(), SPAWN, &deep),
        Kind::InvalidArgument,
    );
    report.works("and an honest call", timer.now_ns());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_spelled_as_the_encoding_says() {
        assert_eq!(structure(-1, 0, 0), 0xffff_fffc);
        assert_eq!(structure(0, 1, 2), 0x0002_0001_0000_0000);
        assert_eq!(list(1, 2, 3), 5 | 2 << 32 | 3 << 35);
        assert_eq!(far(7, 3, false), 2 | 3 << 3 | 7 << 32);
    }
}
