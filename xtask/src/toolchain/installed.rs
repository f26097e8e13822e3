//! The first way: the toolchain already has the target's standard library. Nothing special is then needed.

use super::{Bare, OLDEST_MINOR, TARGET, Way, default_rustc, minor_version, sysroot};
use std::path::PathBuf;

/// The toolchain on the search path, if it can build for bare metal as it is.
pub(super) fn find() -> Option<Bare> {
    let rustc = default_rustc();
    if minor_version(&rustc)? < OLDEST_MINOR {
        return None;
    }
    let library = sysroot(&rustc)?.join("lib/rustlib").join(TARGET).join("lib");
    library.is_dir().then(|| Bare {
        way: Way::Installed,
        cargo: PathBuf::from("cargo"),
        rustc,
        linker: None,
    })
}
