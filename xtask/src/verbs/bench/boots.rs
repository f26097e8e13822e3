//! Rows about boots as such: how long one takes on this machine, and how little memory it takes to reach the shell.

use super::Bench;
use super::guest;
use super::rows::Measured;
use crate::progress;
use crate::qemu::{Guest, Machine, Terminal};
use anyhow::{Context, Result, ensure};
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

/// What the shell prints when it is ready for a command (user/shell).
const PROMPT: &[u8] = b"sundial> ";

/// A shell that has not come after this time will not: the machine counts instructions, so idling costs nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// More memory than any shell needs, and less than any machine has, in MiB.
const RANGE: (u32, u32) = (4, 128);

/// Measures those that are wanted.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    if bench.wants_any(&["N12c", "N12d"]) {
        measured.extend(wall(bench)?);
    }
    if bench.wants_any(&["N12e"]) {
        measured.push(smallest(bench)?);
    }
    Ok(measured)
}

/// The time from the start of QEMU to the first program's first line, and the kernel's part of it.
#[expect(
    clippy::cast_precision_loss,
    reason = "times are small numbers of nanoseconds"
)]
fn wall(bench: &Bench) -> Result<Vec<Measured>> {
    const MACHINE: &str = "TCG, thread=multi, -cpu max, -smp 1, 256 MiB";
    let manifest = bench.manifest_for("wall", &["boot"], 1)?;
    let mut machine = Machine::new(bench.kernel.clone(), manifest);
    machine.cpus = "1".to_owned();
    let (mut whole, mut kernel) = (Vec::new(), Vec::new());
    for _ in 0..if bench.quick { 3 } else { 10 } {
        let booted = guest::boot(&machine)?;
        whole.push(booted.first_line.as_secs_f64() * 1e3);
        kernel.push(booted.row("boot")?.fact("boot-ns")? as f64 / 1e6);
    }
    Ok(vec![
        Measured::new("N12c", whole, MACHINE),
        Measured::new("N12d", kernel, MACHINE),
    ])
}

/// Searches for the least memory with which the default manifest's shell prompts, to the MiB.
fn smallest(bench: &Bench) -> Result<Measured> {
    let (mut too_small, mut enough) = RANGE;
    ensure!(
        reaches_the_shell(bench, enough)?,
        "the shell does not come even with {enough} MiB"
    );
    while enough - too_small > 1 {
        let middle = too_small.midpoint(enough);
        let reached = reaches_the_shell(bench, middle)?;
        progress::say(format!(
            "{middle} MiB: {}",
            if reached { "reaches the shell" } else { "does not" }
        ));
        if reached {
            enough = middle;
        } else {
            too_small = middle;
        }
    }
    Ok(Measured::new(
        "N12e",
        vec![f64::from(enough)],
        "TCG, -icount shift=0,sleep=off, -cpu Nehalem, -smp 1, user/default.toml",
    ))
}

/// Boots the default manifest with so much memory; whether the prompt appears on its terminal.
fn reaches_the_shell(bench: &Bench, memory_mib: u32) -> Result<bool> {
    let path = socket_path();
    let _ = std::fs::remove_file(&path);
    let listener =
        UnixListener::bind(&path).with_context(|| format!("cannot listen at {}", path.display()))?;
    let mut machine = bench.counting_machine(bench.manifest.clone());
    machine.memory_mib = memory_mib;
    machine.terminal = Terminal::Connect(path.clone());
    let mut guest = Guest::start(&machine)?;
    // The console is of no interest here, and a full pipe would stop the guest.
    if let Some(mut console) = guest.take_console() {
        std::thread::spawn(move || std::io::copy(&mut console, &mut std::io::sink()));
    }
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else {
            return;
        };
        let (mut seen, mut buffer) = (Vec::new(), [0_u8; 1024]);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            seen.extend_from_slice(&buffer[..count]);
            if seen.windows(PROMPT.len()).any(|window| window == PROMPT) {
                let _ = tell.send(());
                // Nobody reads on, but the line stays open until the guest is gone.
                let _ = std::io::copy(&mut stream, &mut std::io::sink());
                return;
            }
        }
    });
    let reached = loop {
        match told.recv_timeout(Duration::from_millis(20)) {
            Ok(()) => break true,
            Err(mpsc::RecvTimeoutError::Disconnected) => break false,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                if guest.ending()?.is_some() || guest.age() > PATIENCE {
                    break told.try_recv().is_ok();
                }
            }
        }
    };
    guest.kill();
    let _ = std::fs::remove_file(&path);
    Ok(reached)
}

/// Not in the target folder: paths of sockets must be short.
fn socket_path() -> PathBuf {
    std::env::temp_dir().join(format!("sundial-bench-{}", std::process::id()))
}
