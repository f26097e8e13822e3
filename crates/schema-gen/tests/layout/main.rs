//! The wire layout of everything, compared with a table.
//!
//! `golden.txt` holds one line per struct: data words, pointer words, and each field with its type and place (`d8`
//! is byte 8 of the data section, `d2.1` bit 1 of its byte 2, `p0` the first pointer), then one line per
//! enum. The published part of the table was written from the wire specification, not from the schema, so a
//! slip in either shows here.

use capnp::introspect::{Introspect, Type, TypeVariant};
use capnp::schema::{EnumSchema, StructSchema};
use capnp::schema_capnp::{field, node};
use std::fmt::Write;

mod entries;

#[path = "../fingerprint/mod.rs"]
mod fingerprint;

/// One line of the table.
pub(crate) struct Entry {
    name: &'static str,
    introspected: Type,
}

impl Entry {
    fn of<T: Introspect>(name: &'static str) -> Self {
        Self {
            name,
            introspected: T::introspect(),
        }
    }

    fn line(&self) -> String {
        match self.introspected.which() {
            TypeVariant::Struct(raw) => struct_line(self.name, StructSchema::new(raw)),
            TypeVariant::Enum(raw) => enum_line(EnumSchema::new(raw)),
            other => panic!("{} is {other:?}", self.name),
        }
    }
}

#[test]
fn every_struct_and_enum_lies_on_the_wire_as_the_table_says() {
    let lines: Vec<String> = entries::all().iter().map(Entry::line).collect();
    let golden: Vec<&str> = include_str!("golden.txt").lines().collect();
    for (line, golden) in lines.iter().zip(&golden) {
        assert_eq!(line, golden);
    }
    assert_eq!(
        lines.len(),
        golden.len(),
        "the table and the list of types have different lengths"
    );
}

#[test]
fn generated_code_belongs_to_the_schema_files_beside_it() {
    assert_eq!(
        schema_gen::generated::fingerprint::SCHEMAS,
        fingerprint::of_schemas(),
        "schema/ was edited: run `./x schema`"
    );
}

fn struct_line(name: &str, schema: StructSchema) -> String {
    let Ok(node::Struct(proto)) = schema.get_proto().which() else {
        panic!("{name} is no struct")
    };
    let mut line = format!(
        "{name} [{},{}]",
        proto.get_data_word_count(),
        proto.get_pointer_count()
    );
    if proto.get_discriminant_count() > 0 {
        write!(line, " discr=d{}", proto.get_discriminant_offset() * 2).unwrap();
    }
    for (index, field) in schema.get_fields().unwrap().iter().enumerate() {
        let proto = field.get_proto();
        let Ok(field::Slot(slot)) = proto.which() else {
            panic!("{name} has a group")
        };
        let (kind, bits) = type_name(field.get_type());
        let at = slot.get_offset();
        let place = match bits {
            None => format!("p{at}"),
            Some(0) => "-".to_owned(),
            Some(1) => format!("d{}.{}", at / 8, at % 8),
            Some(bits) => format!("d{}", at * bits / 8),
        };
        let comma = if index == 0 { "" } else { "," };
        write!(
            line,
            "{comma} {} {kind} {place}",
            proto.get_name().unwrap().to_str().unwrap()
        )
        .unwrap();
        if proto.get_discriminant_value() != u16::MAX {
            write!(line, " tag={}", proto.get_discriminant_value()).unwrap();
        }
    }
    line
}

fn enum_line(schema: EnumSchema) -> String {
    let mut line = format!("enum {}", display_name(schema.get_proto()));
    for (number, enumerant) in schema.get_enumerants().unwrap().iter().enumerate() {
        write!(
            line,
            " {}={number}",
            enumerant.get_proto().get_name().unwrap().to_str().unwrap()
        )
        .unwrap();
    }
    line
}

/// Name of a type, and its bits in the data section; `None` for what lies behind a pointer.
fn type_name(kind: Type) -> (String, Option<u32>) {
    let (name, bits) = match kind.which() {
        TypeVariant::Void => ("Void", Some(0)),
        TypeVariant::Bool => ("Bool", Some(1)),
        TypeVariant::UInt8 => ("U8", Some(8)),
        TypeVariant::UInt16 => ("U16", Some(16)),
        TypeVariant::UInt32 => ("U32", Some(32)),
        TypeVariant::UInt64 => ("U64", Some(64)),
        TypeVariant::Int64 => ("I64", Some(64)),
        TypeVariant::Text => ("Text", None),
        TypeVariant::Data => ("Data", None),
        TypeVariant::Enum(raw) => return (display_name(EnumSchema::new(raw).get_proto()), Some(16)),
        TypeVariant::Struct(raw) => return (display_name(StructSchema::new(raw).get_proto()), None),
        TypeVariant::List(element) => return (format!("List({})", type_name(element).0), None),
        other => panic!("no field should be {other:?}"),
    };
    (name.to_owned(), bits)
}

/// Name without the file.
fn display_name(node: node::Reader<'_>) -> String {
    let name = node.get_display_name().unwrap().to_str().unwrap();
    name.rsplit(':').next().unwrap().to_owned()
}
