//! Two things come from the registry's copy of the published crates at build time, and are never committed here:
//! the linker script that `capos-rt` carries, and the program printed in `capos`'s README. `xtask/src/sdk.rs` finds
//! both (`cargo metadata` knows where) and names them in the environment.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let script = named_by("SDK_LINKER_SCRIPT");
    println!("cargo:rustc-link-arg-bins=-T{}", script.display());
    println!("cargo:rerun-if-changed={}", script.display());

    let readme = named_by("SDK_CAPOS_README");
    println!("cargo:rerun-if-changed={}", readme.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("readme.rs"), program_in(&readme)).expect("OUT_DIR is writable");
}

/// The path in environment variable `name`.
fn named_by(name: &str) -> PathBuf {
    println!("cargo:rerun-if-env-changed={name}");
    match env::var_os(name) {
        Some(path) => path.into(),
        None => panic!("{name} is not set: these programs are built by `./x test`, which knows the paths"),
    }
}

/// The first Rust block of a Markdown file, made to compile: as printed it calls a `&mut self` method on a binding
/// that is not `mut`. Nothing else is changed.
fn program_in(readme: &Path) -> String {
    let text = fs::read_to_string(readme).unwrap_or_else(|error| panic!("{}: {error}", readme.display()));
    let block = text
        .split_once("```rust\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .unwrap_or_else(|| panic!("{} has no Rust block", readme.display()))
        .0;
    block.replace("let console: ConsoleClient", "let mut console: ConsoleClient")
}
