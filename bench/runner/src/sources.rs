//! Where the figures of each row come from: on which systems, in which kind of boot, from which of the program's rows, by
//! which formula. Some rows have several ways, told apart by their variant.

use super::boot::{Booted, Clock};
use super::formulas::{self, calls, fairness, latency, speed_up, throttle};
use super::measured::{Formula, Measured};
use super::system::System;
use anyhow::{Context, Result};

/// One way to measure a row.
pub(super) struct Source {
    /// The row.
    pub(super) id: &'static str,
    on: On,
    /// Whether it needs the time of the wall, and so boots of its own.
    pub(super) timed: bool,
    /// Which of several ways it is.
    variant: Option<&'static str>,
    /// The program's rows that it needs; the first is the one that it is mainly about.
    pub(super) names: &'static [&'static str],
    formula: Formula,
}

#[derive(Clone, Copy, PartialEq)]
enum On {
    Sundial,
    Linux,
    Both,
}

const fn counted(id: &'static str, on: On, names: &'static [&'static str], formula: Formula) -> Source {
    Source {
        id,
        on,
        timed: false,
        variant: None,
        names,
        formula,
    }
}

const fn timed(id: &'static str, on: On, names: &'static [&'static str], formula: Formula) -> Source {
    Source {
        timed: true,
        ..counted(id, on, names, formula)
    }
}

/// One of several ways to do it.
const fn by(variant: &'static str, source: Source) -> Source {
    Source {
        variant: Some(variant),
        ..source
    }
}

/// Another way to do it on Linux.
const fn way(id: &'static str, variant: &'static str, names: &'static [&'static str]) -> Source {
    by(variant, counted(id, On::Linux, names, formulas::per_operation))
}

/// The same in wall time.
const fn timed_way(
    id: &'static str,
    variant: &'static str,
    names: &'static [&'static str],
    formula: Formula,
) -> Source {
    by(variant, timed(id, On::Linux, names, formula))
}

const SOURCES: &[Source] = &[
    counted("N1", On::Both, &["null-entry"], formulas::per_operation),
    way("N1", "uring", &["null-entry-uring"]),
    counted("N2", On::Sundial, &["nop-batch"], formulas::per_operation),
    way("N2", "uring", &["nop-batch"]),
    counted("N3", On::Sundial, &["call"], formulas::per_operation),
    way("N3", "futex", &["call-futex"]),
    way("N3", "pipe", &["call-pipe"]),
    way("N3", "socket", &["call-socket"]),
    by(
        "limit",
        counted(
            "N4a",
            On::Sundial,
            &["call-own-limit", "call"],
            calls::to_a_server_with_time,
        ),
    ),
    by(
        "reservation",
        counted(
            "N4a",
            On::Sundial,
            &["call-own-reservation", "call"],
            calls::to_a_server_with_time,
        ),
    ),
    by(
        "limit",
        counted(
            "N4b",
            On::Sundial,
            &["call-lent-limit", "call"],
            calls::to_a_server_that_is_lent_time,
        ),
    ),
    by(
        "reservation",
        counted(
            "N4b",
            On::Sundial,
            &["call-lent-reservation", "call"],
            calls::to_a_server_that_is_lent_time,
        ),
    ),
    counted("N5", On::Both, &["park"], formulas::per_operation),
    counted("N5b", On::Sundial, &["park-apart"], formulas::per_operation),
    counted("N6", On::Both, &["yield"], formulas::yields),
    counted("N7a", On::Both, &["tick-idle"], formulas::interrupts),
    counted("N7b", On::Both, &["tick-alone"], formulas::interrupts),
    counted("N7c", On::Both, &["tick-shared"], formulas::interrupt_cost),
    by(
        "limit",
        counted("N10a", On::Sundial, &["throttle-limit"], throttle::overhead),
    ),
    by(
        "reservation",
        counted("N10a", On::Sundial, &["throttle-reservation"], throttle::overhead),
    ),
    by(
        "hrtick",
        counted("N10a", On::Linux, &["throttle-hrtick"], throttle::overhead),
    ),
    by(
        "limit",
        counted("N10b", On::Sundial, &["throttle-limit"], throttle::jitter),
    ),
    by(
        "reservation",
        counted("N10b", On::Sundial, &["throttle-reservation"], throttle::jitter),
    ),
    by(
        "hrtick",
        counted("N10b", On::Linux, &["throttle-hrtick"], throttle::jitter),
    ),
    by(
        "limit",
        counted("N10c", On::Sundial, &["throttle-limit"], throttle::overrun),
    ),
    by(
        "reservation",
        counted("N10c", On::Sundial, &["throttle-reservation"], throttle::overrun),
    ),
    by(
        "hrtick",
        counted("N10c", On::Linux, &["throttle-hrtick"], throttle::overrun),
    ),
    counted("N11a", On::Both, &["wake-idle"], latency::mean),
    counted("N11b", On::Both, &["wake-idle"], latency::worst),
    counted("N11c", On::Both, &["wake-hogs"], latency::mean),
    counted("N11d", On::Both, &["wake-hogs"], latency::worst),
    counted("N11r-a", On::Sundial, &["wake-idle-reserved"], latency::mean),
    by(
        "deadline",
        counted("N11r-a", On::Linux, &["wake-idle-reserved"], latency::mean),
    ),
    by(
        "fifo",
        counted("N11r-a", On::Linux, &["wake-idle"], latency::mean),
    ),
    counted("N11r-b", On::Sundial, &["wake-idle-reserved"], latency::worst),
    by(
        "deadline",
        counted("N11r-b", On::Linux, &["wake-idle-reserved"], latency::worst),
    ),
    by(
        "fifo",
        counted("N11r-b", On::Linux, &["wake-idle"], latency::worst),
    ),
    counted("N11r-c", On::Sundial, &["wake-hogs-reserved"], latency::mean),
    by(
        "deadline",
        counted("N11r-c", On::Linux, &["wake-hogs-reserved"], latency::mean),
    ),
    by(
        "fifo",
        counted("N11r-c", On::Linux, &["wake-hogs"], latency::mean),
    ),
    counted("N11r-d", On::Sundial, &["wake-hogs-reserved"], latency::worst),
    by(
        "deadline",
        counted("N11r-d", On::Linux, &["wake-hogs-reserved"], latency::worst),
    ),
    by(
        "fifo",
        counted("N11r-d", On::Linux, &["wake-hogs"], latency::worst),
    ),
    counted("E9", On::Both, &["tick-budget"], formulas::interrupts),
    counted("N12a", On::Both, &["boot"], formulas::power_on),
    counted("N12b", On::Sundial, &["boot"], formulas::kernel_boot),
    counted("N13", On::Both, &["thread"], formulas::per_operation),
    counted("N14", On::Both, &["process"], formulas::per_operation),
    way("N14", "fork", &["process-fork"]),
    counted(
        "N14b",
        On::Sundial,
        &["process", "process-padded"],
        formulas::image_page,
    ),
    counted("D6-hogs", On::Both, &["fair-hogs"], fairness::unfairness),
    counted("D6-sleepers", On::Both, &["fair-sleepers"], fairness::unfairness),
    counted("D6-calls", On::Both, &["fair-calls"], fairness::unfairness),
    counted(
        "D6-processes",
        On::Both,
        &["fair-processes"],
        fairness::unfairness,
    ),
    counted("D6-threads", On::Both, &["fair-threads"], fairness::unfairness),
    counted("D6-weights", On::Both, &["fair-weights"], fairness::unfairness),
    timed("N12c", On::Both, &["boot"], formulas::first_line),
    timed("N12d", On::Sundial, &["boot"], formulas::kernel_boot_ms),
    timed("B7a", On::Sundial, &["scale"], speed_up::work_of_pairs),
    timed("B7b", On::Sundial, &["scale"], speed_up::total_of_pairs),
    timed("N15a", On::Both, &["scale"], speed_up::work_of_boot),
    timed("N15b", On::Both, &["scale"], speed_up::total_of_boot),
    timed("S3-map-reduce", On::Both, &["map-reduce"], speed_up::load),
    timed("S3-task-pool", On::Both, &["task-pool"], speed_up::load),
    timed("S3-phases", On::Both, &["phases"], speed_up::load),
    timed("S3-processes", On::Both, &["processes"], speed_up::load),
    timed("S3-services", On::Sundial, &["services"], speed_up::load),
    timed_way("S3-services", "futex", &["services"], speed_up::load),
    timed_way("S3-services", "pipe", &["services-pipe"], speed_up::load),
    timed_way("S3-services", "socket", &["services-socket"], speed_up::load),
];

impl Source {
    /// Whether a system is measured this way. The real-time kernel is here for wake-ups and budgets alone.
    pub(super) fn is_for(&self, system: System) -> bool {
        match system {
            System::Sundial => self.on != On::Linux,
            System::Linux | System::LinuxShipped => self.on != On::Sundial,
            System::LinuxRt => self.on != On::Sundial && self.is_about_real_time(),
        }
    }

    fn is_about_real_time(&self) -> bool {
        self.id.starts_with("N10") || self.id.starts_with("N11")
    }

    /// The row of one boot.
    ///
    /// # Errors
    /// When the program did not print what the formula needs.
    pub(super) fn measured(&self, system: System, clock: Clock, booted: &Booted) -> Result<Measured> {
        let name = self.names[0];
        let variant = self
            .variant
            .map_or_else(String::new, |variant| format!(" ({variant})"));
        let figures =
            (self.formula)(booted, name).with_context(|| format!("{}{variant} on {system}", self.id))?;
        let mut row = Measured::new(self.id, system, clock, figures);
        row.variant = self.variant;
        row.counters = booted.printed.row(name)?.counters();
        Ok(row)
    }
}

/// The ways to measure a system in one kind of boot, of those rows that are wanted.
pub(super) fn of(system: System, timed: bool, wanted: impl Fn(&str) -> bool) -> Vec<&'static Source> {
    let all = SOURCES.iter();
    all.filter(|source| source.timed == timed && source.is_for(system) && wanted(source.id))
        .collect()
}

/// The program's rows that these need, in the order of the table, each once.
pub(super) fn names(sources: &[&'static Source]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in sources.iter().flat_map(|source| source.names) {
        if !names.contains(name) {
            names.push(*name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    #[test]
    fn every_source_has_its_row_in_the_table() {
        for source in SOURCES {
            assert!(table::find(source.id).is_some(), "{}", source.id);
        }
    }

    #[test]
    fn a_system_has_each_line_of_the_table_once() {
        for system in System::ALL {
            let mut lines: Vec<_> = SOURCES
                .iter()
                .filter(|source| source.is_for(system))
                .map(|source| (source.id, source.variant))
                .collect();
            let count = lines.len();
            lines.sort_unstable();
            lines.dedup();
            assert_eq!(lines.len(), count, "{system}");
        }
    }

    #[test]
    fn n10_n11_the_real_time_kernel_is_asked_about_budgets_and_wake_ups_alone() {
        let counted = of(System::LinuxRt, false, |_| true);
        let expected = [
            "throttle-hrtick",
            "wake-idle",
            "wake-hogs",
            "wake-idle-reserved",
            "wake-hogs-reserved",
        ];
        assert_eq!(names(&counted), expected);
        assert!(of(System::LinuxRt, true, |_| true).is_empty());
    }

    #[test]
    fn n4_the_plain_call_is_measured_in_the_same_boot() {
        let names = names(&of(System::Sundial, false, |id| id == "N4b"));
        assert_eq!(names, ["call-lent-limit", "call", "call-lent-reservation"]);
        assert!(of(System::Linux, false, |id| id == "N4b").is_empty());
    }

    #[test]
    fn the_program_is_asked_for_each_of_its_rows_once() {
        let wanted = |id: &str| ["N12a", "N12b", "N14", "N14b"].contains(&id);
        let names_of = |system| names(&of(system, false, wanted));
        assert_eq!(names_of(System::Sundial), ["boot", "process", "process-padded"]);
        assert_eq!(names_of(System::Linux), ["boot", "process", "process-fork"]);
    }
}
