//! CapabilityManager: what one process holds, and taking it away. The list is also what Monitor shows. docs/abi.md, section 11.

use alloc::string::String;
use alloc::vec::Vec;

use abi::result::Failure;
use schema_gen::system::capability_info;
use schema_gen::system::capability_manager::{list_results, revoke_params};

use crate::call::{Answer, Call, Reply, Trouble, invalid, unimplemented};
use crate::capability::InterfaceId;
use crate::endpoint::leaving;
use crate::memory::account::Charge;
use crate::process::Process;
use crate::wire::{self, ListBytes};

/// One line of the list.
pub(super) struct Held {
    id: u32,
    interface: InterfaceId,
    /// The name in the capset, empty for what came later.
    label: String,
}

pub(super) fn call(call: &Call<'_, '_>, process: &Process) -> Answer {
    match call.method {
        0 => {
            let held = held(process);
            let bytes = bytes(&held);
            let _room = require_fit(call, bytes)?;
            let mut answer = wire::builder_for(bytes);
            fill(
                answer
                    .init_root::<list_results::Builder<'_>>()
                    .init_capabilities(held.len() as u32),
                &held,
            );
            Ok(Reply::Message(wire::finish(answer)))
        }
        1 => {
            let words = call.params()?;
            let message = words.message()?;
            let id = message.get_root::<revoke_params::Reader<'_>>()?.get_cap_id();
            call.require_room(wire::EMPTY_STRUCT.len())?;
            if leaving::release(process, id) {
                Ok(Reply::EmptyStruct)
            } else {
                Err(invalid("the process holds no such capability"))
            }
        }
        _ => Err(unimplemented()),
    }
}

/// What a process holds.
pub(super) fn held(process: &Process) -> Vec<Held> {
    let mut held: Vec<Held> = {
        let table = process.capabilities.lock();
        let lines = table.iter();
        lines
            .map(|(id, it)| Held {
                id: id.raw(),
                interface: it.interface,
                label: String::new(),
            })
            .collect()
    };
    for (id, label) in process.labels.lock().iter() {
        if let Some(line) = held.iter_mut().find(|line| line.id == *id) {
            line.label.clone_from(label);
        }
    }
    held
}

/// Bytes of an answer with this list.
pub(super) fn bytes(held: &[Held]) -> usize {
    ListBytes::of::<capability_info::Builder<'_>>(held.len())
        .with_texts(held.iter().map(|line| line.label.as_str()))
        .total()
}

/// Writes the list.
pub(super) fn fill(mut list: capnp::struct_list::Builder<'_, capability_info::Owned>, held: &[Held]) {
    for (index, line) in (0..).zip(held) {
        let mut info = list.reborrow().get(index);
        info.set_id(line.id);
        info.set_interface_id(line.interface);
        info.set_label(line.label.as_str());
    }
}

/// Makes sure that an answer of `bytes` fits, before anything large is made, and charges what making it takes.
///
/// # Errors
/// Invalid result buffer, or overloaded.
pub(super) fn require_fit(call: &Call<'_, '_>, bytes: usize) -> Result<Charge, Trouble> {
    if bytes > call.result.len as usize {
        return Err(Failure::InvalidResult.into());
    }
    // What is looked at, the message, and the message once more as it is delivered.
    call.room_for(3 * bytes)
}
