//! What is booted: the kernel with its checks on, our programs, and programs on the published crates. `./x test boot`
//! names them in the environment; otherwise they are built here, which cargo makes quick when nothing changed.

use std::path::PathBuf;
use std::sync::OnceLock;
use xtask::build::{self, Profile};
use xtask::toolchain::{self, Bare};
use xtask::workspace;

/// The kernel image.
#[must_use]
pub fn kernel() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| named_or("SUNDIAL_KERNEL", |bare| build::kernel(bare, Profile::Checked)))
        .clone()
}

/// The folder of our programs.
#[must_use]
pub fn programs() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| named_or("SUNDIAL_PROGRAMS", build::programs))
        .clone()
}

/// The folder of the programs on the published crates.
#[must_use]
pub fn sdk_programs() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| named_or("SUNDIAL_SDK_PROGRAMS", xtask::sdk::programs))
        .clone()
}

/// The binary manifest that `tests/manifests/NAME.toml` describes, built from these programs.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn manifest(name: &str) -> PathBuf {
    let description = workspace::root().join(format!("tests/manifests/{name}.toml"));
    // A system on the published crates has programs of the same names as ours: its own come first.
    let folders = if name.starts_with("sdk/") {
        vec![sdk_programs(), programs()]
    } else {
        vec![programs()]
    };
    let built = build::manifest::build(&description, &folders);
    built.unwrap_or_else(|error| panic!("{error:#}"))
}

/// The binary manifest that `./x run` boots.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn default_manifest() -> PathBuf {
    build::manifest::default(&programs()).unwrap_or_else(|error| panic!("{error:#}"))
}

fn named_or(variable: &str, make: impl FnOnce(&Bare) -> xtask::Result<PathBuf>) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        return path.into();
    }
    let made = toolchain::find_or_install().and_then(|bare| make(&bare));
    made.unwrap_or_else(|error| {
        panic!("{variable} is not set and could not be built: {error:#}\ntype:  ./x test boot")
    })
}
