//! The third way: a compiler that comes with the source of its standard library builds that along with our
//! programs. Debian and Ubuntu package both, so this works without any download from elsewhere.
//!
//! Building the standard library is an unstable feature of cargo; `RUSTC_BOOTSTRAP=1` allows it on a stable
//! compiler. Our own code uses stable language features only.

use super::{Bare, OLDEST_MINOR, Way, linker, minor_version, sysroot};
use crate::packages;
use anyhow::{Result, anyhow, bail};
use std::path::{Path, PathBuf};

/// Debian's current Rust, which follows the browsers' needs, with the source of its standard library.
const DEBIAN: [&str; 3] = ["cargo-web", "rustc-web", "rust-web-src"];

/// A compiler with its library's source and a linker, if they are here.
pub(super) fn find() -> Result<Bare> {
    let (cargo, rustc) = compiler().ok_or_else(|| {
        anyhow!(
            "no Rust compiler 1.{OLDEST_MINOR} or newer with the source of its standard library. As root, type:  {}",
            packages::line_to_type(&DEBIAN)
        )
    })?;
    let linker = linker::find().ok_or_else(|| {
        anyhow!(
            "no ld.lld to link for bare metal. As root, type:  {}",
            packages::line_to_type(&["lld"])
        )
    })?;
    Ok(Bare {
        way: Way::FromSource,
        cargo,
        rustc,
        linker: Some(linker),
    })
}

/// Installs the compiler, the source and a linker, as far as they are missing.
pub(super) fn install() -> Result<()> {
    let why = "a compiler for bare metal";
    let debian = |why| packages::install(&DEBIAN, why).is_ok() && compiler().is_some();
    if compiler().is_none() && !debian(why) {
        install_versioned(why)?;
    }
    if linker::find().is_none() {
        packages::install(&["lld"], "the linker for bare metal")?;
    }
    Ok(())
}

/// Ubuntu names its newer compilers by version: takes the newest that apt has.
fn install_versioned(why: &str) -> Result<()> {
    let newest = (OLDEST_MINOR..OLDEST_MINOR + 40)
        .rev()
        .find(|minor| packages::available(&format!("rustc-1.{minor}")));
    let Some(minor) = newest else {
        bail!(
            "{why} is missing, and the distribution has none that is new enough. With rustup, type:  \
             rustup target add {}",
            super::TARGET
        );
    };
    let names = [
        format!("cargo-1.{minor}"),
        format!("rustc-1.{minor}"),
        format!("rust-1.{minor}-src"),
    ];
    packages::install(&names.each_ref().map(String::as_str), why)
}

/// The first compiler, with its cargo, that is new enough and has its library's source.
fn compiler() -> Option<(PathBuf, PathBuf)> {
    let mut candidates = vec![("/usr/bin/cargo".into(), "/usr/bin/rustc".into())];
    candidates.push((PathBuf::from("cargo"), super::default_rustc()));
    candidates.extend((OLDEST_MINOR..OLDEST_MINOR + 40).rev().map(|minor| {
        let folder = format!("/usr/lib/rust-1.{minor}/bin");
        (Path::new(&folder).join("cargo"), Path::new(&folder).join("rustc"))
    }));
    candidates.into_iter().find(|(_, rustc)| has_source(rustc))
}

fn has_source(rustc: &Path) -> bool {
    if rustc.is_absolute() && !rustc.exists() {
        return false;
    }
    minor_version(rustc).is_some_and(|minor| minor >= OLDEST_MINOR)
        && sysroot(rustc).is_some_and(|folder| folder.join("lib/rustlib/src/rust/library/core").is_dir())
}
