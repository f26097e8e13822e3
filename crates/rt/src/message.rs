//! Cap'n Proto messages as they travel: stream framing around a root struct.
//!
//! Most requests are a few numbers, or one run of bytes; those are written by hand here, without allocating.
//! Everything richer goes through the generated code of `schema-gen`, by [`encode`] and [`decode`].

use alloc::vec::Vec;

use capnp::message::{Builder, ReaderOptions};
use capnp::traits::Owned;

use crate::error::Error;

/// Bytes aligned as Cap'n Proto readers want them.
#[repr(C, align(8))]
pub struct Aligned<const BYTES: usize>(pub [u8; BYTES]);

impl<const BYTES: usize> Aligned<BYTES> {
    /// All zero.
    pub const fn zeroed() -> Self {
        Aligned([0; BYTES])
    }
}

/// A request without any field.
pub(crate) const EMPTY: [u8; 16] = [0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Bytes of framing and root pointer in front of a struct's data.
const PREFIX: usize = 16;

/// A request that is a struct of numbers only: `BYTES` is 16 plus eight for each data word.
pub(crate) struct Flat<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Flat<BYTES> {
    pub(crate) const fn new() -> Self {
        assert!(BYTES > PREFIX && BYTES.is_multiple_of(8));
        let words = (BYTES / 8) as u8;
        let mut bytes = [0; BYTES];
        bytes[4] = words - 1; // words in the only segment
        bytes[12] = words - 2; // data words of the root struct
        Flat(bytes)
    }

    /// Sets a field by its byte offset in the data section.
    pub(crate) fn set<const N: usize>(mut self, offset: usize, value: [u8; N]) -> Self {
        self.0[PREFIX + offset..PREFIX + offset + N].copy_from_slice(&value);
        self
    }

    pub(crate) fn u64(self, offset: usize, value: u64) -> Self {
        self.set(offset, value.to_le_bytes())
    }

    pub(crate) fn u32(self, offset: usize, value: u32) -> Self {
        self.set(offset, value.to_le_bytes())
    }

    pub(crate) fn u16(self, offset: usize, value: u16) -> Self {
        self.set(offset, value.to_le_bytes())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Whether a run of bytes is a `Text`, which ends in a zero byte that its length counts, or `Data`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    Text,
    Data,
}

/// Bytes of framing, root pointer and list pointer in front of the content of [`with_run`].
const RUN_PREFIX: usize = 24;

/// Runs this long are put together on the stack.
const SHORT_RUN: usize = 488;

/// Lends `send` the request whose only field is `content`.
pub(crate) fn with_run<R>(kind: Run, content: &[u8], send: impl FnOnce(&[u8]) -> R) -> R {
    let counted = content.len() + usize::from(kind == Run::Text);
    let total = RUN_PREFIX + counted.next_multiple_of(8);
    if counted <= SHORT_RUN {
        let mut message = [0; RUN_PREFIX + SHORT_RUN];
        write_run(&mut message, counted, content);
        send(&message[..total])
    } else {
        let mut message = alloc::vec![0; total];
        write_run(&mut message, counted, content);
        send(&message)
    }
}

fn write_run(message: &mut [u8], counted: usize, content: &[u8]) {
    let segment_words = (RUN_PREFIX - 8 + counted.next_multiple_of(8)) / 8;
    message[4..8].copy_from_slice(&(segment_words as u32).to_le_bytes());
    message[14] = 1; // the root struct: no data, one pointer
    message[16] = 1; // a list, right behind this pointer
    message[20..24].copy_from_slice(&((counted as u32) << 3 | 2).to_le_bytes()); // of `counted` bytes
    message[RUN_PREFIX..RUN_PREFIX + content.len()].copy_from_slice(content);
}

/// Writes a message whose root is a `T`.
pub fn encode<T: Owned>(fill: impl FnOnce(T::Builder<'_>)) -> Vec<u8> {
    let mut message = Builder::new_default();
    fill(message.init_root::<T::Builder<'_>>());
    capnp::serialize::write_message_to_words(&message)
}

/// Reads a message whose root is a `T`. `bytes` must be aligned to 8 (as [`Aligned`] is).
pub fn decode<T: Owned, R>(
    mut bytes: &[u8],
    read: impl FnOnce(T::Reader<'_>) -> capnp::Result<R>,
) -> Result<R, Error> {
    let message = capnp::serialize::read_message_from_flat_slice_no_alloc(&mut bytes, ReaderOptions::new())
        .map_err(malformed)?;
    read(message.get_root::<T::Reader<'_>>().map_err(malformed)?).map_err(malformed)
}

/// A field of the root struct's data section by its byte offset; fields that are not there read as zero.
pub(crate) fn root_field<const N: usize>(message: &[u8], offset: usize) -> [u8; N] {
    let mut value = [0; N];
    let Some(segments) = message
        .first_chunk::<4>()
        .map(|count| u32::from_le_bytes(*count) as usize + 1)
    else {
        return value;
    };
    let root = (4 + 4 * segments).next_multiple_of(8);
    let Some(pointer) = message.get(root..root + 8) else {
        return value;
    };
    // A struct pointer: kind in the low two bits (0), signed word offset above, then the data size in words.
    let low = i32::from_le_bytes([pointer[0], pointer[1], pointer[2], pointer[3]]);
    let data_bytes = usize::from(u16::from_le_bytes([pointer[4], pointer[5]])) * 8;
    if low & 3 != 0 || low < 0 || offset + N > data_bytes {
        return value;
    }
    let start = root + 8 + (low >> 2) as usize * 8 + offset;
    if let Some(found) = message.get(start..start + N) {
        value.copy_from_slice(found);
    }
    value
}

fn malformed(_: capnp::Error) -> Error {
    Error::Malformed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_a_flat_request_is_one_struct_of_numbers() {
        let request = Flat::<32>::new().u64(0, 7).u32(8, 9);
        assert_eq!(
            &request.bytes()[..16],
            &[0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]
        );
        assert_eq!(u64::from_le_bytes(root_field(request.bytes(), 0)), 7);
        assert_eq!(u32::from_le_bytes(root_field(request.bytes(), 8)), 9);
        assert_eq!(
            u64::from_le_bytes(root_field(request.bytes(), 16)),
            0,
            "beyond the struct reads as zero"
        );
    }

    #[test]
    fn p7_a_run_of_bytes_reads_back_with_the_generated_code() {
        for length in [0, 1, 7, 8, 9, 487, 488, 489, 5000] {
            let content: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let back = with_run(Run::Data, &content, |message| {
                let mut words = alloc::vec![0u64; message.len() / 8];
                crate::pending::bytes_of_mut(&mut words).copy_from_slice(message);
                decode::<schema_gen::system::console::write_params::Owned, _>(
                    crate::pending::bytes_of(&words),
                    |root| Ok(root.get_data()?.to_vec()),
                )
            });
            assert_eq!(back.unwrap(), content);
        }
    }
}
