//! The page of one trace.

use super::figures::{self, Window};
use super::page::{Figure, Page, Section, Table};
use crate::Trace;
use crate::lag::{Lags, lags};
use crate::service::{Run, counts, runs, totals};
use crate::steps::{Step, steps};
use crate::wakeups::{Wakeups, together, wakeups};
use abi::trace::Thread;
use sched::Nanos;
use std::collections::BTreeMap;

/// Moments at which lag is looked at.
const SAMPLES: usize = 200;
/// Threads in tables; the rest is counted.
const MOST_ROWS: usize = 50;
/// Threads times steps; with more, lag takes longer to follow than anybody waits.
const MOST_FOLLOWED: usize = 100_000_000;

/// A page with everything that a trace shows by itself. `recipe` is the command that makes the page.
#[must_use]
pub fn of_trace(trace: &Trace, recipe: &str) -> Page {
    let window = Window::of(trace);
    let steps = steps(trace);
    let runs = runs(&steps, window.begin, window.end);
    let wakeups = wakeups(&steps, window.begin);
    let lost: u64 = trace.lost().iter().sum();
    let (events, span) = (trace.records().len(), nanos(trace.span()));
    let mut about = format!("{events} events in {span} on {} CPUs.", trace.cpus());
    if lost > 0 {
        let rest = nanos(window.span());
        about += &format!(
            " {lost} older events were overwritten before anybody read them; what follows is about the last {rest}, of which all CPUs still have theirs."
        );
    }
    let page = Page::new(format!("Trace of {}", trace.source())).about(about);
    page.section(cpus(trace, window, &runs, recipe))
        .section(shares(trace, window, &runs, recipe))
        .section(lag(trace, window, &steps, &runs, recipe))
        .section(latency(trace, &wakeups, recipe))
}

fn cpus(trace: &Trace, window: Window, runs: &[Run], recipe: &str) -> Section {
    let (picture, drawn) = figures::timeline(trace, window, runs);
    let part = if drawn.end < window.end {
        format!(" in the first {}", nanos(drawn.span()))
    } else {
        String::new()
    };
    let some = match trace.cpus() {
        all if all > figures::MOST_CPUS => format!("each of the first {} CPUs", figures::MOST_CPUS),
        _ => "each CPU".to_owned(),
    };
    let caption = format!("What {some} ran{part}. Gaps are idle; grey is everybody without a colour.");
    let mut busy: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for run in runs {
        let (time, count) = busy.entry(run.cpu).or_default();
        *time += run.span().0;
        *count += 1;
    }
    let mut table = Table::new("CPUs", ["CPU", "busy", "runs", "events lost"]);
    for (cpu, lost) in (0..).zip(trace.lost()).take(MOST_ROWS) {
        let (time, count) = busy.get(&cpu).copied().unwrap_or_default();
        table.row([
            cpu.to_string(),
            percent(time, window.span().0),
            count.to_string(),
            lost.to_string(),
        ]);
    }
    Section::new("CPUs")
        .figure(&Figure::new(picture, caption, recipe))
        .table(&table)
}

fn shares(trace: &Trace, window: Window, runs: &[Run], recipe: &str) -> Section {
    let mut threads: Vec<_> = totals(runs).into_iter().collect();
    threads.sort_by_key(|(thread, total)| (std::cmp::Reverse(*total), *thread));
    let mut table = Table::new(
        "Threads by time on CPUs",
        ["thread", "pid/tid", "time", "share of all CPUs", "runs"],
    );
    let counts = counts(runs);
    let machine = window.span().0.saturating_mul(u64::from(trace.cpus()));
    for (thread, total) in threads.iter().take(MOST_ROWS) {
        let count = counts[thread];
        let number = format!("{}/{}", thread.pid(), thread.tid());
        let name = trace.thread_name(*thread);
        table.row([
            name,
            number,
            time(total.0 as f64),
            percent(total.0, machine),
            count.to_string(),
        ]);
    }
    let caption = "The share of the machine that each thread had, in a hundredth of the trace at a time.";
    let section = Section::new("Shares")
        .figure(&Figure::new(
            figures::shares(trace, window, runs),
            caption,
            recipe,
        ))
        .table(&table);
    and_more(section, threads.len())
}

fn lag(trace: &Trace, window: Window, steps: &[Step], runs: &[Run], recipe: &str) -> Section {
    let section = Section::new("Lag").prose(
        "Lag is how much CPU time a thread is behind an ideal machine that runs all runnable threads at once, at speeds \
         proportional to their weights and at most one CPU each. Above zero it is owed time, below it is ahead. A \
         thread that blocks keeps its lag until it is runnable again; schedulers may forgive it.",
    );
    if totals(runs).len().saturating_mul(steps.len()) > MOST_FOLLOWED {
        return section.prose("This trace has too many threads and events for their lags to be followed.");
    }
    let lags: Lags = lags(steps, trace.cpus(), (window.begin, window.end), SAMPLES);
    let mut threads: Vec<(Thread, (f64, f64))> = lags
        .extremes
        .iter()
        .map(|(thread, lag)| (*thread, *lag))
        .collect();
    threads.sort_by(|(_, (one, _)), (_, (other, _))| other.total_cmp(one));
    let mut table = Table::new(
        "Lag at its extremes, furthest behind first",
        ["thread", "most owed", "most ahead"],
    );
    for (thread, (most, least)) in threads.iter().take(MOST_ROWS) {
        table.row([trace.thread_name(*thread), time(*most), time(least.abs())]);
    }
    let caption = "Lag of the threads that ran longest.";
    let picture = figures::lag(trace, window, runs, &lags);
    and_more(
        section
            .figure(&Figure::new(picture, caption, recipe))
            .table(&table),
        threads.len(),
    )
}

fn latency(trace: &Trace, wakeups: &BTreeMap<Thread, Wakeups>, recipe: &str) -> Section {
    let section = Section::new("Wake-up latency")
        .prose("From the moment a thread is made ready until a CPU begins to run it, over the whole trace.");
    if wakeups.is_empty() {
        return section.prose("No thread was woken in this trace.");
    }
    let all = together(wakeups);
    let mut table = Table::new(
        "Wake-ups, slowest thread first",
        ["thread", "wake-ups", "least", "50 %", "99 %", "99.9 %", "most"],
    );
    let mut row = |name: String, latency: &crate::histogram::Latency| {
        let percentiles = [50.0, 99.0, 99.9].map(|percent| nanos(latency.percentile(percent)));
        let mut cells = vec![name, latency.count().to_string(), nanos(latency.min())];
        cells.extend(percentiles);
        cells.push(nanos(latency.max()));
        table.row(cells);
    };
    row("all together".to_owned(), &all);
    let mut threads: Vec<_> = wakeups.iter().collect();
    threads.sort_by_key(|(thread, wakeups)| (std::cmp::Reverse(wakeups.latency.max()), **thread));
    for (thread, wakeups) in threads.iter().take(MOST_ROWS) {
        row(trace.thread_name(**thread), &wakeups.latency);
    }
    let caption = "Wake-ups of all threads by latency. Both axes are logarithmic. A thread that is handed its CPU waits for no time and stands at 1 ns.";
    let picture = figures::latency("Wake-up latency", &all);
    and_more(
        section
            .figure(&Figure::new(picture, caption, recipe))
            .table(&table),
        threads.len(),
    )
}

fn and_more(section: Section, threads: usize) -> Section {
    match threads.saturating_sub(MOST_ROWS) {
        0 => section,
        more => section.prose(&format!("{more} more threads are not listed.")),
    }
}

fn nanos(span: Nanos) -> String {
    time(span.0 as f64)
}

/// A span with its unit, to three digits or so.
fn time(nanos: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    match units.into_iter().find(|(unit, _)| nanos >= *unit) {
        Some((unit, name)) if nanos < 10.0 * unit => format!("{:.2} {name}", nanos / unit),
        Some((unit, name)) => format!("{:.1} {name}", nanos / unit),
        None => format!("{nanos:.0} ns"),
    }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.2} %", 100.0 * part as f64 / whole.max(1) as f64)
}
