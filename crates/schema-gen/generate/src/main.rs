//! Regenerates `src/generated` from `schema/`: what `./x schema` runs. Needs the `capnp` tool.
//!
//! Next to the code it writes a fingerprint of the schema files; a test compares the two, so that a schema
//! edited without regenerating is noticed on machines that have no `capnp` tool. A package of its own,
//! because it must run when the code it is to replace does not compile.

use std::path::Path;

#[path = "../../tests/fingerprint/mod.rs"]
mod fingerprint;

fn main() {
    let schemas = fingerprint::schema_folder();
    let output = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/generated");
    let mut command = capnpc::CompilerCommand::new();
    command
        .src_prefix(&schemas)
        .output_path(&output)
        .default_parent_module(vec!["generated".to_owned()]);
    for file in fingerprint::SCHEMAS {
        command.file(schemas.join(file));
    }
    if let Err(error) = command.run() {
        eprintln!("schema: {error}\n(the `capnp` tool comes with Debian's package capnproto)");
        std::process::exit(1);
    }
    for file in fingerprint::SCHEMAS {
        let path = output.join(file.replace('.', "_") + ".rs");
        let code = std::fs::read_to_string(&path).expect("the compiler has just written it");
        std::fs::write(&path, pack_words(&without_remote_calls(&code)))
            .expect("src/generated can be written");
    }
    let note = format!(
        "//! Fingerprint of the schema files that the code beside this was generated from.\n\n\
         /// FNV-1a over the schema files in their fixed order.\n\
         pub const SCHEMAS: u64 = 0x{:016x};\n",
        fingerprint::of_schemas()
    );
    std::fs::write(output.join("fingerprint.rs"), note).expect("src/generated can be written");
}

/// Drops the `Client` and `Server` of each interface. They belong to Cap'n Proto's own RPC, which nothing
/// here speaks (calls go through the ring), they need the standard library, and they are a quarter of the
/// code. What stays of an interface is its messages and its id.
fn without_remote_calls(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut inside = false;
    for line in code.lines() {
        let interface_level = line.starts_with("    ") && !line.starts_with("     ");
        if interface_level && (line.contains("= ::capnp::capability::") || line == "    pub struct Client {")
        {
            inside = true;
        }
        if inside && interface_level && line.trim_start().starts_with("pub(crate) mod _private {") {
            kept.push_str("    pub const TYPE_ID: u64 = _private::TYPE_ID;\n");
            inside = false;
        }
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Puts the words of each encoded schema on few lines instead of one line each.
fn pack_words(code: &str) -> String {
    const PER_LINE: usize = 4;
    let mut packed = String::with_capacity(code.len());
    let mut on_line = 0;
    for line in code.lines() {
        if let Some(word) = line.trim_start().strip_prefix("::capnp::word(") {
            if on_line == PER_LINE {
                packed.push('\n');
                on_line = 0;
            }
            packed.push_str("::capnp::word(");
            packed.push_str(&word.replace(", ", ","));
            on_line += 1;
            continue;
        }
        if on_line > 0 {
            packed.push('\n');
            on_line = 0;
        }
        packed.push_str(line);
        packed.push('\n');
    }
    packed
}
