//! Cap'n Proto messages as methods read and write them: one message in stream framing (abi.md section 6). Parameters are
//! copied out of user memory once, into aligned memory, before anything looks at them.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use capnp::message::{Builder, HeapAllocator, Reader, ReaderOptions};
use capnp::serialize::{self, BufferSegments};

pub use schema_gen::system::ExceptionType as ExceptionKind;

/// Words that readers may visit in all, and how deep structures may nest (abi.md section 6).
fn options() -> ReaderOptions {
    *ReaderOptions::new().traversal_limit_in_words(Some(64 << 20)).nesting_limit(32)
}

/// Aligned memory for a message.
pub struct Words(Vec<capnp::Word>, usize);

impl Words {
    /// Room for `bytes`.
    pub fn new(bytes: usize) -> Words {
        Words(capnp::Word::allocate_zeroed_vec(bytes.div_ceil(8)), bytes)
    }

    /// The bytes, to be filled.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut capnp::Word::words_to_bytes_mut(&mut self.0)[..self.1]
    }

    /// The message in it.
    ///
    /// # Errors
    /// When its framing is wrong.
    pub fn message(&self) -> capnp::Result<Reader<BufferSegments<&[u8]>>> {
        BufferSegments::new(&capnp::Word::words_to_bytes(&self.0)[..self.1], options())
            .map(|segments| Reader::new(segments, options()))
    }
}

/// A message to be filled in.
pub fn builder() -> Builder<HeapAllocator> {
    Builder::new(HeapAllocator::new().first_segment_words(64))
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

/// Text from a message, or why not.
///
/// # Errors
/// When it is not UTF-8 or not there.
pub fn text(value: capnp::Result<capnp::text::Reader<'_>>) -> capnp::Result<String> {
    Ok(value?.to_str()?.into())
}
