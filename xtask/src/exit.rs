//! The exit codes of `./x`. Scripts rely on them: a number here never changes its meaning.
//!
//! `boot` and `run` pass on the code of the guest's first program, so the codes that are the host's own lie
//! where few programs go; `--json` tells them apart without doubt.

/// Everything asked for was done.
pub const OK: u8 = 0;
/// The verb ran and what it looked at is not well: a failed build, a red test, a missing tool.
pub const FAILED: u8 = 1;
/// `boot` and `run`: the host could not build, find or start something, so nothing was booted.
pub const NOT_STARTED: u8 = 121;
/// The virtual machine ended without a word: a triple fault, or QEMU itself was ended.
pub const SILENT: u8 = 122;
/// The kernel refused the manifest or a program in it, and said why on its console.
pub const REFUSED: u8 = 123;
/// The time limit passed first (the same number as coreutils' `timeout`).
pub const TIMED_OUT: u8 = 124;
/// The kernel panicked; its report is on the console.
pub const PANICKED: u8 = 125;
/// Ended by Ctrl-C or a termination signal.
pub const INTERRUPTED: u8 = 130;

/// The table that `--help` prints.
pub const TABLE: &str = "\
Exit codes:
  0        done (boot, run: the guest's first program exited with 0)
  1        the verb ran and found something wrong: a failed build, a red test, a missing tool
  2        the command line was not understood
  boot and run pass on the first program's exit code (its lowest 8 bits), and besides:
  121      nothing was booted: something could not be built, found or started
  122      the machine ended without a report (triple fault, or QEMU was ended)
  123      the kernel refused the manifest or a program in it
  124      the time limit passed
  125      the kernel panicked
  130      interrupted";
