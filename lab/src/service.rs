//! Who ran where and when, and how many threads could.

use crate::steps::{Left, Step, What};
use abi::trace::{Event, Thread};
use sched::{Instant, Nanos};
use std::collections::{BTreeMap, HashMap};

/// An uninterrupted stay of a thread on a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The CPU.
    pub cpu: u32,
    /// The thread.
    pub thread: Thread,
    /// When it came.
    pub begin: Instant,
    /// When it left, or the trace ended.
    pub end: Instant,
}

impl Run {
    /// How long it lasted.
    #[must_use]
    pub const fn span(&self) -> Nanos {
        self.end.since(self.begin)
    }
}

/// All runs between two moments, in order of their ends. What had begun before is counted from the first moment on.
#[must_use]
pub fn runs(steps: &[Step], begin: Instant, end: Instant) -> Vec<Run> {
    let mut open: BTreeMap<u32, (Thread, Instant)> = BTreeMap::new();
    let mut found = Vec::new();
    let mut close = |cpu, thread, begin, end| {
        if thread != Thread::NONE && begin < end {
            found.push(Run {
                cpu,
                thread,
                begin,
                end,
            });
        }
    };
    for step in steps {
        if let What::Switch { from, to, .. } = step.what {
            let (_, since) = open.insert(step.cpu, (to, step.at)).unwrap_or((from, begin));
            close(step.cpu, from, since.max(begin), step.at);
        }
    }
    for (cpu, (thread, since)) in open {
        close(cpu, thread, since.max(begin), end);
    }
    found
}

/// How long each thread ran.
#[must_use]
pub fn totals(runs: &[Run]) -> BTreeMap<Thread, Nanos> {
    let mut totals = BTreeMap::new();
    for run in runs {
        *totals.entry(run.thread).or_insert(Nanos::ZERO) += run.span();
    }
    totals
}

/// How often each thread ran.
#[must_use]
pub fn counts(runs: &[Run]) -> BTreeMap<Thread, usize> {
    let mut counts = BTreeMap::new();
    for run in runs {
        *counts.entry(run.thread).or_default() += 1;
    }
    counts
}

/// What a thread is doing, as far as steps tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It could run and waits on this CPU.
    Waits(u32),
    /// It runs on this CPU.
    Runs(u32),
    /// It waits for something.
    Blocked,
}

/// The states of all threads while steps are applied one after the other.
#[derive(Clone, Debug, Default)]
pub struct States {
    threads: HashMap<Thread, State>,
    runnable: BTreeMap<u32, u32>,
}

/// A thread that begins or ceases to be runnable, or is so on another CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The thread.
    pub thread: Thread,
    /// The state before; `None` if it was not known, or the thread did not exist.
    pub before: Option<State>,
    /// The state after; `None` if the thread has ended.
    pub after: Option<State>,
}

impl States {
    /// The runnable threads of a CPU, the running one among them.
    #[must_use]
    pub fn runnable(&self, cpu: u32) -> u32 {
        self.runnable.get(&cpu).copied().unwrap_or(0)
    }

    /// What a thread does; `None` if it was not seen yet or has ended.
    #[must_use]
    pub fn of(&self, thread: Thread) -> Option<State> {
        self.threads.get(&thread).copied()
    }

    /// Whether a thread runs.
    #[must_use]
    pub fn is_running(&self, thread: Thread) -> bool {
        matches!(self.threads.get(&thread), Some(State::Runs(_)))
    }

    /// Applies a step; what it changes, at most two threads.
    pub fn apply(&mut self, step: &Step) -> Vec<Change> {
        let cpu = step.cpu;
        let mut changes = Vec::with_capacity(2);
        match step.what {
            What::Switch { from, left, to } => {
                let after = match left {
                    Left::Waits => Some(State::Waits(cpu)),
                    Left::Blocked => Some(State::Blocked),
                    Left::Gone => None,
                };
                // One that another CPU has taken or woken since then is there and not here.
                if self
                    .threads
                    .get(&from)
                    .is_none_or(|state| *state == State::Runs(cpu))
                {
                    self.set(from, after, &mut changes);
                }
                self.set(to, Some(State::Runs(cpu)), &mut changes);
            }
            What::Event(event) => match event {
                Event::ThreadStart { thread, cpu, .. } => {
                    self.set(thread, Some(State::Waits(cpu)), &mut changes)
                }
                Event::Wake { thread, target, .. } if !self.is_running(thread) => {
                    self.set(thread, Some(State::Waits(target)), &mut changes);
                }
                Event::Migrate { thread, to, .. } if !self.is_running(thread) => {
                    let to = u32::try_from(to).unwrap_or(u32::MAX);
                    self.set(thread, Some(State::Waits(to)), &mut changes);
                }
                Event::Steal { thread, .. } => self.set(thread, Some(State::Waits(cpu)), &mut changes),
                Event::ThreadExit { thread, .. } => self.set(thread, None, &mut changes),
                _ => {}
            },
        }
        changes
    }

    fn set(&mut self, thread: Thread, after: Option<State>, changes: &mut Vec<Change>) {
        if thread == Thread::NONE {
            return;
        }
        let before = match after {
            Some(state) => self.threads.insert(thread, state),
            None => self.threads.remove(&thread),
        };
        if before == after {
            return;
        }
        if let Some(State::Waits(cpu) | State::Runs(cpu)) = before
            && let Some(count) = self.runnable.get_mut(&cpu)
        {
            *count -= 1;
        }
        if let Some(State::Waits(cpu) | State::Runs(cpu)) = after {
            *self.runnable.entry(cpu).or_default() += 1;
        }
        changes.push(Change {
            thread,
            before,
            after,
        });
    }
}

impl Change {
    /// The CPUs whose number of runnable threads it changes.
    pub fn cpus(&self) -> impl Iterator<Item = u32> {
        let cpu = |state: Option<State>| match state {
            Some(State::Waits(cpu) | State::Runs(cpu)) => Some(cpu),
            _ => None,
        };
        let (before, after) = (cpu(self.before), cpu(self.after));
        let stays = before == after;
        [before, after].into_iter().flatten().filter(move |_| !stays)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Thread = Thread::new(1, 1);
    const B: Thread = Thread::new(1, 2);

    fn step(at: u64, cpu: u32, what: What) -> Step {
        let at = Instant(at);
        Step { at, cpu, what }
    }

    fn switch(from: Thread, left: Left, to: Thread) -> What {
        What::Switch { from, left, to }
    }

    #[test]
    fn l3_runs_are_counted_to_the_ends_of_the_trace() {
        let steps = [
            step(10, 0, switch(A, Left::Waits, B)),
            step(14, 0, switch(B, Left::Blocked, A)),
        ];
        let found = runs(&steps, Instant(4), Instant(20));
        let expected = [(A, 6), (B, 4), (A, 6)].map(|(thread, span)| (thread, Nanos(span)));
        assert_eq!(
            found
                .iter()
                .map(|run| (run.thread, run.span()))
                .collect::<Vec<_>>(),
            expected
        );
        assert_eq!(totals(&found)[&A], Nanos(12));
    }

    #[test]
    fn l3_runnable_threads_are_counted_where_they_wait_and_run() {
        let mut states = States::default();
        let start = |thread| {
            What::Event(Event::ThreadStart {
                cpu: 0,
                thread,
                weight: 64,
            })
        };
        for what in [start(A), start(B), switch(Thread::NONE, Left::Waits, A)] {
            states.apply(&step(0, 0, what));
        }
        assert_eq!((states.runnable(0), states.runnable(1)), (2, 0));
        let steal = What::Event(Event::Steal { victim: 0, thread: B });
        let changes = states.apply(&step(1, 1, steal));
        assert_eq!(changes[0].cpus().collect::<Vec<_>>(), [0, 1]);
        assert_eq!((states.runnable(0), states.runnable(1)), (1, 1));
        states.apply(&step(2, 0, switch(A, Left::Blocked, Thread::NONE)));
        assert_eq!(states.runnable(0), 0);
    }
}
