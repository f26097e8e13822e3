//! Wake-up latency: from the moment a thread is made ready until a CPU begins to run it.
//!
//! A thread that is put back and chosen again meanwhile has begun already, and the first run of a new thread is no
//! wake-up.

use crate::histogram::Latency;
use crate::steps::{Step, What};
use abi::trace::{Event, Thread};
use sched::Instant;
use std::collections::{BTreeMap, HashMap};

/// The wake-ups of one thread.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wakeups {
    /// How long they took.
    pub latency: Latency,
    /// The CPU that began the thread last after a wake-up.
    pub last_cpu: u32,
}

/// The wake-ups from `begin` on of every thread that had one. Where records were lost, `begin` should be
/// [`Trace::complete_since`](crate::Trace::complete_since): a wake-up whose end is missing would seem to last.
#[must_use]
pub fn wakeups(steps: &[Step], begin: Instant) -> BTreeMap<Thread, Wakeups> {
    let mut woken: HashMap<Thread, Instant> = HashMap::new();
    let mut found: BTreeMap<Thread, Wakeups> = BTreeMap::new();
    for step in steps {
        match step.what {
            What::Event(Event::Wake { thread, .. }) if step.at >= begin => {
                woken.insert(thread, step.at);
            }
            What::Event(Event::ThreadExit { thread, .. }) => {
                woken.remove(&thread);
            }
            What::Switch { to, .. } => {
                if let Some(since) = woken.remove(&to) {
                    let wakeups = found.entry(to).or_default();
                    wakeups.latency.record(step.at.since(since));
                    wakeups.last_cpu = step.cpu;
                }
            }
            What::Event(_) => {}
        }
    }
    found
}

/// The wake-ups of all threads together.
#[must_use]
pub fn together(threads: &BTreeMap<Thread, Wakeups>) -> Latency {
    let mut all = Latency::new();
    threads.values().for_each(|wakeups| all.add(&wakeups.latency));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Trace;
    use crate::steps::steps;
    use abi::trace::Record;
    use sched::Nanos;

    #[test]
    fn l3_latency_runs_from_the_wake_to_the_first_run_after_it() {
        let (a, b) = (Thread::new(1, 1), Thread::new(1, 2));
        let wake = Event::Wake {
            target: 1,
            thread: a,
            by: b,
        };
        let mut trace = Trace::new("test", 2);
        for (at, cpu, event) in [
            (
                0,
                0,
                Event::Switch {
                    from: Thread::NONE,
                    to: b,
                },
            ),
            (100, 0, wake),
            (
                140,
                1,
                Event::Switch {
                    from: Thread::NONE,
                    to: a,
                },
            ),
            (
                150,
                1,
                Event::Preempt {
                    thread: a,
                    by: Thread::NONE,
                },
            ),
            (150, 1, Event::Switch { from: a, to: b }),
            (190, 1, Event::Switch { from: b, to: a }),
        ] {
            trace.push(Record::of(at, cpu, event));
        }
        let found = wakeups(&steps(&trace), trace.begin());
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[&a].latency.count(), found[&a].latency.max()),
            (1, Nanos(40))
        );
        assert_eq!((found[&a].last_cpu, together(&found).count()), (1, 1));
    }
}
