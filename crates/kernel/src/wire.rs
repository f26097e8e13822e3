//! Cap'n Proto messages as methods read and write them: one message in stream framing (docs/abi.md, section 6). Parameters are
//! copied out of user memory once, into aligned memory, before anything looks at them.

use alloc::vec;
use alloc::vec::Vec;

use capnp::message::{Builder, HeapAllocator, Reader, ReaderOptions};
use capnp::serialize::{self, BufferSegments};
use capnp::traits::HasStructSize;

use crate::memory::account::{Charge, Short, refusable};
pub use schema_gen::system::ExceptionType as ExceptionKind;

/// Words that readers may visit in all, and how deep structures may nest (docs/abi.md, section 6).
fn options() -> ReaderOptions {
    *ReaderOptions::new()
        .traversal_limit_in_words(Some(64 << 20))
        .nesting_limit(32)
}

/// Aligned memory for a message, with what was charged for it.
pub struct Words {
    words: Vec<capnp::Word>,
    bytes: usize,
    _charge: Charge,
}

impl Words {
    /// Room for `bytes`, charged before.
    ///
    /// # Errors
    /// [`Short::Machine`], when the heap is in too many pieces for it.
    pub fn new(bytes: usize, charge: Charge) -> Result<Words, Short> {
        let count = bytes.div_ceil(8);
        let mut words = Vec::new();
        refusable(|| words.try_reserve_exact(count))?;
        words.resize(count, capnp::word(0, 0, 0, 0, 0, 0, 0, 0));
        Ok(Words {
            words,
            bytes,
            _charge: charge,
        })
    }

    /// The bytes, to be filled.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut capnp::Word::words_to_bytes_mut(&mut self.words)[..self.bytes]
    }

    /// The message in it.
    ///
    /// # Errors
    /// When its framing is wrong.
    pub fn message(&self) -> capnp::Result<Reader<BufferSegments<&[u8]>>> {
        BufferSegments::new(&capnp::Word::words_to_bytes(&self.words)[..self.bytes], options())
            .map(|segments| Reader::new(segments, options()))
    }
}

/// A message to be filled in.
pub fn builder() -> Builder<HeapAllocator> {
    Builder::new(HeapAllocator::new().first_segment_words(64))
}

/// A message to be filled in that comes to `bytes` in all. What stays within them ends up in one segment: in several
/// it would be longer than its parts, and might not fit where they would.
pub fn builder_for(bytes: usize) -> Builder<HeapAllocator> {
    Builder::new(HeapAllocator::new().first_segment_words(bytes.div_ceil(8).max(1) as u32))
}

/// How long an answer is that holds one list of structs, to be known before it is made.
pub struct ListBytes(usize);

impl ListBytes {
    /// With `count` structs of this kind, and no text yet. Other fields of the answer's root come on top.
    pub fn of<S: HasStructSize>(count: usize) -> ListBytes {
        // Framing, the pointer to the root, the root's pointer to the list, the list's tag.
        ListBytes((4 + count * S::STRUCT_SIZE.total() as usize) * 8)
    }

    /// With as many structs of another kind, one in each.
    pub fn and_in_each<S: HasStructSize>(self, count: usize) -> ListBytes {
        ListBytes(self.0 + count * S::STRUCT_SIZE.total() as usize * 8)
    }

    /// With these texts in the structs; an empty one takes room too.
    pub fn with_texts<'a>(self, texts: impl Iterator<Item = &'a str>) -> ListBytes {
        ListBytes(
            self.0
                + texts
                    .map(|text| (text.len() + 1).next_multiple_of(8))
                    .sum::<usize>(),
        )
    }

    /// The sum.
    pub fn total(&self) -> usize {
        self.0
    }
}

/// The bytes of a finished message.
pub fn finish(message: Builder<HeapAllocator>) -> Vec<u8> {
    serialize::write_message_to_words(&message)
}

/// The bytes of an empty struct: what some methods answer where others answer nothing.
pub const EMPTY_STRUCT: [u8; 16] = [0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// A struct of data words only, encoded by hand: the shape of most small answers.
pub fn data_struct(data: &[u64]) -> Vec<u8> {
    let mut bytes = vec![0; 16 + data.len() * 8];
    bytes[4..8].copy_from_slice(&(1 + data.len() as u32).to_le_bytes());
    bytes[12..14].copy_from_slice(&(data.len() as u16).to_le_bytes());
    for (place, word) in bytes[16..].chunks_exact_mut(8).zip(data) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// An encoded exception.
pub fn exception(kind: ExceptionKind, text: &str) -> Vec<u8> {
    let mut message = builder();
    let mut root = message.init_root::<schema_gen::system::cap_exception::Builder<'_>>();
    root.set_type(kind);
    root.set_message(text);
    finish(message)
}

#[cfg(test)]
mod tests {
    use schema_gen::system::capability_info;
    use schema_gen::system::capability_manager::list_results;

    use super::*;

    #[test]
    fn p9_the_length_of_a_list_is_known_before_it_is_made() {
        for labels in [
            &[][..],
            &["console"],
            &["", "1234567", "12345678", "a much longer name"],
            &["x"; 256],
        ] {
            let expected = ListBytes::of::<capability_info::Builder<'_>>(labels.len())
                .with_texts(labels.iter().copied());
            let mut message = builder_for(expected.total());
            let mut list = message
                .init_root::<list_results::Builder<'_>>()
                .init_capabilities(labels.len() as u32);
            for (index, label) in (0..).zip(labels) {
                list.reborrow().get(index).set_label(*label);
            }
            assert_eq!(finish(message).len(), expected.total());
        }
    }

    #[test]
    fn p9_hand_made_structs_are_what_the_library_makes() {
        use schema_gen::system::wall_clock::wall_time_results;
        let mut empty = builder();
        empty.init_root::<schema_gen::system::scheduling_policy_cap::set_weight_results::Builder<'_>>();
        assert_eq!(finish(empty), EMPTY_STRUCT);
        let mut message = builder();
        let mut root = message.init_root::<wall_time_results::Builder<'_>>();
        root.set_utc_seconds(1);
        root.set_monotonic_ns(3);
        assert_eq!(finish(message), data_struct(&[1, 0, 3]));
    }
}
