//! Reading a part of a long Cap'n Proto message without having all of it: the manifest is mostly programs, and the
//! few kilobytes of configuration lie somewhere between or behind them.
//!
//! Words are fetched in pages as pointers lead to them. The encoding is the one of capnproto.org/encoding.html: struct,
//! list and far pointers; the message is checked as it is walked, and what makes no sense is [`Error::Malformed`].

use alloc::vec::Vec;
use core::cell::RefCell;

use crate::error::Error;

/// Bytes fetched at a time, at multiples of as many.
const PAGE: u64 = 4096;

/// Most segments a message may have, as for the reader of whole messages.
const MOST_SEGMENTS: u32 = 512;

/// Far pointers followed for one object: more than the encoding allows.
const MOST_HOPS: u32 = 3;

/// Where in the message a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    segment: usize,
    word: u64,
}

/// What a pointer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Null,
    Struct(Struct),
    List { start: Place, size: u64, count: u64 },
}

/// A struct: its data, then its pointers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Struct {
    start: Place,
    data: u64,
    pointers: u64,
}

/// A message that is fetched as needed.
pub(super) struct Pages<F> {
    fetch: F,
    /// Byte offset and words of each segment.
    segments: Vec<(u64, u64)>,
    /// The page fetched last.
    cached: RefCell<(u64, Vec<u8>)>,
}

impl<F: Fn(u64, u32) -> Result<Vec<u8>, Error>> Pages<F> {
    /// Reads the frame of a message. `fetch` brings bytes from an offset on, as many as it is asked for or as there
    /// are.
    pub(super) fn new(fetch: F) -> Result<Pages<F>, Error> {
        let mut pages = Pages {
            fetch,
            segments: Vec::new(),
            cached: RefCell::new((u64::MAX, Vec::new())),
        };
        let count = pages
            .half_word(0)?
            .checked_add(1)
            .filter(|count| *count < MOST_SEGMENTS)
            .ok_or(Error::Malformed)?;
        let mut start = (4 + 4 * u64::from(count)).next_multiple_of(8);
        for index in 0..count {
            let words = u64::from(pages.half_word(4 + 4 * u64::from(index))?);
            pages.segments.push((start, words));
            start += 8 * words;
        }
        Ok(pages)
    }

    /// The root struct.
    pub(super) fn root(&self) -> Result<Struct, Error> {
        match self.follow(Place { segment: 0, word: 0 }, MOST_HOPS)? {
            Object::Struct(root) => Ok(root),
            _ => Err(Error::Malformed),
        }
    }

    /// A word of a struct's data section; zero beyond its end, as for fields newer than the writer.
    pub(super) fn data(&self, of: Struct, index: u64) -> Result<u64, Error> {
        if index < of.data {
            self.word(of.start.after(index))
        } else {
            Ok(0)
        }
    }

    /// What a pointer of a struct leads to; nothing beyond its end.
    pub(super) fn pointer(&self, of: Struct, index: u64) -> Result<Object, Error> {
        if index < of.pointers {
            self.follow(of.start.after(of.data + index), MOST_HOPS)
        } else {
            Ok(Object::Null)
        }
    }

    /// The bytes of a list of bytes. Text has a zero byte at its end, which is not taken off here.
    pub(super) fn bytes(&self, of: Object) -> Result<Vec<u8>, Error> {
        const BYTES: u64 = 2;
        match of {
            Object::Null => Ok(Vec::new()),
            Object::List {
                start,
                size: BYTES,
                count,
            } => {
                self.check(start, count.div_ceil(8))?;
                let mut bytes = Vec::new();
                for index in 0..count.div_ceil(8) {
                    bytes.extend_from_slice(&self.word(start.after(index))?.to_le_bytes());
                }
                bytes.truncate(count as usize);
                Ok(bytes)
            }
            _ => Err(Error::Malformed),
        }
    }

    /// The elements of a list of structs.
    pub(super) fn structs(&self, of: Object) -> Result<Vec<Struct>, Error> {
        const COMPOSITE: u64 = 7;
        match of {
            Object::Null => Ok(Vec::new()),
            Object::List {
                start,
                size: COMPOSITE,
                count: words,
            } => {
                self.check(start, words + 1)?;
                let tag = self.word(start)?;
                let (count, data, pointers) = (tag >> 2 & 0x3fff_ffff, tag >> 32 & 0xffff, tag >> 48);
                let step = data + pointers;
                if tag & 3 != 0 || step == 0 && count > 0 || count * step > words {
                    return Err(Error::Malformed);
                }
                Ok((0..count)
                    .map(|index| Struct {
                        start: start.after(1 + index * step),
                        data,
                        pointers,
                    })
                    .collect())
            }
            _ => Err(Error::Malformed),
        }
    }

    fn follow(&self, place: Place, hops: u32) -> Result<Object, Error> {
        let pointer = self.word(place)?;
        if pointer == 0 {
            return Ok(Object::Null);
        }
        if pointer & 3 != 2 {
            let offset = i64::from(pointer as i32 >> 2);
            let start = place
                .word
                .checked_add(1)
                .and_then(|next| next.checked_add_signed(offset));
            return object(
                pointer,
                Place {
                    segment: place.segment,
                    word: start.ok_or(Error::Malformed)?,
                },
            );
        }
        let hops = hops.checked_sub(1).ok_or(Error::Malformed)?;
        let pad = far_target(pointer);
        if pointer & 4 == 0 {
            return self.follow(pad, hops);
        }
        // A double far pointer: the pad says where the object is, and the word behind it what the object is.
        let content = self.word(pad)?;
        if content & 7 != 2 {
            return Err(Error::Malformed);
        }
        object(self.word(pad.after(1))?, far_target(content))
    }

    /// Refuses a range that is not inside its segment.
    fn check(&self, start: Place, words: u64) -> Result<(), Error> {
        let (_, size) = self.segments.get(start.segment).ok_or(Error::Malformed)?;
        match start.word.checked_add(words) {
            Some(end) if end <= *size => Ok(()),
            _ => Err(Error::Malformed),
        }
    }

    fn word(&self, place: Place) -> Result<u64, Error> {
        self.check(place, 1)?;
        let offset = self.segments[place.segment].0 + 8 * place.word;
        Ok(u64::from(self.half_word(offset)?) | u64::from(self.half_word(offset + 4)?) << 32)
    }

    /// Four bytes at a multiple of four, which never lie on two pages.
    fn half_word(&self, offset: u64) -> Result<u32, Error> {
        let page = offset / PAGE * PAGE;
        let mut cached = self.cached.borrow_mut();
        if cached.0 != page {
            *cached = (page, (self.fetch)(page, PAGE as u32)?);
        }
        let at = (offset - page) as usize;
        let bytes = cached
            .1
            .get(at..)
            .and_then(|rest| rest.first_chunk::<4>())
            .ok_or(Error::Malformed)?;
        Ok(u32::from_le_bytes(*bytes))
    }
}

impl Place {
    fn after(self, words: u64) -> Place {
        Place {
            word: self.word.saturating_add(words),
            ..self
        }
    }
}

fn far_target(pointer: u64) -> Place {
    Place {
        segment: (pointer >> 32) as usize,
        word: pointer >> 3 & 0x1fff_ffff,
    }
}

/// What `pointer` says is at `start`; its own offset no longer counts.
fn object(pointer: u64, start: Place) -> Result<Object, Error> {
    match pointer & 3 {
        0 => Ok(Object::Struct(Struct {
            start,
            data: pointer >> 32 & 0xffff,
            pointers: pointer >> 48,
        })),
        1 => Ok(Object::List {
            start,
            size: pointer >> 32 & 7,
            count: pointer >> 35,
        }),
        _ => Err(Error::Malformed),
    }
}
