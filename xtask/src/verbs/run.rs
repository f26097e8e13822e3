//! `run`: builds everything and boots the default manifest with this terminal as the guest's.

use super::boot;
use super::relay::Relay;
use crate::build::everything;
use crate::cli::RunArguments;
use crate::qemu::{Console, Ending, Guest, Terminal};
use crate::{progress, workspace};
use anyhow::Result;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::IsTerminal;

/// Lines of the console shown when the guest did not end by itself.
const TAIL: usize = 40;

/// The verb.
pub(super) fn run(arguments: &RunArguments) -> Result<u8> {
    let built = everything(arguments.machine.profile, arguments.machine.kernel.as_deref())?;
    let (mut machine, choice) =
        boot::machine(&arguments.machine, built.kernel, built.manifest, &host_cpus())?;
    let log = workspace::run_folder().join("console.log");
    machine.console = Console::File(log.clone());
    // A person gets QEMU's own terminal, with its monitor behind Ctrl-A; a pipe gets a relay.
    let relay = if std::io::stdin().is_terminal() {
        None
    } else {
        Some(Relay::prepare()?)
    };
    machine.terminal = relay.as_ref().map_or(Terminal::Stdio, Relay::terminal);

    eprintln!(
        "Sundial on {} ({}), {} CPUs, {} MiB.",
        choice.accelerator.name(),
        choice.reason,
        machine.cpu_count(),
        machine.memory_mib
    );
    eprintln!(
        "Quit: type exit, or press Ctrl-A and then X. Boot console: {}",
        workspace::shown(&log)
    );
    let settings = TerminalSettings::remember();
    let mut guest = Guest::start(&machine)?;
    let talks = relay.map(Relay::start);
    let ending = guest.wait(None)?;
    drop(settings);
    if let Some(talks) = talks.filter(|_| ending != Ending::NotStarted) {
        let _ = talks.join();
    }

    if let Some(file) = &arguments.machine.trace {
        // The boot's own result matters more than a trace that could not be had.
        if let Err(error) = boot::record(&guest, &machine, file) {
            progress::say(format!("no trace: {error:#}"));
        }
    }

    // Ctrl-A X ends QEMU without a record: that is how one leaves, not a failure.
    let left = ending == Ending::Silent && guest.complaints().is_empty() && guest.ended_well();
    if left {
        eprintln!();
        return Ok(crate::exit::OK);
    }
    if !matches!(ending, Ending::Exited { .. } | Ending::Interrupted) {
        let text = std::fs::read(&log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        progress::say(format!("the last lines of {}:", workspace::shown(&log)));
        for line in &lines[lines.len().saturating_sub(TAIL)..] {
            eprintln!("  {line}");
        }
    }
    boot::explain(ending, &guest, None);
    Ok(ending.exit_code())
}

/// As many CPUs as the host has, and at least two: one alone would show little of what this kernel is about.
fn host_cpus() -> String {
    std::thread::available_parallelism()
        .map_or(2, |count| count.get().max(2))
        .to_string()
}

/// Puts the terminal back as it was, also when QEMU was killed and could not.
struct TerminalSettings(Option<Termios>);

impl TerminalSettings {
    fn remember() -> TerminalSettings {
        let stdin = std::io::stdin();
        TerminalSettings(stdin.is_terminal().then(|| tcgetattr(&stdin).ok()).flatten())
    }
}

impl Drop for TerminalSettings {
    fn drop(&mut self) {
        if let Some(settings) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, settings);
        }
    }
}
