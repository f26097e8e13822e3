//! N12e: the least memory with which a system gets as far as its first program: on Sundial the default manifest's shell shows
//! its prompt, on Linux `/init` prints its first line. Found by halving a range; boots count instructions, so the
//! answer does not depend on the host.

use super::boot::{self, Clock};
use super::measured::{Figures, Measured};
use super::plan::Plan;
use super::system::System;
use super::{Bench, Findings};
use anyhow::{Context, Result, ensure};
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;
use xtask::progress;
use xtask::qemu::{Guest, Machine, Terminal};

/// The row.
const ID: &str = "N12e";

/// What the shell prints when it is ready for a command (user/shell).
const PROMPT: &[u8] = b"sundial> ";

/// What the program on Linux prints first.
const FIRST_LINE: &[u8] = b"@begin";

/// Too little and more than enough, in MiB; and when to give up: a system that has not come by then will not.
struct Search {
    range: (u32, u32),
    patience: Duration,
}

/// Measures the systems that are wanted.
pub(super) fn measure(bench: &Bench) -> Findings {
    let mut findings = Findings::default();
    for system in &bench.systems {
        if is_for(bench, *system) {
            findings.take(smallest(bench, *system));
        }
    }
    findings
}

/// Whether a system's least memory is looked for. On Linux only in a full run: a boot takes a quarter of a minute or more
/// there, and the search needs eight.
pub(super) fn is_for(bench: &Bench, system: System) -> bool {
    let measured = system == System::Sundial || system == System::Linux && !bench.quick;
    measured && bench.wants(ID)
}

fn smallest(bench: &Bench, system: System) -> Result<Measured> {
    let (search, reached) = match system {
        System::Sundial => (
            Search {
                range: (4, 128),
                patience: Duration::from_secs(60),
            },
            "the default manifest's prompt",
        ),
        _ => (
            Search {
                range: (16, 256),
                patience: Duration::from_secs(240),
            },
            "/init's first line",
        ),
    };
    let machine = match system {
        System::Sundial => boot::machine(
            system,
            Clock::Instructions,
            bench.kernel.clone(),
            bench.manifest.clone(),
        ),
        _ => {
            let plan = Plan {
                name: "memory".to_owned(),
                rows: vec!["boot"],
                rounds: 1,
                window: 1,
                settle: 0,
            };
            bench.machine(system, Clock::Instructions, &plan)?
        }
    };
    let least = least(search.range, |mib| {
        let mut machine = machine.clone();
        machine.memory_mib = mib;
        let reached = match system {
            System::Sundial => reaches_the_shell(&machine, search.patience)?,
            _ => reaches_its_line(&machine, search.patience)?,
        };
        let verdict = if reached { "enough" } else { "too little" };
        progress::say(format!("{system}, {mib} MiB: {verdict}"));
        Ok(reached)
    })?;
    let figures = Figures::of(vec![f64::from(least)]).with("reached", reached);
    Ok(Measured {
        machine: "TCG, -icount shift=0,sleep=off, -cpu Nehalem, -smp 1".to_owned(),
        ..Measured::new(ID, system, Clock::Instructions, figures)
    })
}

/// The least number above the first of the range that is enough, if the last one is.
fn least(range: (u32, u32), mut enough: impl FnMut(u32) -> Result<bool>) -> Result<u32> {
    let (mut too_little, mut least) = range;
    ensure!(enough(least)?, "it does not come even with {least} MiB");
    while least - too_little > 1 {
        let middle = too_little.midpoint(least);
        if enough(middle)? {
            least = middle;
        } else {
            too_little = middle;
        }
    }
    Ok(least)
}

/// Whether the machine's console says its first line.
fn reaches_its_line(machine: &Machine, patience: Duration) -> Result<bool> {
    let mut guest = Guest::start(machine)?;
    let console = guest.take_console().context("the console is not on a pipe")?;
    let told = watch(move || Some(console), FIRST_LINE);
    wait(&mut guest, &told, patience)
}

/// Whether the prompt appears on the machine's terminal.
fn reaches_the_shell(machine: &Machine, patience: Duration) -> Result<bool> {
    let path = socket_path();
    let _ = std::fs::remove_file(&path);
    let listener =
        UnixListener::bind(&path).with_context(|| format!("cannot listen at {}", path.display()))?;
    let mut machine = machine.clone();
    machine.terminal = Terminal::Connect(path.clone());
    let mut guest = Guest::start(&machine)?;
    // The console is of no interest here, and a full pipe would stop the guest.
    if let Some(mut console) = guest.take_console() {
        std::thread::spawn(move || std::io::copy(&mut console, &mut std::io::sink()));
    }
    let told = watch(move || listener.accept().ok().map(|(stream, _)| stream), PROMPT);
    let reached = wait(&mut guest, &told, patience);
    let _ = std::fs::remove_file(&path);
    reached
}

/// Opens a stream and tells when the words appear on it.
fn watch<S: Read>(
    open: impl FnOnce() -> Option<S> + Send + 'static,
    words: &'static [u8],
) -> mpsc::Receiver<()> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let Some(mut stream) = open() else { return };
        let (mut seen, mut buffer) = (Vec::new(), [0_u8; 1024]);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            seen.extend_from_slice(&buffer[..count]);
            if seen.windows(words.len()).any(|window| window == words) {
                let _ = tell.send(());
                // Nobody reads on, but the line stays open until the guest is gone.
                let _ = std::io::copy(&mut stream, &mut std::io::sink());
                return;
            }
        }
    });
    told
}

/// Waits for the words, for the guest's end or for the end of patience; then the guest is gone.
fn wait(guest: &mut Guest, told: &mpsc::Receiver<()>, patience: Duration) -> Result<bool> {
    let reached = loop {
        match told.recv_timeout(Duration::from_millis(20)) {
            Ok(()) => break true,
            Err(mpsc::RecvTimeoutError::Disconnected) => break false,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let late = guest.age() > patience || xtask::qemu::interrupt::pending();
                if guest.ending()?.is_some() || late {
                    break told.recv_timeout(Duration::from_millis(200)).is_ok();
                }
            }
        }
    };
    guest.kill();
    Ok(reached)
}

/// Not in the target folder: paths of sockets must be short.
fn socket_path() -> PathBuf {
    std::env::temp_dir().join(format!("sundial-bench-{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n12_the_least_memory_is_found_to_the_mib() {
        for wanted in [5, 6, 23, 64, 127, 128] {
            let mut boots = 0;
            let found = least((4, 128), |mib| {
                boots += 1;
                Ok(mib >= wanted)
            });
            assert_eq!(found.unwrap(), wanted);
            assert!(boots <= 8, "{boots} boots");
        }
        assert!(least((4, 128), |_| Ok(false)).is_err());
    }
}
