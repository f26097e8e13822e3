//! What rows are sorted by: who was measured, what time means there, and which section of the report they are in.

use serde::Deserialize;

/// Who was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// This system.
    #[default]
    Sundial,
    /// Debian's cloud kernel with `mitigations=off`.
    Linux,
    /// The same as Debian ships it.
    LinuxShipped,
    /// Debian's real-time kernel with `mitigations=off`.
    LinuxRt,
}

impl System {
    /// All of them, in the order of legends.
    pub const ALL: [System; 4] = [
        System::Sundial,
        System::Linux,
        System::LinuxShipped,
        System::LinuxRt,
    ];

    /// As reports call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            System::Sundial => "Sundial",
            System::Linux => "Linux",
            System::LinuxShipped => "Linux as shipped",
            System::LinuxRt => "Linux rt",
        }
    }
}

/// What time is in a row. Figures of the two never stand in one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clock {
    /// Instructions: the machine's time passes with each of them.
    Instructions,
    /// The host's.
    Wall,
}

impl Clock {
    /// Both.
    pub const BOTH: [Clock; 2] = [Clock::Instructions, Clock::Wall];

    /// As captions say it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Clock::Instructions => "instruction counts",
            Clock::Wall => "wall times",
        }
    }
}

/// Which section of the report a row is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// What an operation costs.
    Costs,
    /// Several workers against one.
    SpeedUp,
    /// How late wake-ups are.
    WakeUps,
    /// Shares against ideal ones.
    Fairness,
    /// Starting.
    Boot,
    /// The scheduler core as its queue grows.
    Growth,
    /// None of these.
    Other,
}
