//! A compiler for the bare-metal target `x86_64-unknown-none`, found or fetched in one of three ways, in this
//! order: the target's standard library is already there ([`installed`]); rustup can add it ([`rustup`]); or the
//! standard library is built from source by a compiler that comes with it, as Debian's does ([`from_source`]).
//!
//! Two toolchains never share a target folder: each way has its own below `target/`. `SUNDIAL_TOOLCHAIN` set
//! to `installed` or `source` insists on one way, which the tests of the ways themselves and the doctor use.

mod from_source;
mod installed;
mod linker;
mod rustup;

use crate::workspace;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of the kernel and of every program for it.
pub const TARGET: &str = "x86_64-unknown-none";

/// The oldest Rust 1.x that compiles the kernel: naked functions are stable since then.
pub const OLDEST_MINOR: u32 = 88;

/// How the standard library of the target comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It came with the toolchain or was added to it.
    Installed,
    /// It is built from its source with the programs.
    FromSource,
}

impl Way {
    /// The word for it in folder names and in `doctor`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Way::Installed => "installed",
            Way::FromSource => "source",
        }
    }
}

/// A compiler that can build for bare metal.
#[derive(Clone, Debug)]
pub struct Bare {
    /// How it gets its standard library.
    pub way: Way,
    /// The cargo to run.
    pub cargo: PathBuf,
    /// The rustc that cargo shall use.
    pub rustc: PathBuf,
    /// The linker, where the toolchain has none of its own for this target.
    pub linker: Option<PathBuf>,
}

impl Bare {
    /// A cargo command that builds for the target: the verb and the flags every build needs are set.
    #[must_use]
    pub fn cargo(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        // This builder runs under a cargo of its own; what that one set must not reach the inner one.
        for inherited in [
            "RUSTUP_TOOLCHAIN",
            "LD_LIBRARY_PATH",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO",
        ] {
            command.env_remove(inherited);
        }
        command.current_dir(workspace::root());
        command.env("RUSTC", &self.rustc);
        command.env("CARGO_TARGET_DIR", self.target_folder());
        // Frame pointers make back traces possible without unwind tables; everything is linked at fixed places.
        let flags = "-Crelocation-model=static -Cforce-frame-pointers=yes";
        command.env("CARGO_TARGET_X86_64_UNKNOWN_NONE_RUSTFLAGS", flags);
        if let Some(linker) = &self.linker {
            command.env("CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER", linker);
        }
        command.arg(verb).args(["--target", TARGET]);
        if self.way == Way::FromSource {
            command.env("RUSTC_BOOTSTRAP", "1");
            command.args(["-Zbuild-std=core,alloc,compiler_builtins"]);
            command.arg("-Zbuild-std-features=compiler-builtins-mem");
        }
        command
    }

    /// Where this toolchain's outputs go.
    #[must_use]
    pub fn target_folder(&self) -> PathBuf {
        workspace::target().join(format!("bare-{}", self.way.name()))
    }

    /// Where a cargo profile's finished programs are.
    #[must_use]
    pub fn output_folder(&self, profile: &str) -> PathBuf {
        self.target_folder().join(TARGET).join(profile)
    }
}

/// Finds a toolchain that is ready now, or says why there is none.
///
/// # Errors
/// When no way works without installing something.
pub fn find() -> Result<Bare> {
    let wanted = std::env::var("SUNDIAL_TOOLCHAIN").unwrap_or_default();
    if wanted != Way::FromSource.name()
        && let Some(found) = installed::find()
    {
        return Ok(found);
    }
    if wanted != Way::Installed.name() {
        return from_source::find();
    }
    bail!("the standard library for {TARGET} is not installed");
}

/// Finds a toolchain, installing what is missing.
///
/// # Errors
/// When every way fails; the message says what was tried and the one line that helps.
pub fn find_or_install() -> Result<Bare> {
    let missing = match find() {
        Ok(found) => return Ok(found),
        Err(missing) => missing,
    };
    let wanted = std::env::var("SUNDIAL_TOOLCHAIN").unwrap_or_default();
    if wanted != Way::FromSource.name() && rustup::add_target() {
        return find();
    }
    if wanted != Way::Installed.name() {
        from_source::install()?;
        return find();
    }
    Err(missing)
}

/// The minor number of a rustc 1.x that answers.
#[must_use]
pub fn minor_version(rustc: &Path) -> Option<u32> {
    let text = text_of(Command::new(rustc).arg("--version"))?;
    text.strip_prefix("rustc 1.")?.split('.').next()?.parse().ok()
}

/// The folder a rustc keeps its libraries in.
fn sysroot(rustc: &Path) -> Option<PathBuf> {
    text_of(Command::new(rustc).args(["--print", "sysroot"])).map(PathBuf::from)
}

/// The rustc on the search path.
fn default_rustc() -> PathBuf {
    PathBuf::from("rustc")
}

/// What a command prints on standard output, trimmed, if it succeeds.
fn text_of(command: &mut Command) -> Option<String> {
    let output = command.env_remove("LD_LIBRARY_PATH").output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
