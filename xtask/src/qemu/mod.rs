//! Booting a virtual machine: what to boot ([`Machine`]), with which accelerator ([`accelerator`]), the running
//! guest ([`guest`]) and how it ended ([`ending`]).
//!
//! The guest's first serial line is its console and the second one its terminal. It reports its own end over
//! the debug console port and then stops the machine, so nobody has to guess from what it printed.

pub mod accelerator;
mod arguments;
pub mod ending;
pub mod guest;
pub mod interrupt;
mod probe;
pub mod trace;

use crate::{packages, progress};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::Command;

pub use accelerator::Accelerator;
pub use ending::Ending;
pub use guest::Guest;

/// The program that is started.
pub const QEMU: &str = "qemu-system-x86_64";

/// Everything that decides what a boot is. Two equal machines with `icount` run exactly alike.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The kernel image: an ELF with a PVH note, or another system's bzImage.
    pub kernel: PathBuf,
    /// The binary manifest, handed over as the initial RAM disk; for another kernel, its initial RAM disk.
    pub manifest: PathBuf,
    /// Virtual CPUs: a count, or QEMU's form with its shape (`8,cores=4,threads=2`).
    pub cpus: String,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// A CPU model of QEMU's; `None` is the fullest one the accelerator has.
    pub cpu_model: Option<String>,
    /// One instruction is one virtual nanosecond, on one host thread: exactly repeatable.
    pub icount: bool,
    /// Words for the kernel's command line.
    pub kernel_arguments: Vec<String>,
    /// Keep guest memory in a file that the host can read while the guest runs and after.
    pub shared_memory: bool,
    /// Where the guest's terminal (second serial line) goes.
    pub terminal: Terminal,
    /// Where the guest's console (first serial line) goes.
    pub console: Console,
    /// What runs the guest's instructions.
    pub accelerator: Accelerator,
    /// How the guest tells its end.
    pub report: Report,
    /// A Unix socket that must be listening: QEMU's monitor connects to it and takes commands.
    pub monitor: Option<PathBuf>,
}

impl Machine {
    /// A plain machine for a kernel and a manifest: two CPUs, 256 MiB, no terminal, console on a pipe.
    #[must_use]
    pub fn new(kernel: PathBuf, manifest: PathBuf) -> Machine {
        Machine {
            kernel,
            manifest,
            cpus: "2".to_owned(),
            memory_mib: 256,
            cpu_model: None,
            icount: false,
            kernel_arguments: Vec::new(),
            shared_memory: false,
            terminal: Terminal::None,
            console: Console::Pipe,
            accelerator: Accelerator::Tcg,
            report: Report::Record,
            monitor: None,
        }
    }

    /// The number of CPUs that start.
    #[must_use]
    pub fn cpu_count(&self) -> u32 {
        let count = self
            .cpus
            .split(',')
            .find_map(|part| part.strip_prefix("cpus=").unwrap_or(part).parse().ok());
        count.unwrap_or(1)
    }
}

/// Where the second serial line goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// There is no second serial line.
    Absent,
    /// Nowhere: the line is there, and nobody is on it.
    None,
    /// The standard input and output of QEMU, with its monitor behind Ctrl-A.
    Stdio,
    /// What the guest says goes into a file.
    File(PathBuf),
    /// QEMU listens on a Unix socket; what the guest says before somebody connects is lost.
    Listen(PathBuf),
    /// QEMU connects to a Unix socket that must be listening.
    Connect(PathBuf),
}

/// How a guest tells its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// By the record that our kernel writes to the debug console port.
    Record,
    /// By the exit device alone, as a program on another kernel does: the number written there is its exit code.
    ExitDevice,
}

/// Where the first serial line goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Console {
    /// A pipe to the process that started the guest.
    Pipe,
    /// A file.
    File(PathBuf),
}

/// Sees to it that QEMU is here, installing it when it is not.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn find_or_install() -> Result<()> {
    if version().is_none() {
        packages::install_qemu()?;
        let Some(version) = version() else {
            bail!("{QEMU} was installed but does not start")
        };
        progress::say(format!("QEMU {version} is ready"));
    }
    Ok(())
}

/// QEMU's version, such as `10.0.2`.
#[must_use]
pub fn version() -> Option<String> {
    let output = Command::new(QEMU).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(
        text.strip_prefix("QEMU emulator version ")?
            .split_whitespace()
            .next()?
            .to_owned(),
    )
}
