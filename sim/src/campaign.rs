//! Campaigns: many random scenarios, each run twice, until a rule breaks or all have held.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant as WallClock};

use sched::Instant;

use crate::audit::{Broken, Rule};
use crate::coverage::Coverage;
use crate::generate;
use crate::machine::{Ending, Machine, RunResult};
use crate::sabotage::Sabotage;
use crate::scenario::Scenario;

/// Which campaign.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed.
    pub first: u64,
    /// How many consecutive seeds.
    pub seeds: u64,
    /// Threads of the host that share the work.
    pub workers: NonZeroUsize,
    /// It ends earlier after so long.
    pub limit: Duration,
}

/// A scenario that broke a rule.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed of [`generate::scenario`].
    pub seed: u64,
    /// What was broken.
    pub broken: Broken,
}

/// How a campaign ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// Seeds that were run.
    pub seeds: u64,
    /// Events of all first runs.
    pub events: u64,
    /// Seeds whose runs were ended after [`MOST_EVENTS`], before their time was over.
    pub cut: u64,
    /// How long it took.
    pub took: Duration,
    /// The failures, by seed; a campaign goes on after one, so that one mistake does not hide another.
    pub failures: Vec<Failure>,
    /// Which steps of the kernel were seen next to each other.
    pub coverage: Coverage,
    /// Whether the canary was caught.
    pub canary_caught: bool,
}

/// Runs a scenario twice, unless the first run breaks a rule; what broke, and how the first
/// run ended.
///
/// Panics of the code under test are failures of [`Rule::NoPanic`].
#[must_use]
pub fn run_twice(scenario: &Scenario) -> (Option<Broken>, RunResult) {
    let first = run(scenario);
    if first.broken.is_some() {
        return (first.broken.clone(), first);
    }
    let broken = compared(&first, &run(scenario));
    (broken, first)
}

/// Whether two runs of one scenario were the same; if not, that is what broke.
#[must_use]
pub fn compared(first: &RunResult, second: &RunResult) -> Option<Broken> {
    let same = first.fingerprint == second.fingerprint && first.events == second.events;
    (!same).then(|| Broken {
        rule: Rule::RunsAreRepeatable,
        evidence: format!("{:016x} and {:016x}", first.fingerprint, second.fingerprint),
        at: first.ended,
        event: first.events,
    })
}

/// Events after which a run of a campaign ends: a storm of forks must not keep the other seeds waiting.
pub const MOST_EVENTS: u64 = 50_000;

/// Runs a scenario once, as campaigns do.
#[must_use]
pub fn run(scenario: &Scenario) -> RunResult {
    run_with(scenario, |machine| machine.stop_after(MOST_EVENTS))
}

/// Runs a scenario once, on a machine that was changed before.
#[must_use]
pub fn run_with(scenario: &Scenario, change: impl FnOnce(&mut Machine)) -> RunResult {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let mut machine = Machine::new(scenario);
        change(&mut machine);
        machine.run()
    }));
    caught.unwrap_or_else(|panic| RunResult {
        ending: Ending::Broken,
        waiters: Vec::new(),
        broken: Some(Broken {
            rule: Rule::NoPanic,
            evidence: message(&*panic),
            at: Instant::BOOT,
            event: 0,
        }),
        fingerprint: 0,
        events: 0,
        ended: Instant::BOOT,
        choices: Vec::new(),
        coverage: Coverage::default(),
    })
}

fn message(panic: &dyn core::any::Any) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}

impl Campaign {
    /// Runs it. `progress` is told from time to time how many seeds are done and how many failed.
    pub fn run(&self, progress: impl Fn(u64, usize) + Sync) -> Report {
        let started = WallClock::now();
        let (next, done, events) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let cut = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        let failures = Mutex::new(Vec::new());
        let seen = Mutex::new(Coverage::default());
        let lock = || failures.lock().unwrap_or_else(PoisonError::into_inner);
        std::thread::scope(|scope| {
            for _ in 0..self.workers.get() {
                scope.spawn(|| {
                    while !stop.load(Relaxed) {
                        let number = next.fetch_add(1, Relaxed);
                        if number >= self.seeds {
                            break;
                        }
                        let seed = self.first + number;
                        let (broken, outcome) = run_twice(&generate::scenario(seed));
                        events.fetch_add(outcome.events, Relaxed);
                        cut.fetch_add(u64::from(outcome.ending == Ending::Stopped), Relaxed);
                        seen.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .add(&outcome.coverage);
                        let done = done.fetch_add(1, Relaxed) + 1;
                        if let Some(broken) = broken {
                            lock().push(Failure { seed, broken });
                        }
                        progress(done, lock().len());
                        if started.elapsed() > self.limit {
                            stop.store(true, Relaxed);
                        }
                    }
                });
            }
        });
        let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        failures.sort_by_key(|failure| failure.seed);
        Report {
            seeds: done.into_inner(),
            events: events.into_inner(),
            cut: cut.into_inner(),
            took: started.elapsed(),
            failures,
            coverage: seen.into_inner().unwrap_or_else(PoisonError::into_inner),
            canary_caught: canary(self.first),
        }
    }
}

/// Runs scenarios on a machine that loses wake-ups, which must be noticed: the proof that this build of the campaign can
/// fail at all.
#[must_use]
pub fn canary(first: u64) -> bool {
    let mut seeds = first..first + 20;
    seeds.any(|seed| {
        let outcome = run_with(&generate::scenario(seed), |machine| {
            machine.stop_after(MOST_EVENTS);
            machine.sabotage(Sabotage::LoseAWake);
        });
        outcome
            .broken
            .is_some_and(|broken| broken.rule == Rule::NoWakeUpIsLost)
    })
}
