//! Cap'n Proto messages by hand, for the interfaces that have generated bindings but no typed client, and for answers
//! that a typed client would hide.

use crate::bench::{Failure, Outcome};
use alloc::boxed::Box;
use alloc::format;
use capnp::traits::Owned;
use capos::CompletedCall;

/// A message whose root is a `T`, filled by `fill`.
pub fn encode<T: Owned>(fill: impl FnOnce(T::Builder<'_>)) -> Box<[u8]> {
    let mut message = capnp::message::Builder::new_default();
    fill(message.init_root::<T::Builder<'_>>());
    capnp::serialize::write_message_to_words(&message).into_boxed_slice()
}

/// Reads a message whose root is a `T`.
pub fn decode<T: Owned, R>(bytes: &[u8], read: impl FnOnce(T::Reader<'_>) -> capnp::Result<R>) -> Outcome<R> {
    let mut words = &*bytes;
    capnp::serialize::read_message(&mut words, capos::default_reader_options())
        .and_then(|message| read(message.get_root::<T::Reader<'_>>()?))
        .map_err(|error| Failure(format!("undecodable answer: {error:?}")))
}

/// Reads the answer of a call whose results are a `T`.
pub fn answer<T: Owned, R>(
    completion: &CompletedCall,
    read: impl FnOnce(T::Reader<'_>) -> capnp::Result<R>,
) -> Outcome<R> {
    decode::<T, R>(completion.result_bytes()?, read)
}

/// The params of a method that has none: an empty struct.
pub const NOTHING: &[u8] = &[0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0];
