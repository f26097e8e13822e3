//! One boot of a system with the bench program as its first process: the machine it boots on, and what came of it. The
//! same machine for every system: only the kernel, its command line, the initial RAM disk and the way in which the
//! guest tells its end depend on the system.

use super::Bench;
use super::plan::Plan;
use super::readings::Printed;
use super::system::System;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use xtask::qemu::{Accelerator, Ending, Guest, Machine, Report};
use xtask::{build, workspace};

/// A boot that takes longer than this hangs, however loaded the host is.
const PATIENCE: Duration = Duration::from_secs(900);

/// CPU model where instructions are counted: old enough that both systems find the same few features.
const COUNTED_MODEL: &str = "Nehalem";

/// By what time a boot is measured. Figures of the two never share a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// One instruction is one nanosecond, on one CPU.
    Instructions,
    /// The host's, on two CPUs.
    Wall(Accelerator),
}

impl Clock {
    /// The word in the results file.
    pub(super) fn accelerator(self) -> &'static str {
        match self {
            Clock::Instructions => "icount",
            Clock::Wall(Accelerator::Tcg) => "tcg-multi",
            Clock::Wall(Accelerator::Kvm) => "kvm",
        }
    }

    /// The guest's CPUs.
    pub(super) fn topology(self) -> &'static str {
        match self {
            Clock::Instructions => "1 CPU",
            Clock::Wall(_) => "2 CPUs: 1 socket, 2 cores",
        }
    }

    /// The machine in a line.
    pub(super) fn machine(self) -> &'static str {
        match self {
            Clock::Instructions => "TCG, -icount shift=0,sleep=off, -cpu Nehalem, -smp 1, 256 MiB",
            Clock::Wall(Accelerator::Tcg) => "TCG, thread=multi, -cpu max, -smp 2, 256 MiB",
            Clock::Wall(Accelerator::Kvm) => "KVM, -cpu host, -smp 2, 256 MiB",
        }
    }
}

/// A finished boot.
#[derive(Debug)]
pub(super) struct Booted {
    /// What its rows printed.
    pub(super) printed: Printed,
    /// From the start of QEMU to the program's first line.
    pub(super) first_line: Duration,
}

impl Bench {
    /// The machine on which a system carries out a plan.
    pub(super) fn machine(&self, system: System, clock: Clock, plan: &Plan) -> Result<Machine> {
        let folder = workspace::run_folder().join("bench");
        std::fs::create_dir_all(&folder)?;
        let (kernel, disk) = if system == System::Sundial {
            let description = folder.join(&plan.name).with_extension("toml");
            std::fs::write(&description, plan.for_sundial())?;
            let manifest = build::manifest::build(&description, std::slice::from_ref(&self.programs))?;
            (self.kernel.clone(), manifest)
        } else {
            let linux = self.linux.as_ref().context("Linux was not prepared")?;
            let kernel = linux.kernel(system).context("its kernel is not here")?;
            (kernel.image.clone(), linux.ram_disk(plan, &folder)?)
        };
        Ok(machine(system, clock, kernel, disk))
    }
}

/// The machine for a kernel and its initial RAM disk.
pub(super) fn machine(system: System, clock: Clock, kernel: PathBuf, disk: PathBuf) -> Machine {
    let mut machine = Machine::new(kernel, disk);
    match clock {
        Clock::Instructions => {
            machine.cpus = "1".to_owned();
            machine.cpu_model = Some(COUNTED_MODEL.to_owned());
            machine.icount = true;
        }
        Clock::Wall(accelerator) => {
            machine.cpus = "2,sockets=1,cores=2,threads=1".to_owned();
            machine.accelerator = accelerator;
        }
    }
    if system != System::Sundial {
        machine.report = Report::ExitDevice;
        let words = system.kernel_arguments().iter();
        machine.kernel_arguments = words.map(|word| (*word).to_owned()).collect();
    }
    machine
}

/// Boots a machine to its end.
///
/// # Errors
/// When the program did not come to its end, or failed without saying at which row.
pub(super) fn boot(machine: &Machine) -> Result<Booted> {
    let mut guest = Guest::start(machine)?;
    let began = Instant::now();
    let console = guest.take_console().context("the console is not on a pipe")?;
    let reader = std::thread::spawn(move || {
        let mut first_line = None;
        let mut lines = Vec::new();
        for line in BufReader::new(console).split(b'\n').map_while(Result::ok) {
            if line.starts_with(b"@") {
                first_line.get_or_insert_with(|| began.elapsed());
            }
            lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        (first_line, lines)
    });
    let ending = guest.wait(Some(PATIENCE))?;
    let Ok((first_line, lines)) = reader.join() else {
        bail!("the console could not be read")
    };
    let printed = Printed::from_lines(&lines);
    // A program that fails says at which row; then the others count.
    let explained = |printed: &Printed| ending == Ending::Exited { code: 0 } || printed.has_errors();
    match (printed, first_line, ending) {
        (Ok(printed), Some(first_line), Ending::Exited { .. }) if explained(&printed) => {
            Ok(Booted { printed, first_line })
        }
        (printed, ..) => {
            let tail: Vec<&str> = lines.iter().rev().take(20).rev().map(String::as_str).collect();
            let unread = printed
                .err()
                .map_or_else(String::new, |error| format!(" ({error:#})"));
            let complaints = guest.complaints();
            bail!(
                "{ending}{unread}; {complaints}\nthe console's last lines:\n{}",
                tail.join("\n")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a4_systems_differ_in_kernel_disk_and_end_and_in_nothing_else_of_the_machine() {
        for clock in [Clock::Instructions, Clock::Wall(Accelerator::Tcg)] {
            let of = |system| machine(system, clock, "kernel".into(), "disk".into());
            let mut linux = of(System::Linux);
            assert_eq!(linux.report, Report::ExitDevice);
            linux.report = Report::Record;
            linux.kernel_arguments.clear();
            assert_eq!(format!("{linux:?}"), format!("{:?}", of(System::Sundial)));
        }
    }

    #[test]
    fn the_words_about_a_machine_are_what_it_is() {
        let counted = machine(System::Sundial, Clock::Instructions, "k".into(), "d".into());
        assert!(counted.icount && counted.cpu_count() == 1 && counted.memory_mib == 256);
        let clock = Clock::Wall(Accelerator::Tcg);
        let timed = machine(System::Sundial, clock, "k".into(), "d".into());
        assert!(!timed.icount && timed.cpu_count() == 2);
        assert!(clock.machine().contains("-smp 2, 256 MiB") && clock.machine().contains("thread=multi"));
    }
}
