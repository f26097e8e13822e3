//! Wake-up latencies in the form of `cyclictest --json` (rt-tests 2.x), so that what plots and compares those reads ours.
//!
//! The form is what `cyclictest` of rt-tests 2.4 and later writes, down to the colons inside the keys `cmdline:` and
//! `rt_test_version:`. A histogram has one entry per unit; `resolution_in_ns` is 1 when the unit is the nanosecond and
//! 0 when it is the microsecond. Its times of day are those of the trace's clock, counted from 1970.

use crate::histogram::Latency;
use sched::{Instant, Nanos};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is reported.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The command that measured.
    pub command: &'a str,
    /// What was measured, for the place where cyclictest names the machine: a scenario, a kernel.
    pub machine: &'a str,
    /// When it began.
    pub begin: Instant,
    /// When it ended.
    pub end: Instant,
    /// The unit of latencies.
    pub unit: Unit,
    /// The threads.
    pub threads: Vec<Thread<'a>>,
}

/// The unit of latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// As cyclictest has it by default.
    Microseconds,
    /// As with its `--nsecs`.
    Nanoseconds,
}

/// What one thread saw.
#[derive(Clone, Debug)]
pub struct Thread<'a> {
    /// What it is called; cyclictest has no such key.
    pub name: String,
    /// Its latencies.
    pub latency: &'a Latency,
    /// The CPU it ran on last.
    pub cpu: u32,
}

/// The report as JSON.
///
/// # Panics
/// Never: everything in it can be written as JSON.
#[must_use]
pub fn json(report: &Report<'_>) -> String {
    let whole = File {
        file_version: 1,
        cmdline: report.command,
        rt_test_version: concat!("sundial ", env!("CARGO_PKG_VERSION")),
        start_time: day(report.begin),
        end_time: day(report.end),
        return_code: 0,
        sysinfo: Sysinfo {
            sysname: "Sundial",
            nodename: report.machine,
            release: env!("CARGO_PKG_VERSION"),
            version: "",
            machine: "x86_64",
            realtime: 0,
        },
        num_threads: report.threads.len(),
        resolution_in_ns: u8::from(report.unit == Unit::Nanoseconds),
        thread: report
            .threads
            .iter()
            .map(|thread| report.unit.row(thread))
            .enumerate()
            .collect(),
    };
    serde_json::to_string_pretty(&whole).expect("numbers and text are JSON") + "\n"
}

/// The file, with its keys in cyclictest's order.
#[derive(Serialize)]
struct File<'a> {
    file_version: u8,
    #[serde(rename = "cmdline:")]
    cmdline: &'a str,
    #[serde(rename = "rt_test_version:")]
    rt_test_version: &'a str,
    start_time: String,
    end_time: String,
    return_code: u8,
    sysinfo: Sysinfo<'a>,
    num_threads: usize,
    resolution_in_ns: u8,
    thread: BTreeMap<usize, Row<'a>>,
}

#[derive(Serialize)]
struct Sysinfo<'a> {
    sysname: &'a str,
    nodename: &'a str,
    release: &'a str,
    version: &'a str,
    machine: &'a str,
    realtime: u8,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    histogram: BTreeMap<u64, u64>,
    cycles: u64,
    min: u64,
    max: u64,
    avg: f64,
    cpu: u32,
    node: u32,
}

impl Unit {
    const fn of(self, latency: Nanos) -> u64 {
        match self {
            Unit::Microseconds => latency.0 / 1000,
            Unit::Nanoseconds => latency.0,
        }
    }

    fn row<'a>(self, thread: &'a Thread<'_>) -> Row<'a> {
        let mut histogram: BTreeMap<u64, u64> = BTreeMap::new();
        for (latency, count) in thread.latency.buckets() {
            *histogram.entry(self.of(latency)).or_default() += count;
        }
        let mean = thread.latency.mean() / if self == Unit::Microseconds { 1000.0 } else { 1.0 };
        Row {
            name: &thread.name,
            histogram,
            cycles: thread.latency.count(),
            min: self.of(thread.latency.min()),
            max: self.of(thread.latency.max()),
            avg: (mean * 100.0).round() / 100.0,
            cpu: thread.cpu,
            node: 0,
        }
    }
}

/// A time since 1970 as RFC 2822 writes days, in UTC.
fn day(at: Instant) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = at.0 / 1_000_000_000;
    let days = seconds / 86_400;
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut rest) = (1970, days);
    while rest >= 365 + u64::from(leap(year)) {
        rest -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let mut month = 0;
    while rest >= lengths[month] {
        rest -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let (weekday, month) = (WEEKDAYS[(days % 7) as usize], MONTHS[month]);
    format!(
        "{weekday}, {:02} {month} {year} {hour:02}:{minute:02}:{second:02} +0000",
        rest + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l3_days_are_those_of_the_calendar() {
        let seconds = |seconds: u64| day(Instant(seconds * 1_000_000_000));
        assert_eq!(seconds(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(seconds(951_782_400), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(seconds(1_795_380_921), "Sun, 22 Nov 2026 20:55:21 +0000");
    }
}
