//! The metadata: what is in the streams, in CTF's trace stream description language (CTF 1.8.3, chapter 7 and appendix C).

use super::Material;
use super::class::{Class, Kind};
use std::fmt::Write as _;

/// Everything before the classes of events. Integers are in bytes without padding.
const HEAD: &str = r#"/* CTF 1.8 */

typealias integer { size = 16; align = 8; signed = false; } := uint16_t;
typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
typealias integer { size = 32; align = 8; signed = true; } := int32_t;
typealias integer { size = 64; align = 8; signed = false; } := uint64_t;
typealias integer { size = 64; align = 8; signed = true; } := int64_t;
"#;

/// The text.
pub(super) fn text(material: &Material<'_>) -> String {
    let mut text = HEAD.to_owned();
    let uuid = dashed(material.uuid);
    let source = quoted(material.trace.source());
    let release = env!("CARGO_PKG_VERSION");
    let (major, minor) = release.split_once('.').unwrap_or((release, "0"));
    let minor = minor.split('.').next().unwrap_or("0");
    write!(
        text,
        r#"
trace {{
    major = 1;
    minor = 8;
    uuid = "{uuid}";
    byte_order = le;
    packet.header := struct {{
        uint32_t magic;
        integer {{ size = 8; align = 8; signed = false; }} uuid[16];
        uint32_t stream_id;
    }};
}};

env {{
    hostname = {source};
    domain = "kernel";
    sysname = "Sundial";
    kernel_release = "{release}";
    tracer_name = "sundial";
    tracer_major = {major};
    tracer_minor = {minor};
}};

clock {{
    name = monotonic;
    description = "Monotonic time since boot";
    freq = 1000000000;
    offset = 0;
}};

typealias integer {{ size = 64; align = 8; signed = false; map = clock.monotonic.value; }} := instant_t;

stream {{
    id = 0;
    packet.context := struct {{
        instant_t timestamp_begin;
        instant_t timestamp_end;
        uint64_t content_size;
        uint64_t packet_size;
        uint64_t packet_seq_num;
        uint64_t events_discarded;
        uint32_t cpu_id;
    }};
    event.header := struct {{
        uint16_t id;
        instant_t timestamp;
    }};
}};
"#
    )
    .expect("writing to memory");
    for (id, class) in material.classes.0.iter().enumerate() {
        event(&mut text, id, class);
    }
    text
}

fn event(text: &mut String, id: usize, class: &Class) {
    let fields: String = class
        .fields
        .iter()
        // The underscore keeps names from being words of the language; readers take it off again.
        .map(|(name, kind)| format!("        {} _{name};\n", kind.type_name()))
        .collect();
    write!(
        text,
        "\nevent {{\n    name = \"{}\";\n    id = {id};\n    stream_id = 0;\n    fields := struct {{\n{fields}    }};\n}};\n",
        class.name
    )
    .expect("writing to memory");
}

impl Kind {
    const fn type_name(self) -> &'static str {
        match self {
            Kind::Small => "int32_t",
            Kind::Signed => "int64_t",
            Kind::Unsigned => "uint64_t",
            Kind::Text => "string",
        }
    }
}

fn dashed(uuid: [u8; 16]) -> String {
    let digits: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
    parts.join("-")
}

/// A string of the language: C's, so quotes, backslashes and what cannot be printed are escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted.push(' '),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l3_a_source_cannot_break_the_metadata() {
        assert_eq!(quoted("a \"b\" \\\n"), r#""a \"b\" \\ ""#);
        assert_eq!(dashed([0xab; 16]), "abababab-abab-abab-abab-abababababab");
    }
}
