//! CapabilityManager: what one process holds, and taking it away. The list is also what Monitor shows. docs/abi.md, section 11.

use alloc::vec::Vec;

use abi::capset::MAX_NAME_BYTES;
use abi::result::Failure;
use capnp::traits::HasStructSize;
use schema_gen::system::capability_info;
use schema_gen::system::capability_manager::{list_results, revoke_params};

use crate::call::{Answer, Call, Reply, Trouble, invalid, unimplemented};
use crate::capability::InterfaceId;
use crate::endpoint::leaving;
use crate::memory::account::{Charge, refusable};
use crate::process::Process;
use crate::wire::{self, ListBytes};

/// One line of the list.
struct Line {
    id: u32,
    interface: InterfaceId,
    /// The name in the capset, empty for what came later.
    label: Label,
}

/// A name from a capset, where it needs no memory of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Label {
    bytes: [u8; MAX_NAME_BYTES],
    len: u8,
}

impl Label {
    const NONE: Label = Label {
        bytes: [0; MAX_NAME_BYTES],
        len: 0,
    };

    /// Capsets take no names that are longer; of one that is, nothing is shown.
    fn new(name: &str) -> Label {
        let mut label = Label::NONE;
        if let Some(place) = label.bytes.get_mut(..name.len()) {
            place.copy_from_slice(name.as_bytes());
            label.len = name.len() as u8;
        }
        label
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// What a process held when it was looked at.
pub(super) struct Held {
    lines: Vec<Line>,
    _charge: Charge,
}

pub(super) fn call(call: &Call<'_, '_>, process: &Process) -> Answer {
    match call.method {
        0 => {
            let held = held(call, process)?;
            let bytes = held.bytes();
            let _room = require_fit(call, bytes)?;
            let mut answer = wire::builder_for(bytes);
            let root = answer.init_root::<list_results::Builder<'_>>();
            held.fill(root.init_capabilities(held.count()));
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

/// What a process holds. What comes to it beyond as many as there were at first is left out: nobody has paid for that.
///
/// # Errors
/// As [`room_to_list`].
pub(super) fn held(call: &Call<'_, '_>, process: &Process) -> Result<Held, Trouble> {
    let count = process.capabilities.lock().len();
    let (mut lines, charge) = room_to_list::<Line, capability_info::Builder<'_>>(call, count)?;
    let room = lines.capacity();
    lines.extend(
        process
            .capabilities
            .lock()
            .iter()
            .take(room)
            .map(|(id, capability)| Line {
                id: id.raw(),
                interface: capability.interface,
                label: Label::NONE,
            }),
    );
    for (id, label) in process.labels.lock().iter() {
        if let Some(line) = lines.iter_mut().find(|line| line.id == *id) {
            line.label = Label::new(label);
        }
    }
    Ok(Held {
        lines,
        _charge: charge,
    })
}

impl Held {
    /// How many capabilities.
    pub(super) fn count(&self) -> u32 {
        self.lines.len() as u32
    }

    /// Bytes of an answer with this list.
    pub(super) fn bytes(&self) -> usize {
        ListBytes::of::<capability_info::Builder<'_>>(self.lines.len())
            .with_texts(self.lines.iter().map(|line| line.label.as_str()))
            .total()
    }

    /// Writes the list.
    pub(super) fn fill(&self, mut list: capnp::struct_list::Builder<'_, capability_info::Owned>) {
        for (index, line) in (0..).zip(&self.lines) {
            let mut info = list.reborrow().get(index);
            info.set_id(line.id);
            info.set_interface_id(line.interface);
            info.set_label(line.label.as_str());
        }
    }
}

/// An empty list for `count` things, each of which is to be shown in a struct `S`: charged and allocated before anything is
/// collected. It is refused if the caller left no room for such an answer, which bounds it.
///
/// # Errors
/// Invalid result buffer, or overloaded.
pub(super) fn room_to_list<T, S: HasStructSize>(
    call: &Call<'_, '_>,
    count: usize,
) -> Result<(Vec<T>, Charge), Trouble> {
    if ListBytes::of::<S>(count).total() > call.result.len as usize {
        return Err(Failure::InvalidResult.into());
    }
    let charge = call.room_for(count * size_of::<T>())?;
    let mut list = Vec::new();
    refusable(|| list.try_reserve_exact(count))?;
    Ok((list, charge))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p16_a_label_is_what_the_capset_calls_it_without_memory_of_its_own() {
        for name in ["", "console", "n\u{e4}he", &"x".repeat(MAX_NAME_BYTES)] {
            assert_eq!(Label::new(name).as_str(), name);
        }
        assert_eq!(Label::new(&"x".repeat(MAX_NAME_BYTES + 1)), Label::NONE);
    }
}
