//! FrameAllocator: memory objects, counted against the process that makes them.

use alloc::vec;

use abi::interfaces;
use schema_gen::system::frame_allocator::alloc_contiguous_params;

use crate::call::{Answer, Call, Reply, invalid, overloaded, unimplemented};
use crate::capability::{Capability, Object};
use crate::memory::account::Short;
use crate::memory::object::{MemoryObject, NoObject};
use crate::wire;

/// Bytes of an answer without capabilities.
const ANSWER_BYTES: usize = 24;

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    let pages = match call.method {
        0 => 1,
        1 => {
            let words = call.params()?;
            let message = words.message()?;
            message
                .get_root::<alloc_contiguous_params::Reader<'_>>()?
                .get_count()
        }
        _ => return Err(unimplemented()),
    };
    if pages == 0 {
        return Err(invalid("no frames were asked for"));
    }
    let room = call.keep_room(ANSWER_BYTES, 1)?;
    let object =
        MemoryObject::new(pages as usize, &call.process().account).map_err(|refused| match refused {
            NoObject::Short(Short::Granted) => overloaded("more frames than this process may have"),
            NoObject::Short(short) => short.into(),
            NoObject::NoRun => overloaded("no such run of free frames"),
        })?;
    let capability = Capability::new(Object::Memory(object), interfaces::MEMORY_OBJECT);
    // handleIndex 0.
    Ok(Reply::Capabilities(
        wire::data_struct(&[0]),
        vec![capability],
        room,
    ))
}
