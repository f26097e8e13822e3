//! The rows of the table: what each is called, and what is aimed for. How each is measured is in sources.rs.

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Aim {
    /// No aim: the row explains another one, or only stands beside Linux.
    None,
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Row {
    /// What `--only` takes.
    pub(super) id: &'static str,
    /// A line about it.
    pub(super) what: &'static str,
    /// Of the figure.
    pub(super) unit: &'static str,
    /// Of Sundial's median.
    pub(super) aim: Aim,
}

/// The unit of what is counted.
pub(super) const INSTRUCTIONS: &str = "instructions";
const TIMES: &str = "times";

const fn row(id: &'static str, what: &'static str, unit: &'static str, aim: Aim) -> Row {
    Row { id, what, unit, aim }
}

const fn cost(id: &'static str, what: &'static str, most: f64) -> Row {
    row(id, what, INSTRUCTIONS, Aim::AtMost(most))
}

const fn part(id: &'static str, what: &'static str) -> Row {
    row(id, what, INSTRUCTIONS, Aim::None)
}

const fn fairness(id: &'static str, what: &'static str) -> Row {
    row(id, what, "%", Aim::AtMost(2.0))
}

const fn speed_up(id: &'static str, what: &'static str) -> Row {
    row(id, what, TIMES, Aim::None)
}

/// All rows, in the order of the table. Ids with a letter are parts of one requirement.
pub(super) const ROWS: &[Row] = &[
    cost("N1", "null kernel entry: one NOP, getppid", 330.0),
    cost("N2", "16 NOPs in one entry, each", 80.0),
    cost("N3", "call and return, two processes, empty", 700.0),
    part("N4a", "call to a server with its own context"),
    part("N4b", "call to a server that is lent it"),
    cost("N5", "park/unpark ping-pong, round trip", 1_500.0),
    part("N5b", "the same, an entry per operation"),
    cost("N6", "two switches by yielding", 800.0),
    row(
        "N7a",
        "timer interrupts per second, idle",
        "interrupts",
        Aim::AtMost(0.0),
    ),
    row(
        "N7b",
        "timer interrupts per second, alone",
        "interrupts",
        Aim::AtMost(0.0),
    ),
    cost("N7c", "timer interrupt, two hogs", 300.0),
    cost("N10a", "1 ms in every 10: to stop and go on", 400.0),
    cost("N10b", "by how much its periods differ", 0.0),
    cost("N10c", "the most in any 10 ms beyond its 1", 0.0),
    cost("N11a", "wake-up, highest class, idle, mean", 1_000.0),
    cost("N11b", "wake-up, highest class, idle, worst", 1_500.0),
    cost("N11c", "wake-up beside two hogs, mean", 1_200.0),
    cost("N11d", "wake-up beside two hogs, worst", 2_500.0),
    cost("N11r-a", "wake-up, reserved, idle, mean", 1_000.0),
    cost("N11r-b", "wake-up, reserved, idle, worst", 1_500.0),
    cost("N11r-c", "wake-up, reserved, two hogs, mean", 1_200.0),
    cost("N11r-d", "wake-up, reserved, two hogs, worst", 2_500.0),
    row(
        "E9",
        "timer interrupts per second, all is its",
        "interrupts",
        Aim::AtMost(0.0),
    ),
    cost("N12a", "power-on to init, all of it", 60e6),
    part("N12b", "of that, the kernel's own boot"),
    row(
        "N12c",
        "start of QEMU to init, wall time",
        "ms",
        Aim::AtMost(500.0),
    ),
    row("N12d", "of that, the kernel's own boot", "ms", Aim::None),
    row(
        "N12e",
        "smallest memory: the shell; /init's line",
        "MiB",
        Aim::AtMost(24.0),
    ),
    cost("N13", "thread create and join", 12_000.0),
    cost("N14", "process spawn to reaped", 100_000.0),
    part("N14b", "a page of image in that"),
    row("B7a", "two workers against one, work", TIMES, Aim::AtLeast(1.95)),
    speed_up("B7b", "two workers against one, total"),
    speed_up("N15a", "two against one, per boot, work"),
    speed_up("N15b", "two against one, per boot, total"),
    speed_up("S3-map-reduce", "two against one, map and reduce"),
    speed_up("S3-task-pool", "two against one, uneven tasks"),
    speed_up("S3-phases", "two against one, phases with barriers"),
    speed_up("S3-processes", "two against one, processes"),
    speed_up("S3-services", "two against one, calls to a service"),
    fairness("D6-hogs", "unfairness among hogs"),
    fairness("D6-sleepers", "unfairness beside short sleepers"),
    fairness("D6-calls", "unfairness beside pairs that call"),
    fairness("D6-processes", "unfairness among many processes"),
    fairness("D6-threads", "unfairness among many threads"),
    fairness("D6-weights", "unfairness among mixed weights"),
    part("S10", "pick and enqueue, 10 runnable"),
    part("S100", "pick and enqueue, 100 runnable"),
    part("S1000", "pick and enqueue, 1,000 runnable"),
    part("S10000", "pick and enqueue, 10,000 runnable"),
    row(
        "S",
        "growth from 10 to 10,000 against log n",
        "ratio",
        Aim::AtMost(1.0),
    ),
];

/// The row with an id of the table.
pub(super) fn find(id: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_an_id_of_its_own() {
        for row in ROWS {
            let count = ROWS
                .iter()
                .filter(|other| other.id.eq_ignore_ascii_case(row.id))
                .count();
            assert_eq!(count, 1, "{}", row.id);
            assert_eq!(find(row.id).map(|found| found.id), Some(row.id));
        }
        assert!(find("N99").is_none());
    }
}
