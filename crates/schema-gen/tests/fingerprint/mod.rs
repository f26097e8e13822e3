//! Where the schema files are, and one number that changes when they do. Shared by generator and tests.
#![allow(unreachable_pub, reason = "a module of several small programs")]

use std::path::{Path, PathBuf};

/// The schema files, in the order in which they are fingerprinted.
pub const SCHEMAS: [&str; 2] = ["sundial.capnp", "monitor.capnp"];

/// The folder with the schema files.
pub fn schema_folder() -> PathBuf {
    // From the tests' package it is two folders up, from the generator's one more.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .map(|folder| folder.join("schema"))
        .find(|folder| folder.is_dir())
        .expect("schema/ above")
}

/// FNV-1a, 64 bits, over the files' bytes.
pub fn of_schemas() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for file in SCHEMAS {
        let path = schema_folder().join(file);
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    hash
}
