//! What a trace shows, drawn: shares, lag, latency, and what each CPU did.
//!
//! Threads that ran longest have colours and lines of their own; the others are together or grey.

use crate::Trace;
use crate::lag::Lags;
use crate::plot::{Axis, Bar, Bars, COLOURS, Histogram, Histograms, Lines, Row, Series, TimeUnit, Timeline};
use crate::service::{Run, totals};
use abi::trace::Thread;
use sched::{Instant, Nanos};
use std::collections::BTreeMap;

/// Slices into which time is divided for shares.
const SLICES: u64 = 100;
/// Bars in a row of a timeline, on average: more are not told apart.
const BARS_PER_CPU: usize = 100;
/// Bars in a timeline: more make a heavy page.
const MOST_BARS: usize = 1500;
/// Rows in a timeline.
pub const MOST_CPUS: u32 = 32;

/// The threads that ran longest, longest first: those that figures tell apart.
#[must_use]
pub fn longest(runs: &[Run]) -> Vec<Thread> {
    let mut threads: Vec<_> = totals(runs).into_iter().collect();
    threads.sort_by_key(|(thread, total)| (std::cmp::Reverse(*total), *thread));
    threads.truncate(COLOURS);
    threads.into_iter().map(|(thread, _)| thread).collect()
}

/// The part of a trace that is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Where it begins.
    pub begin: Instant,
    /// Where it ends.
    pub end: Instant,
}

impl Window {
    /// All of a trace that is complete.
    #[must_use]
    pub fn of(trace: &Trace) -> Window {
        let (begin, end) = (trace.complete_since(), trace.end());
        Window { begin, end }
    }

    /// How long it is.
    #[must_use]
    pub const fn span(self) -> Nanos {
        self.end.since(self.begin)
    }
}

/// The share of the machine that each thread had, over time.
#[must_use]
pub fn shares(trace: &Trace, window: Window, runs: &[Run]) -> String {
    let threads = longest(runs);
    let span = window.span().0;
    let width = span.div_ceil(SLICES).max(1);
    let slices = span.div_ceil(width).max(1);
    // The last slice may be shorter than the others.
    let length = |slice: u64| width.min(span.saturating_sub(slice * width)).max(1);
    let mut times: BTreeMap<Option<Thread>, Vec<u64>> = BTreeMap::new();
    for run in runs {
        let thread = Some(run.thread).filter(|thread| threads.contains(thread));
        let times = times.entry(thread).or_insert_with(|| vec![0; slices as usize]);
        let (mut at, end) = (
            run.begin.since(window.begin).0,
            run.end.since(window.begin).0.min(span),
        );
        while at < end {
            let next = end.min((at / width + 1) * width);
            times[(at / width) as usize] += next - at;
            at = next;
        }
    }
    let clock = Clock::of(trace, window);
    let machine = f64::from(trace.cpus());
    let series = threads.into_iter().map(Some).chain([None]).filter_map(|thread| {
        let share = |(slice, time): (u64, &u64)| {
            let begin = Instant(window.begin.0 + slice * width);
            (
                clock.at(begin),
                100.0 * *time as f64 / (length(slice) as f64 * machine),
            )
        };
        let mut points: Vec<_> = (0..).zip(times.get(&thread)?).map(share).collect();
        points.push((clock.at(window.end), points.last()?.1));
        let name = thread.map_or_else(|| "all others".to_owned(), |thread| trace.thread_name(thread));
        Some(Series { name, points })
    });
    let lines = Lines {
        title: "Share of the machine over time".to_owned(),
        x: clock.axis(),
        y: Axis::linear("share of all CPUs (%)"),
        series: series.collect(),
        steps: true,
    };
    lines.svg()
}

/// The lag of the threads that ran longest, over time.
#[must_use]
pub fn lag(trace: &Trace, window: Window, runs: &[Run], lags: &Lags) -> String {
    let clock = Clock::of(trace, window);
    let drawn = longest(runs);
    let extremes = drawn.iter().filter_map(|thread| lags.extremes.get(thread));
    let most = extremes.fold(0.0_f64, |most, (lag, lead)| most.max(*lag).max(-lead));
    let unit = TimeUnit::for_span(most as u64);
    let series = drawn.into_iter().filter_map(|thread| {
        let samples = lags.threads.get(&thread)?;
        let points = lags.times.iter().zip(samples);
        let points = points.filter_map(|(at, lag)| Some((clock.at(*at), (*lag)? / unit.nanos as f64)));
        Some(Series {
            name: trace.thread_name(thread),
            points: points.collect(),
        })
    });
    let lines = Lines {
        title: "Lag behind the ideal share over time".to_owned(),
        x: clock.axis(),
        y: Axis::linear(format!("lag ({}), above zero is owed", unit.name)),
        series: series.collect(),
        steps: false,
    };
    lines.svg()
}

/// Time as the horizontal axes show it.
#[derive(Clone, Copy)]
struct Clock {
    zero: Instant,
    unit: TimeUnit,
}

impl Clock {
    fn of(trace: &Trace, window: Window) -> Clock {
        let zero = trace.begin();
        Clock {
            zero,
            unit: TimeUnit::for_span(window.end.since(zero).0),
        }
    }

    fn at(self, at: Instant) -> f64 {
        self.unit.of(at.since(self.zero).0)
    }

    fn axis(self) -> Axis {
        Axis::linear(format!(
            "time since the beginning of the trace ({})",
            self.unit.name
        ))
    }
}

/// How long wake-ups took.
#[must_use]
pub fn latency(title: &str, latency: &crate::histogram::Latency) -> String {
    let marks = [(50.0, "50 %"), (99.0, "99 %"), (99.9, "99.9 %"), (100.0, "max")];
    let marks = marks.map(|(percent, name)| (latency.percentile(percent).0 as f64, name.to_owned()));
    let histogram = Histogram {
        name: String::new(),
        series: 0,
        counts: latency.buckets().map(|(value, count)| (value.0, count)).collect(),
        marks: marks.into(),
    };
    let histograms = Histograms {
        title: title.to_owned(),
        x: Axis::times("latency"),
        counted: "wake-ups".to_owned(),
        histograms: vec![histogram],
    };
    histograms.svg()
}

/// What each CPU did, and what part of the window is drawn: as much as can be told apart.
#[must_use]
pub fn timeline(trace: &Trace, window: Window, runs: &[Run]) -> (String, Window) {
    let shown_cpus = trace.cpus().min(MOST_CPUS);
    let mut shown: Vec<&Run> = runs.iter().filter(|run| run.cpu < shown_cpus).collect();
    shown.sort_by_key(|run| (run.begin, run.cpu));
    let most = MOST_BARS.min(BARS_PER_CPU * shown_cpus as usize);
    let (begin, end) = (window.begin, shown.get(most).map_or(window.end, |run| run.begin));
    let drawn = Window { begin, end };
    shown.retain(|run| run.begin < end);
    let named = longest(runs);
    let clock = Clock::of(trace, drawn);
    let row = |cpu| {
        let bars = shown.iter().filter(|run| run.cpu == cpu).map(|run| {
            let name = trace.thread_name(run.thread);
            let (from, to) = (clock.at(run.begin), clock.at(run.end.min(end)));
            Bar {
                begin: from,
                end: to,
                series: named
                    .iter()
                    .position(|thread| *thread == run.thread)
                    .unwrap_or(COLOURS),
                hint: format!("{name}: {from:.3} to {to:.3} {}", clock.unit.name),
            }
        });
        Row {
            name: format!("CPU {cpu}"),
            bars: bars.collect(),
        }
    };
    let picture = Timeline {
        title: "What each CPU ran".to_owned(),
        x: clock.axis(),
        range: (clock.at(begin), clock.at(end)),
        names: named.iter().map(|thread| trace.thread_name(*thread)).collect(),
        rows: (0..shown_cpus).map(row).collect(),
    };
    (picture.svg(), drawn)
}

/// Values of several policies (or anything else that is compared) side by side: for each case a group, for each policy a
/// bar in it.
#[must_use]
pub fn comparison(title: &str, cases: &[String], y: Axis, policies: &[(String, Vec<Option<f64>>)]) -> String {
    let bars = Bars {
        title: title.to_owned(),
        groups_label: String::new(),
        groups: cases.to_vec(),
        y,
        series: policies.to_vec(),
    };
    bars.svg()
}
