//! MemoryObject: looking at it, and showing it in the caller's address space.

use alloc::sync::Arc;

use abi::layout::PAGE_SIZE;
use schema_gen::system::memory_object::{map_params, protect_params, unmap_params};

use super::virtual_memory::{protection, refused};
use crate::call::{Answer, Call, Reply, unimplemented};
use crate::memory::object::MemoryObject;
use crate::wire;

pub(super) fn call(call: &Call<'_, '_>, object: &Arc<MemoryObject>) -> Answer {
    let space = &call.process().space;
    match call.method {
        0 => {
            let pages = object.frames().len() as u64;
            Ok(Reply::Message(wire::data_struct(&[pages, pages * PAGE_SIZE])))
        }
        1 => {
            let words = call.params()?;
            let message = words.message()?;
            let params = message.get_root::<map_params::Reader<'_>>()?;
            let protection = protection(params.get_prot())?;
            call.require_room(24)?;
            let address = space
                .map_object(
                    object,
                    params.get_hint(),
                    params.get_offset(),
                    params.get_size(),
                    protection,
                )
                .map_err(refused)?;
            Ok(Reply::Message(wire::data_struct(&[address])))
        }
        2 => {
            let words = call.params()?;
            let message = words.message()?;
            let params = message.get_root::<unmap_params::Reader<'_>>()?;
            space
                .unmap_object(object, params.get_addr(), params.get_size())
                .map_err(refused)?;
            Ok(Reply::Void)
        }
        3 => {
            let words = call.params()?;
            let message = words.message()?;
            let params = message.get_root::<protect_params::Reader<'_>>()?;
            let protection = protection(params.get_prot())?;
            space
                .protect_object(object, params.get_addr(), params.get_size(), protection)
                .map_err(refused)?;
            Ok(Reply::Void)
        }
        _ => Err(unimplemented()),
    }
}
