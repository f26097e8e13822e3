//! The numbers of a trace in one place: for a terminal, and as JSON for programs.

use crate::Trace;
use crate::histogram::Latency;
use crate::service::{counts, runs, totals};
use crate::steps::steps;
use crate::wakeups::wakeups;
use abi::trace::Thread;
use sched::{Instant, Nanos};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What is worth knowing about a trace without looking at it.
#[derive(Clone, Debug)]
pub struct Summary {
    source: String,
    events: usize,
    begin: Instant,
    /// From here on no CPU has lost events; all numbers of threads are about the time since then.
    complete_since: Instant,
    end: Instant,
    lost: Vec<u64>,
    /// By time on CPUs, longest first.
    threads: Vec<Row>,
}

/// A thread's line.
#[derive(Clone, Debug)]
struct Row {
    thread: Thread,
    name: String,
    runtime: Nanos,
    runs: usize,
    latency: Latency,
}

impl Summary {
    /// Sums a trace up.
    #[must_use]
    pub fn of(trace: &Trace) -> Summary {
        let (since, end) = (trace.complete_since(), trace.end());
        let steps = steps(trace);
        let runs = runs(&steps, since, end);
        let mut wakeups = wakeups(&steps, since);
        let counts = counts(&runs);
        let mut threads: Vec<Row> = totals(&runs)
            .into_iter()
            .map(|(thread, runtime)| Row {
                thread,
                name: trace.thread_name(thread),
                runtime,
                runs: counts[&thread],
                latency: wakeups.remove(&thread).unwrap_or_default().latency,
            })
            .collect();
        threads.sort_by_key(|row| (std::cmp::Reverse(row.runtime), row.thread));
        Summary {
            source: trace.source().to_owned(),
            events: trace.records().len(),
            begin: trace.begin(),
            complete_since: since,
            end,
            lost: trace.lost().to_vec(),
            threads,
        }
    }

    /// As one JSON object; times in nanoseconds.
    #[must_use]
    pub fn json(&self) -> Value {
        let threads: Vec<Value> = self.threads.iter().map(Row::json).collect();
        json!({
            "source": self.source,
            "cpus": self.lost.len(),
            "events": self.events,
            "events_lost": self.lost,
            "begin_ns": self.begin.0,
            "complete_since_ns": self.complete_since.0,
            "end_ns": self.end.0,
            "threads": threads,
        })
    }

    /// For a terminal.
    ///
    /// # Panics
    /// Never: memory takes what is written to it.
    #[must_use]
    pub fn text(&self) -> String {
        let milliseconds = |span: Nanos| span.0 as f64 / 1e6;
        let mut text = String::new();
        let (cpus, lost) = (self.lost.len(), self.lost.iter().sum::<u64>());
        let (events, whole) = (self.events, milliseconds(self.end.since(self.begin)));
        writeln!(
            text,
            "{}\n{events} events in {whole:.3} ms on {cpus} CPUs",
            self.source
        )
        .expect("writing to memory");
        let span = milliseconds(self.end.since(self.complete_since));
        if lost > 0 {
            writeln!(
                text,
                "{lost} older ones were overwritten; below are the last {span:.3} ms, which are complete"
            )
            .expect("writing to memory");
        }
        let width = self
            .threads
            .iter()
            .map(|row| row.name.chars().count())
            .max()
            .unwrap_or(0)
            .max(6);
        writeln!(
            text,
            "\n{:width$}  {:>11}  {:>8}  {:>7}  {:>8}  {:>10}  {:>10}  {:>10}",
            "THREAD", "CPU ms", "CPU %", "RUNS", "WAKE-UPS", "50 % us", "99 % us", "MOST us"
        )
        .expect("writing to memory");
        for row in &self.threads {
            let latency = |span: Nanos| {
                if row.latency.count() == 0 {
                    "-".to_owned()
                } else {
                    format!("{:.1}", span.0 as f64 / 1e3)
                }
            };
            writeln!(
                text,
                "{:width$}  {:>11.3}  {:>8.2}  {:>7}  {:>8}  {:>10}  {:>10}  {:>10}",
                row.name,
                milliseconds(row.runtime),
                100.0 * milliseconds(row.runtime) / span.max(f64::MIN_POSITIVE),
                row.runs,
                row.latency.count(),
                latency(row.latency.percentile(50.0)),
                latency(row.latency.percentile(99.0)),
                latency(row.latency.max()),
            )
            .expect("writing to memory");
        }
        text
    }
}

impl Row {
    fn json(&self) -> Value {
        let latency = &self.latency;
        json!({
            "name": self.name,
            "pid": self.thread.pid(),
            "tid": self.thread.tid(),
            "runtime_ns": self.runtime.0,
            "runs": self.runs,
            "wakeups": latency.count(),
            "latency_ns": {
                "min": latency.min().0,
                "mean": latency.mean(),
                "p50": latency.percentile(50.0).0,
                "p99": latency.percentile(99.0).0,
                "p99_9": latency.percentile(99.9).0,
                "max": latency.max().0,
            },
        })
    }
}
