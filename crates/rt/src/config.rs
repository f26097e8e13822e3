//! What the manifest says to the programs: its `initConfig`, a tree of values.
//!
//! The kernel reads only the part about init itself; the rest belongs to init and to whoever is granted the
//! BootPackage. Field names are ours and described in docs/programs.md.

use alloc::string::String;
use alloc::vec::Vec;

use schema_gen::system::boot_package;

use crate::cap::{Client, client};
use crate::error::Error;
use crate::message::{Aligned, EMPTY, Flat};
use crate::pending::{VOID_ROOM, bytes_of_mut, call};

mod pages;

use pages::{Object, Pages, Struct};

client! {
    /// The boot manifest, as it was booted.
    BootPackage, BOOT_PACKAGE
}

/// A value of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Boolean(bool),
    /// A number that may be negative.
    Int(i64),
    /// A number.
    Uint(u64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Several values.
    List(Vec<Value>),
    /// Named values, in order.
    Fields(Vec<(String, Value)>),
}

/// Values nested deeper than this are refused.
const DEEPEST: u32 = 24;

impl Value {
    /// The field called `name`, if this has fields and one of them is.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let Value::Fields(fields) = self else { return None };
        fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// The text, if this is one.
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The text of field `name`.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    /// The number of field `name`.
    pub fn uint_of(&self, name: &str) -> Option<u64> {
        if let Value::Uint(number) = self.get(name)? {
            Some(*number)
        } else {
            None
        }
    }

    /// The values of list `name`; none if it is not there.
    pub fn list_of(&self, name: &str) -> &[Value] {
        if let Some(Value::List(list)) = self.get(name) {
            list
        } else {
            &[]
        }
    }

    /// The texts of list `name`; what is not text is left out.
    pub fn texts_of<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.list_of(name).iter().filter_map(Value::text)
    }

    /// Reads a `CueValue`: its kind, then number or pointer.
    fn read<F: Fetch>(pages: &Pages<F>, value: Struct, depth: u32) -> Result<Value, Error> {
        if depth > DEEPEST {
            return Err(Error::Malformed);
        }
        let kind = pages.data(value, 0)?;
        let number = pages.data(value, 1)?;
        let pointer = || pages.pointer(value, 0);
        Ok(match kind & 0xffff {
            0 => Value::Null,
            1 => Value::Boolean(kind >> 16 & 1 != 0),
            2 => Value::Int(number.cast_signed()),
            3 => Value::Uint(number),
            4 => Value::Text(text(pages.bytes(pointer()?)?)?),
            5 => Value::Bytes(pages.bytes(pointer()?)?),
            6 => {
                let values = pages.structs(pointer()?)?.into_iter();
                Value::List(
                    values
                        .map(|value| Value::read(pages, value, depth + 1))
                        .collect::<Result<_, _>>()?,
                )
            }
            7 => {
                let fields = pages.structs(pointer()?)?.into_iter();
                let field = |field: Struct| {
                    let name = text(pages.bytes(pages.pointer(field, 0)?)?)?;
                    match pages.pointer(field, 1)? {
                        Object::Struct(value) => Ok((name, Value::read(pages, value, depth + 1)?)),
                        Object::Null => Ok((name, Value::Null)),
                        Object::List { .. } => Err(Error::Malformed),
                    }
                };
                Value::Fields(fields.map(field).collect::<Result<_, _>>()?)
            }
            _ => return Err(Error::Malformed),
        })
    }
}

/// Brings bytes of the manifest from an offset on.
trait Fetch: Fn(u64, u32) -> Result<Vec<u8>, Error> {}
impl<F: Fn(u64, u32) -> Result<Vec<u8>, Error>> Fetch for F {}

/// Text as it lies in a message, without the zero byte at its end.
fn text(mut bytes: Vec<u8>) -> Result<String, Error> {
    bytes.pop();
    String::from_utf8(bytes).map_err(|_| Error::Malformed)
}

/// Index of `initConfig` among the pointers of `SystemManifest`.
const INIT_CONFIG: u64 = 1;

/// The `initConfig` of the manifest that `fetch` brings.
fn init_config(fetch: impl Fetch) -> Result<Value, Error> {
    let pages = Pages::new(fetch)?;
    match pages.pointer(pages.root()?, INIT_CONFIG)? {
        Object::Struct(config) => Value::read(&pages, config, 0),
        Object::Null => Ok(Value::Null),
        Object::List { .. } => Err(Error::Malformed),
    }
}

impl BootPackage {
    /// Size of the manifest in bytes.
    pub fn size(&self) -> Result<u64, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        call(self.cap().method(0), &EMPTY, &mut room.0).map(|reply| reply.u64(0))
    }

    /// At most `most` bytes (up to 4,096) of the manifest from `offset` on; none behind its end.
    pub fn read(&self, offset: u64, most: u32) -> Result<Vec<u8>, Error> {
        let params = Flat::<32>::new().u64(0, offset).u32(8, most);
        let mut room: Vec<u64> = alloc::vec![0; 4096 / 8 + 64];
        call(self.cap().method(1), params.bytes(), bytes_of_mut(&mut room))?
            .read::<boot_package::read_manifest_results::Owned, _>(|root| Ok(root.get_data()?.to_vec()))
    }

    /// The manifest's `initConfig`. Reads only the pages it lies on.
    pub fn config(&self) -> Result<Value, Error> {
        init_config(|offset, most| self.read(offset, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use core::cell::Cell;
    use schema_gen::system::{cue_value, system_manifest};

    fn fill(value: cue_value::Builder<'_>, from: &Value) {
        let mut value = value;
        match from {
            Value::Null => value.set_null(()),
            Value::Boolean(boolean) => value.set_boolean(*boolean),
            Value::Int(number) => value.set_int_value(*number),
            Value::Uint(number) => value.set_uint_value(*number),
            Value::Text(text) => value.set_text(text.as_str()),
            Value::Bytes(bytes) => value.set_bytes(bytes),
            Value::List(values) => {
                let mut list = value.init_list(values.len() as u32);
                for (index, value) in values.iter().enumerate() {
                    fill(list.reborrow().get(index as u32), value);
                }
            }
            Value::Fields(fields) => {
                let mut list = value.init_fields(fields.len() as u32);
                for (index, (name, value)) in fields.iter().enumerate() {
                    let mut field = list.reborrow().get(index as u32);
                    field.set_name(name.as_str());
                    fill(field.init_value(), value);
                }
            }
        }
    }

    /// A manifest with a large program and this configuration, in segments of so many words at first.
    fn manifest(config: &Value, first_segment: u32) -> Vec<u8> {
        let allocator = capnp::message::HeapAllocator::new()
            .first_segment_words(first_segment)
            .allocation_strategy(capnp::message::AllocationStrategy::FixedSize);
        let mut message = capnp::message::Builder::new(allocator);
        let mut root = message.init_root::<system_manifest::Builder<'_>>();
        root.reborrow()
            .init_binaries(1)
            .get(0)
            .set_data(&vec![0xaa; 100_000]);
        fill(root.init_init_config(), config);
        capnp::serialize::write_message_to_words(&message)
    }

    fn sample() -> Value {
        let mut name = 0;
        let mut named = |value: Value| {
            name += 1;
            (alloc::format!("field{name}"), value)
        };
        Value::Fields(vec![
            named(Value::Null),
            named(Value::Boolean(true)),
            named(Value::Int(-5)),
            named(Value::Uint(u64::MAX)),
            named(Value::Text("shell".to_string())),
            named(Value::Text(String::new())),
            named(Value::Bytes(vec![1, 2, 3, 4, 5, 6, 7, 8, 9])),
            named(Value::List(vec![
                Value::Uint(1),
                Value::List(vec![]),
                Value::Text("x".repeat(5000)),
            ])),
        ])
    }

    #[test]
    fn p13_the_configuration_is_read_from_a_manifest_of_any_shape_page_by_page() {
        for first_segment in [1, 3, 10, 1000, 100_000] {
            let bytes = manifest(&sample(), first_segment);
            let fetched = Cell::new(0);
            let config = init_config(|offset, most| {
                fetched.set(fetched.get() + 1);
                let rest = bytes.get(offset as usize..).unwrap_or(&[]);
                Ok(rest[..rest.len().min(most as usize)].to_vec())
            });
            assert_eq!(config, Ok(sample()), "first segment of {first_segment} words");
            assert!(
                first_segment < 1000 || fetched.get() < 12,
                "fetched {} pages",
                fetched.get()
            );
        }
    }

    #[test]
    fn p13_a_manifest_cut_short_or_scribbled_over_is_an_error_and_nothing_worse() {
        let bytes = manifest(&Value::List(vec![Value::Uint(1); 20]), 1);
        let read = |bytes: &[u8]| {
            init_config(|offset, most| {
                let rest = bytes.get(offset as usize..).unwrap_or(&[]);
                Ok(rest[..rest.len().min(most as usize)].to_vec())
            })
        };
        for length in (0..bytes.len()).step_by(97) {
            let _ = read(&bytes[..length]);
        }
        assert_eq!(read(&[]), Err(Error::Malformed));
        let mut random = 1u32;
        for _ in 0..2000 {
            let mut scribbled = bytes.clone();
            for _ in 0..3 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = random as usize % 200;
                scribbled[at] = (random >> 24) as u8;
            }
            let _ = read(&scribbled);
        }
    }
}
