//! A linker for ELF files of bare metal: the one inside any rustup toolchain, else LLVM's from the system.

use super::{default_rustc, sysroot};
use std::path::PathBuf;

/// The path of an `ld.lld` that can be started.
pub(super) fn find() -> Option<PathBuf> {
    let in_rustup = sysroot(&default_rustc()).and_then(|folder| {
        let libraries = std::fs::read_dir(folder.join("lib/rustlib")).ok()?;
        libraries
            .flatten()
            .map(|entry| entry.path().join("bin/gcc-ld/ld.lld"))
            .find(|path| path.exists())
    });
    in_rustup.or_else(|| on_search_path("ld.lld"))
}

fn on_search_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.exists())
}
