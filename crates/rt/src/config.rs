//! What the manifest says to the programs: its `initConfig`, a tree of values.
//!
//! The kernel reads only the part about init itself; the rest belongs to init and to whoever is granted the
//! BootPackage. Field names are ours and described in docs/programs.md.

use alloc::string::String;
use alloc::vec::Vec;

use schema_gen::system::{boot_package, cue_value, system_manifest};

use crate::cap::{Client, client};
use crate::error::Error;
use crate::message::{Aligned, EMPTY, Flat, decode};
use crate::pending::{VOID_ROOM, bytes_of, bytes_of_mut, call};

client! {
    /// The boot manifest, as it was booted.
    BootPackage, BOOT_PACKAGE
}

/// Bytes asked for per call; with its framing the answer stays below the largest message.
const PIECE: u32 = 32 << 10;

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

/// Values nested deeper than this are not looked at.
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

    fn from_reader(reader: cue_value::Reader<'_>, depth: u32) -> capnp::Result<Value> {
        if depth > DEEPEST {
            return Ok(Value::Null);
        }
        Ok(match reader.which()? {
            cue_value::Null(()) => Value::Null,
            cue_value::Boolean(value) => Value::Boolean(value),
            cue_value::IntValue(value) => Value::Int(value),
            cue_value::UintValue(value) => Value::Uint(value),
            cue_value::Text(value) => Value::Text(value?.to_string()?),
            cue_value::Bytes(value) => Value::Bytes(value?.to_vec()),
            cue_value::List(values) => Value::List(
                values?
                    .iter()
                    .map(|value| Value::from_reader(value, depth + 1))
                    .collect::<capnp::Result<_>>()?,
            ),
            cue_value::Fields(fields) => Value::Fields(
                fields?
                    .iter()
                    .map(|field| {
                        Ok((
                            field.get_name()?.to_string()?,
                            Value::from_reader(field.get_value()?, depth + 1)?,
                        ))
                    })
                    .collect::<capnp::Result<_>>()?,
            ),
        })
    }
}

impl BootPackage {
    /// Size of the manifest in bytes.
    pub fn size(&self) -> Result<u64, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        call(self.cap().method(0), &EMPTY, &mut room.0).map(|reply| reply.u64(0))
    }

    /// The manifest's `initConfig`.
    pub fn config(&self) -> Result<Value, Error> {
        let size = self.size()? as usize;
        let mut manifest: Vec<u64> = alloc::vec![0; size.div_ceil(8)];
        let mut room: Vec<u64> = alloc::vec![0; PIECE as usize / 8 + 64];
        let mut offset = 0;
        while offset < size {
            let params = Flat::<32>::new().u64(0, offset as u64).u32(8, PIECE);
            let reply = call(self.cap().method(1), params.bytes(), bytes_of_mut(&mut room))?;
            let target = &mut bytes_of_mut(&mut manifest)[offset..size];
            let read = reply.read::<boot_package::read_manifest_results::Owned, _>(|root| {
                let data = root.get_data()?;
                let fits = data.len().min(target.len());
                target[..fits].copy_from_slice(&data[..fits]);
                Ok(fits)
            })?;
            if read == 0 {
                return Err(Error::Malformed);
            }
            offset += read;
        }
        decode::<system_manifest::Owned, _>(&bytes_of(&manifest)[..size], |root| {
            Value::from_reader(root.get_init_config()?, 0)
        })
    }
}
