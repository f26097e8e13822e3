//! What a test boots, described before it starts.

use crate::boot::Boot;
use crate::images;
use std::path::PathBuf;
use std::time::Duration;
use xtask::qemu::{Accelerator, Machine, Terminal as Line};

/// Longest time a test waits for anything at all: only a hang gets there, even on a busy host.
const PATIENCE: Duration = Duration::from_secs(180);
/// The same in seconds, as set by who knows how long the test takes: hangs are frequent where mistakes are made on purpose.
const PATIENCE_VARIABLE: &str = "SUNDIAL_PATIENCE";

fn patience() -> Duration {
    let set = std::env::var(PATIENCE_VARIABLE).ok();
    set.and_then(|seconds| seconds.parse().ok())
        .map_or(PATIENCE, Duration::from_secs)
}

/// A boot to be.
#[derive(Clone, Debug)]
pub struct Setup {
    pub(crate) machine: Machine,
    pub(crate) limit: Duration,
    pub(crate) with_terminal: bool,
    pub(crate) with_monitor: bool,
}

impl Setup {
    /// The manifest `tests/manifests/NAME.toml`, on two emulated CPUs.
    ///
    /// # Panics
    /// When it cannot be built.
    #[must_use]
    pub fn of(name: &str) -> Setup {
        Setup::of_file(images::manifest(name))
    }

    /// What `./x run` boots: init, the shell and the demos.
    ///
    /// # Panics
    /// When it cannot be built.
    #[must_use]
    pub fn shell() -> Setup {
        Setup::of_file(images::default_manifest())
    }

    /// A file as the manifest, whatever is in it.
    #[must_use]
    pub fn of_file(manifest: PathBuf) -> Setup {
        let mut machine = Machine::new(images::kernel(), manifest);
        machine.accelerator = Accelerator::Tcg;
        Setup {
            machine,
            limit: patience(),
            with_terminal: false,
            with_monitor: false,
        }
    }

    /// The number of virtual CPUs.
    #[must_use]
    pub fn cpus(self, count: u32) -> Setup {
        self.shape(&count.to_string())
    }

    /// Virtual CPUs in QEMU's words, with their shape: `8,sockets=2,cores=2,threads=2`.
    #[must_use]
    pub fn shape(mut self, shape: &str) -> Setup {
        self.machine.cpus = shape.to_owned();
        self
    }

    /// Memory in MiB.
    #[must_use]
    pub fn memory_mib(mut self, mib: u32) -> Setup {
        self.machine.memory_mib = mib;
        self
    }

    /// A CPU model of QEMU's.
    #[must_use]
    pub fn model(mut self, model: &str) -> Setup {
        self.machine.cpu_model = Some(model.to_owned());
        self
    }

    /// Counts instructions as time: the run repeats exactly.
    #[must_use]
    pub fn icount(mut self) -> Setup {
        self.machine.icount = true;
        self
    }

    /// Turns the kernel's trace on and keeps it readable.
    #[must_use]
    pub fn traced(mut self) -> Setup {
        self.machine.shared_memory = true;
        self.machine.kernel_arguments.push("trace".to_owned());
        self
    }

    /// A word for the kernel's command line.
    #[must_use]
    pub fn argument(mut self, word: &str) -> Setup {
        self.machine.kernel_arguments.push(word.to_owned());
        self
    }

    /// Sits down at the guest's terminal, so that the test can type and read there.
    #[must_use]
    pub fn terminal(mut self) -> Setup {
        self.with_terminal = true;
        self
    }

    /// Leaves the second serial line out of the machine.
    #[must_use]
    pub fn without_terminal(mut self) -> Setup {
        self.machine.terminal = Line::Absent;
        self
    }

    /// Lets the test do things to the machine itself ([`Boot::order`]).
    #[must_use]
    pub fn monitored(mut self) -> Setup {
        self.with_monitor = true;
        self
    }

    /// Another limit for the whole boot.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Setup {
        self.limit = limit;
        self
    }

    /// Boots it.
    ///
    /// # Panics
    /// When QEMU cannot be started.
    #[must_use]
    pub fn start(self) -> Boot {
        Boot::start(self)
    }

    /// The command that boots the same thing by hand.
    #[must_use]
    pub fn replay(&self) -> String {
        let machine = &self.machine;
        let mut words = vec!["./x boot".to_owned(), machine.manifest.display().to_string()];
        words.push(format!(
            "--kernel {} --smp {} --mem {}",
            machine.kernel.display(),
            machine.cpus,
            machine.memory_mib
        ));
        words.push("--accel tcg".to_owned());
        if let Some(model) = &machine.cpu_model {
            words.push(format!("--cpu {model}"));
        }
        if machine.icount {
            words.push("--icount".to_owned());
        }
        // The option for a trace brings its own word along.
        words.extend(
            machine
                .kernel_arguments
                .iter()
                .filter(|word| *word != "trace")
                .map(|word| format!("--append {word}")),
        );
        if machine.shared_memory {
            words.push("--trace trace.txt".to_owned());
        }
        if self.with_terminal {
            words.push("--terminal stdio".to_owned());
        } else if machine.terminal == Line::Absent {
            words.push("--terminal absent".to_owned());
        }
        words.join(" ")
    }
}
