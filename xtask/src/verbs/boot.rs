//! `boot`: one manifest, headless. The guest's console goes to standard output byte for byte as it comes, and our
//! exit code is the first program's. This is the contract by which other tools boot things on Sundial.

use super::relay::Relay;
use crate::cli::{AcceleratorWish, BootArguments, MachineArguments};
use crate::qemu::accelerator::{self, Choice};
use crate::qemu::{self, Accelerator, Ending, Guest, Machine, Terminal, interrupt, trace};
use crate::{build, progress, toolchain};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

/// The verb.
pub(super) fn boot(arguments: &BootArguments) -> Result<u8> {
    let (kernel, manifest) = images(arguments)?;
    let (mut machine, choice) = machine(&arguments.machine, kernel, manifest, "1")?;

    let (terminal, relay) = terminal(&arguments.terminal)?;
    machine.terminal = terminal;
    let mut guest = Guest::start(&machine)?;
    let talks = relay.map(Relay::start);
    // Whoever takes standard output for the terminal or for JSON gets the console on standard error.
    let console_aside = arguments.json || arguments.terminal == "stdio";
    let copied = guest
        .take_console()
        .map(|console| copy_console(console, console_aside));
    let ending = guest.wait(arguments.timeout.map(Duration::from_secs_f64))?;
    let took = guest.age();
    let bytes = copied.and_then(|thread| thread.join().ok()).unwrap_or(0);
    // The last words of the terminal are still on their way; QEMU has closed its end.
    if let Some(talks) = talks.filter(|_| ending != Ending::NotStarted) {
        let _ = talks.join();
    }

    explain(ending, &guest, arguments.timeout);
    if let Some(file) = &arguments.machine.trace {
        // The boot's own result matters more than a trace that could not be had.
        if let Err(error) = record(&guest, &machine, file) {
            progress::say(format!("no trace: {error:#}"));
        }
    }
    if arguments.json {
        let code = if let Ending::Exited { code } = ending {
            Some(code)
        } else {
            None
        };
        let about = json!({
            "ending": ending.word(), "code": code, "exit": ending.exit_code(),
            "wall_ms": u64::try_from(took.as_millis())?, "console_bytes": bytes,
            "accelerator": choice.accelerator.name(), "accelerator_reason": choice.reason,
            "cpus": machine.cpu_count(), "memory_mib": machine.memory_mib,
            "kernel": machine.kernel, "manifest": machine.manifest,
        });
        println!("{about}");
    }
    Ok(ending.exit_code())
}

/// The kernel and the binary manifest to boot: a toolchain is needed only for what is not given ready.
fn images(arguments: &BootArguments) -> Result<(PathBuf, PathBuf)> {
    let given = arguments.machine.kernel.as_deref().map(existing).transpose()?;
    let manifest = existing(&arguments.manifest)?;
    let described = build::manifest::is_description(&manifest);
    if let (Some(kernel), false) = (&given, described) {
        return Ok((kernel.clone(), manifest));
    }
    let bare = toolchain::find_or_install()?;
    let kernel = match given {
        Some(kernel) => kernel,
        None => build::kernel(&bare, arguments.machine.profile)?,
    };
    if !described {
        return Ok((kernel, manifest));
    }
    let programs = build::programs(&bare)?;
    Ok((kernel, build::manifest::build(&manifest, &[programs])?))
}

/// The machine that the options describe, and how its accelerator was chosen.
pub(super) fn machine(
    wish: &MachineArguments,
    kernel: PathBuf,
    manifest: PathBuf,
    default_cpus: &str,
) -> Result<(Machine, Choice)> {
    qemu::find_or_install()?;
    // From here on QEMU runs, first for the probe.
    interrupt::watch();
    let choice = match wish.accel {
        _ if wish.icount => told(Accelerator::Tcg, "counting instructions needs emulation"),
        AcceleratorWish::Tcg => told(Accelerator::Tcg, "asked for"),
        AcceleratorWish::Kvm => told(Accelerator::Kvm, "asked for"),
        AcceleratorWish::Auto => accelerator::choose(&kernel),
    };
    let mut machine = Machine::new(kernel, manifest);
    machine.cpus = wish.smp.clone().unwrap_or_else(|| default_cpus.to_owned());
    machine.memory_mib = wish.mem;
    machine.cpu_model.clone_from(&wish.cpu);
    machine.icount = wish.icount;
    machine.accelerator = choice.accelerator;
    machine.kernel_arguments.clone_from(&wish.append);
    if wish.trace.is_some() {
        machine.shared_memory = true;
        machine.kernel_arguments.push("trace".to_owned());
    }
    Ok((machine, choice))
}

fn told(accelerator: Accelerator, reason: &str) -> Choice {
    Choice {
        accelerator,
        reason: reason.to_owned(),
    }
}

/// Keeps the trace of a guest that has ended.
pub(super) fn record(guest: &Guest, machine: &Machine, file: &Path) -> Result<()> {
    let name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let (manifest, kernel) = (name(&machine.manifest), name(&machine.kernel));
    let source = format!("{manifest} on {kernel}, {} CPUs", machine.cpu_count());
    trace::write(&guest.trace(machine)?, &source, file)
}

/// Says on standard error what the exit code alone would not.
pub(super) fn explain(ending: Ending, guest: &Guest, limit: Option<f64>) {
    let complaints = guest.complaints();
    // Its warnings are about machines we ask for on purpose; they matter only when something went wrong.
    let only_warnings = complaints.lines().all(|line| line.contains("warning:"));
    if !only_warnings || !matches!(ending, Ending::Exited { .. }) {
        for line in complaints.lines() {
            progress::say(format!("QEMU says: {line}"));
        }
    }
    match ending {
        Ending::Exited { .. } | Ending::Interrupted => {}
        Ending::TimedOut => progress::say(format!("ended after {} s: {ending}", limit.unwrap_or_default())),
        _ => progress::say(format!("{ending} (exit code {})", ending.exit_code())),
    }
}

/// Copies the console as it comes; the number of bytes when it ends.
fn copy_console(mut console: impl Read + Send + 'static, aside: bool) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut to: Box<dyn Write> = if aside {
            Box::new(std::io::stderr())
        } else {
            Box::new(std::io::stdout())
        };
        let mut buffer = [0_u8; 4096];
        let mut bytes = 0;
        while let Ok(count @ 1..) = console.read(&mut buffer) {
            bytes += count as u64;
            // A reader that went away does not stop the guest; its exit code is still wanted.
            let _ = to.write_all(&buffer[..count]).and_then(|()| to.flush());
        }
        bytes
    })
}

/// The terminal the option names.
fn terminal(word: &str) -> Result<(Terminal, Option<Relay>)> {
    if let Some(path) = word.strip_prefix("unix:") {
        return Ok((Terminal::Listen(path.into()), None));
    }
    Ok(match word {
        "none" => (Terminal::None, None),
        "absent" => (Terminal::Absent, None),
        "stdio" => {
            let relay = Relay::prepare()?;
            (relay.terminal(), Some(relay))
        }
        file => (Terminal::File(file.into()), None),
    })
}

fn existing(path: &Path) -> Result<PathBuf> {
    ensure!(path.is_file(), "there is no file {}", path.display());
    std::path::absolute(path).with_context(|| format!("{}", path.display()))
}
