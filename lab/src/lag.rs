//! Lag: how far each thread is behind what an ideal machine would have given it.
//!
//! The ideal is generalised processor sharing (Parekh and Gallager, IEEE/ACM Transactions on Networking 1(3), 1993): at every
//! moment all runnable threads run at once, at speeds proportional to their weights, none faster than one CPU; what
//! a thread cannot use is shared by the others. Positive lag is time owed, negative is time ahead. Affinity is not in traces,
//! so a thread that may not run everywhere can owe its lag to that. A thread that has blocked keeps the lag it left with
//! until it is runnable again.

use crate::service::{State, States};
use crate::steps::{Step, What};
use abi::trace::{Event, Thread};
use sched::Instant;
use std::collections::BTreeMap;

/// The weight of threads whose start is not in the trace.
const USUAL_WEIGHT: f64 = 64.0;

/// The lag of every thread at equal distances of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lags {
    /// When.
    pub times: Vec<Instant>,
    /// Lag in nanoseconds at those times, by thread; `None` before the thread was first seen.
    pub threads: BTreeMap<Thread, Vec<Option<f64>>>,
    /// The greatest lag and the greatest lead at any moment, in nanoseconds, by thread.
    pub extremes: BTreeMap<Thread, (f64, f64)>,
}

/// Follows the steps of a machine with so many CPUs from `begin` to `end`, and looks at `samples` moments. Steps before
/// `begin` tell weights only: a thread that waits then is not seen until something happens to it.
#[must_use]
pub fn lags(steps: &[Step], cpus: u32, (begin, end): (Instant, Instant), samples: usize) -> Lags {
    let mut fluid = Fluid {
        cpus: f64::from(cpus),
        ..Fluid::default()
    };
    let mut found = Lags::default();
    let span = end.since(begin).0 as f64;
    let mut times = (0..=samples).map(|number| {
        let part = number as f64 / samples.max(1) as f64;
        Instant(begin.0 + (span * part) as u64)
    });
    let mut next = times.next();
    let mut states = States::default();
    fluid.now = begin;
    for step in steps {
        while let Some(at) = next.filter(|at| *at < step.at) {
            fluid.advance(at, &states);
            fluid.note(at, &mut found);
            next = times.next();
        }
        fluid.advance(step.at, &states);
        fluid.hear(step);
        if step.at < begin {
            continue;
        }
        for change in states.apply(step) {
            fluid.is_stale = true;
            if change.after.is_none() {
                fluid.retire(change.thread, &mut found);
            } else {
                fluid.threads.entry(change.thread).or_default();
            }
        }
    }
    for at in next.into_iter().chain(times) {
        fluid.advance(at, &states);
        fluid.note(at, &mut found);
    }
    let threads: Vec<Thread> = fluid.threads.keys().copied().collect();
    for thread in threads {
        fluid.retire(thread, &mut found);
    }
    found
}

/// What the ideal machine has given each thread beyond what it had.
#[derive(Default)]
struct Fluid {
    cpus: f64,
    now: Instant,
    threads: BTreeMap<Thread, Owed>,
    /// Those that could run, and the share of a CPU that the ideal machine gives each.
    rates: Vec<(Thread, f64)>,
    /// Whether `rates` is out of date.
    is_stale: bool,
    weights: BTreeMap<Thread, f64>,
}

#[derive(Clone, Copy, Default)]
struct Owed {
    lag: f64,
    most: f64,
    least: f64,
}

impl Fluid {
    /// Time passes.
    fn advance(&mut self, to: Instant, states: &States) {
        let passed = to.since(self.now).0 as f64;
        self.now = self.now.max(to);
        if passed == 0.0 {
            return;
        }
        if std::mem::take(&mut self.is_stale) {
            self.share(states);
        }
        for (thread, rate) in &self.rates {
            let owed = self.threads.entry(*thread).or_default();
            let had = if states.is_running(*thread) { 1.0 } else { 0.0 };
            owed.lag += (rate - had) * passed;
            owed.most = owed.most.max(owed.lag);
            owed.least = owed.least.min(owed.lag);
        }
    }

    /// Divides the CPUs: those whose share would exceed a CPU get one, and the rest is divided again.
    fn share(&mut self, states: &States) {
        let weight = |thread| self.weights.get(&thread).copied().unwrap_or(USUAL_WEIGHT);
        let runnable = self
            .threads
            .keys()
            .filter(|thread| matches!(states.of(**thread), Some(State::Waits(_) | State::Runs(_))));
        let mut waiting: Vec<(Thread, f64)> = runnable.map(|thread| (*thread, weight(*thread))).collect();
        // Heaviest first: once one fits, all lighter ones do.
        waiting.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let mut weight_left: f64 = waiting.iter().map(|(_, weight)| weight).sum();
        let mut cpus_left = self.cpus;
        self.rates.clear();
        for (thread, weight) in waiting {
            let rate = (cpus_left * weight / weight_left).clamp(0.0, 1.0);
            self.rates.push((thread, rate));
            weight_left -= weight;
            cpus_left -= rate;
        }
    }

    /// Weights change.
    fn hear(&mut self, step: &Step) {
        if let What::Event(
            Event::ThreadStart { thread, weight, .. } | Event::PolicySet { thread, weight, .. },
        ) = step.what
        {
            self.weights.insert(thread, weight as f64);
            self.is_stale = true;
        }
    }

    fn note(&self, at: Instant, found: &mut Lags) {
        let before = found.times.len();
        found.times.push(at);
        for (thread, owed) in &self.threads {
            let samples = found.threads.entry(*thread).or_default();
            samples.resize(before, None);
            samples.push(Some(owed.lag));
        }
    }

    /// A thread has ended.
    fn retire(&mut self, thread: Thread, found: &mut Lags) {
        if let Some(owed) = self.threads.remove(&thread) {
            found.extremes.insert(thread, (owed.most, owed.least));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::Left;

    const THREADS: [Thread; 3] = [Thread::new(1, 1), Thread::new(1, 2), Thread::new(1, 3)];

    fn step(at: u64, cpu: u32, what: What) -> Step {
        let at = Instant(at);
        Step { at, cpu, what }
    }

    fn start(thread: Thread, weight: u64) -> Step {
        step(
            0,
            0,
            What::Event(Event::ThreadStart {
                cpu: 0,
                thread,
                weight,
            }),
        )
    }

    fn run(at: u64, cpu: u32, from: Thread, to: Thread) -> Step {
        let left = Left::Waits;
        step(at, cpu, What::Switch { from, left, to })
    }

    #[test]
    fn l3_who_runs_is_ahead_of_who_waits() {
        let [a, b, _] = THREADS;
        let steps = [
            start(a, 192),
            start(b, 64),
            run(0, 0, Thread::NONE, a),
            run(600, 0, a, b),
        ];
        let found = lags(&steps, 1, (Instant(0), Instant(800)), 4);
        let expected = |lags: [f64; 5]| lags.map(Some).to_vec();
        // The ideal gives three quarters to a: 600 of 800, as it had.
        assert_eq!(found.threads[&a], expected([0.0, -50.0, -100.0, -150.0, 0.0]));
        assert_eq!(found.threads[&b], expected([0.0, 50.0, 100.0, 150.0, 0.0]));
        assert_eq!(found.extremes[&b], (150.0, 0.0));
    }

    #[test]
    fn l3_a_thread_is_not_owed_more_than_a_cpu() {
        let [a, b, c] = THREADS;
        let steps = [
            start(a, 1024),
            start(b, 64),
            start(c, 64),
            run(0, 0, Thread::NONE, a),
            run(0, 1, Thread::NONE, b),
        ];
        let found = lags(&steps, 2, (Instant(0), Instant(100)), 1);
        let last = |thread| found.threads[&thread][1].unwrap();
        assert_eq!([last(a), last(b), last(c)], [0.0, -50.0, 50.0]);
    }
}
