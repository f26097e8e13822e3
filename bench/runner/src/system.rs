//! The systems that are measured beside each other, and how each is told from the others: by its kernel and by the words
//! on its kernel's command line. All boot on the same virtual machine.

use std::fmt;

/// What boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum System {
    /// Ours.
    Sundial,
    /// Debian's cloud kernel without the mitigations of processor bugs: the fastest Linux there is here.
    Linux,
    /// The same kernel as Debian ships it.
    LinuxShipped,
    /// Debian's real-time kernel without mitigations; for the rows about wake-ups.
    LinuxRt,
}

impl System {
    /// In the order of the table's columns.
    pub(super) const ALL: [System; 4] = [
        System::Sundial,
        System::Linux,
        System::LinuxShipped,
        System::LinuxRt,
    ];

    /// The word in the results file.
    pub(super) fn name(self) -> &'static str {
        match self {
            System::Sundial => "sundial",
            System::Linux => "linux",
            System::LinuxShipped => "linux-shipped",
            System::LinuxRt => "linux-rt",
        }
    }

    /// Which of Debian's kernels it is; ours is none of them.
    pub(super) fn flavour(self) -> Option<Flavour> {
        match self {
            System::Sundial => None,
            System::Linux | System::LinuxShipped => Some(Flavour::Cloud),
            System::LinuxRt => Some(Flavour::RealTime),
        }
    }

    /// Words for Linux' command line: its console is the first serial line, it says little, and a panic ends the
    /// machine.
    pub(super) fn kernel_arguments(self) -> &'static [&'static str] {
        match self {
            System::Sundial => &[],
            System::LinuxShipped => &["console=ttyS0", "panic=-1", "quiet"],
            System::Linux | System::LinuxRt => &["console=ttyS0", "panic=-1", "quiet", "mitigations=off"],
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.pad(self.name())
    }
}

/// Kernels that Debian builds from the same source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flavour {
    /// For virtual machines: fewer drivers, otherwise the ordinary configuration.
    Cloud,
    /// Fully preemptible (PREEMPT_RT).
    RealTime,
}

impl Flavour {
    /// The word in the names of packages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Flavour::Cloud => "cloud",
            Flavour::RealTime => "rt",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a4_only_the_shipped_linux_keeps_its_mitigations() {
        let off = |system: System| system.kernel_arguments().contains(&"mitigations=off");
        assert!(off(System::Linux) && off(System::LinuxRt));
        assert!(!off(System::LinuxShipped));
    }
}
