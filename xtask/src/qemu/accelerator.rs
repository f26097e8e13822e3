//! KVM or emulation. That `/dev/kvm` opens proves little: on some machines it only pretends, or runs simple code
//! and fails at ordinary guests, some only once a program runs. So the question is put to the thing itself: our own
//! kernel is booted under KVM with a program of a few instructions (probe.rs), and only its exit code counts. The
//! answer is kept until the host reboots or QEMU or the kernel image changes.

use super::{Console, Ending, Guest, Machine, interrupt, probe};
use crate::workspace;
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

/// A probe boot that takes longer than this is no help to anybody.
const PATIENCE: Duration = Duration::from_secs(8);

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor itself.
    Kvm,
    /// QEMU's translator, one host thread per virtual CPU.
    Tcg,
}

impl Accelerator {
    /// The word for it in `--json` and on the first screen.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Accelerator::Kvm => "KVM",
            Accelerator::Tcg => "TCG",
        }
    }
}

/// Which accelerator was chosen, and the reason in a sentence.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The accelerator.
    pub accelerator: Accelerator,
    /// Why this one.
    pub reason: String,
}

/// Chooses for a kernel; the probe boot happens only where KVM could work and the answer is not known yet.
#[must_use]
pub fn choose(kernel: &Path) -> Choice {
    let tcg = |reason: String| Choice {
        accelerator: Accelerator::Tcg,
        reason,
    };
    if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/kvm") {
        return tcg(format!("/dev/kvm cannot be opened: {error}"));
    }
    let memo = workspace::run_folder().join("kvm-probe");
    let key = key(kernel);
    let text = std::fs::read_to_string(&memo).unwrap_or_default();
    let known = text.split_once('\n').filter(|(of, _)| *of == key);
    let verdict = match known {
        Some((_, verdict)) => verdict.to_owned(),
        None => probe(kernel),
    };
    if known.is_none() && !interrupt::pending() {
        let _ = std::fs::write(&memo, format!("{key}\n{verdict}"));
    }
    match verdict.strip_prefix("works: ") {
        Some(reason) => Choice {
            accelerator: Accelerator::Kvm,
            reason: reason.to_owned(),
        },
        None => tcg(verdict),
    }
}

/// Everything the answer depends on, in one line.
fn key(kernel: &Path) -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let changed = std::fs::metadata(kernel).and_then(|data| data.modified()).ok();
    let changed = changed
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .unwrap_or_default();
    format!(
        "{} {} {} {}",
        boot.trim(),
        super::version().unwrap_or_default(),
        kernel.display(),
        changed.as_nanos()
    )
}

/// Boots the kernel under KVM on two CPUs: the verdict as a sentence, led by `works: ` when it does.
fn probe(kernel: &Path) -> String {
    let folder = workspace::run_folder();
    let manifest = match probe::manifest(&folder) {
        Ok(manifest) => manifest,
        Err(error) => return format!("the probe boot could not be prepared: {error}"),
    };
    let mut machine = Machine::new(kernel.to_path_buf(), manifest);
    machine.accelerator = Accelerator::Kvm;
    machine.console = Console::File(folder.join("kvm-probe.log"));
    let mut guest = match Guest::start(&machine) {
        Ok(guest) => guest,
        Err(error) => return format!("the probe boot did not start: {error}"),
    };
    match guest.wait(Some(PATIENCE)) {
        Ok(Ending::Exited { code }) if code == probe::EXIT_CODE => {
            "works: a probe boot under KVM went as it should".to_owned()
        }
        Ok(Ending::TimedOut) => format!("a probe boot under KVM hung for {} s", PATIENCE.as_secs()),
        Ok(ending) => {
            let complaints = guest.complaints();
            let detail = complaints
                .lines()
                .last()
                .map_or_else(String::new, |line| format!(" ({line})"));
            format!("a probe boot under KVM failed: {ending}{detail}")
        }
        Err(error) => format!("the probe boot failed: {error}"),
    }
}
