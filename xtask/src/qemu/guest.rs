//! A running guest. It never outlives whoever started it: dropping it kills it, and the host's kernel kills it
//! when the process that started it dies without a chance to clean up.

use super::{Console, Ending, Machine, QEMU, Report, Terminal, arguments, interrupt, trace, trace::Trace};
use anyhow::{Context, Result};
use std::fs::File;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How often a waiting host looks whether the guest has ended.
const GLANCE: Duration = Duration::from_millis(3);

/// A virtual machine that was started.
#[derive(Debug)]
pub struct Guest {
    child: Child,
    scratch: TempDir,
    began: Instant,
    report: Report,
}

impl Guest {
    /// Starts a machine.
    ///
    /// # Errors
    /// When QEMU or the scratch folder cannot be had. What QEMU itself refuses shows as [`Ending::NotStarted`] with
    /// its words in [`Guest::complaints`].
    pub fn start(machine: &Machine) -> Result<Guest> {
        let scratch = scratch_folder().context("no folder for this boot's scratch files")?;
        let mut command = tied_to_us();
        command.args(arguments::arguments(machine, scratch.path()));
        let piped_out = machine.console == Console::Pipe;
        let interactive = machine.terminal == Terminal::Stdio;
        command.stdin(if interactive {
            Stdio::inherit()
        } else {
            Stdio::null()
        });
        command.stdout(if piped_out {
            Stdio::piped()
        } else {
            Stdio::inherit()
        });
        command.stderr(File::create(scratch.path().join("complaints"))?);
        let child = command.spawn().with_context(|| format!("cannot start {QEMU}"))?;
        Ok(Guest {
            child,
            scratch,
            began: Instant::now(),
            report: machine.report,
        })
    }

    /// The guest's console, once, when it is on a pipe.
    pub fn take_console(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the host cannot tell.
    pub fn ending(&mut self) -> Result<Option<Ending>> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(None);
        };
        let record = std::fs::read(arguments::end_file(self.scratch.path())).unwrap_or_default();
        let (ending, refused) = match self.report {
            Report::Record => {
                let ending = Ending::from_record(&record);
                (ending, ending == Ending::Silent && !self.complaints().is_empty())
            }
            // Here QEMU's own refusal and an exit with 0 are the same status: its words tell them apart.
            Report::ExitDevice => (Ending::from_exit_status(status.code()), self.refused()),
        };
        let refused = refused && status.code() == Some(1);
        Ok(Some(if refused { Ending::NotStarted } else { ending }))
    }

    /// Waits for the end, for at most `limit` counted from the start, or for a signal; then nothing runs any more.
    ///
    /// # Errors
    /// When the host cannot tell how it ended.
    pub fn wait(&mut self, limit: Option<Duration>) -> Result<Ending> {
        loop {
            if let Some(ending) = self.ending()? {
                return Ok(ending);
            }
            let late = limit.is_some_and(|limit| self.began.elapsed() >= limit);
            if late || interrupt::pending() {
                self.kill();
                return Ok(if late {
                    Ending::TimedOut
                } else {
                    Ending::Interrupted
                });
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// Ends the machine at once.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether QEMU itself ended with success: somebody told its monitor to quit, or it was shut down.
    pub fn ended_well(&mut self) -> bool {
        self.child
            .try_wait()
            .is_ok_and(|status| status.is_some_and(|status| status.success()))
    }

    /// What QEMU itself said: refused options, missing files.
    #[must_use]
    pub fn complaints(&self) -> String {
        let bytes = std::fs::read(self.scratch.path().join("complaints")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    /// Whether QEMU said anything worse than a warning.
    fn refused(&self) -> bool {
        self.complaints().lines().any(|line| !line.contains("warning:"))
    }

    /// The kernel's trace as it is now, when the machine shares its memory.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn trace(&self, machine: &Machine) -> Result<Trace> {
        trace::read(
            &machine.kernel,
            &arguments::memory_file(self.scratch.path()),
            machine.memory_mib,
        )
    }

    /// The host's number of QEMU's process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Wall time since the start.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command for QEMU that the host's kernel kills when this process dies: `setpriv` (util-linux, on every Debian
/// and Ubuntu) asks for that and then becomes QEMU.
fn tied_to_us() -> Command {
    if Path::new("/usr/bin/setpriv").exists() {
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--pdeathsig", "KILL", "--", QEMU]);
        command
    } else {
        Command::new(QEMU)
    }
}

/// In memory where possible: guest memory kept there need not be written to a disk.
fn scratch_folder() -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("sundial-");
    builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir())
}
