//! Threads as Linux numbers them: one number per thread in the whole machine, and a process has its main thread's.
//!
//! Readers of `sched_*` events know no other. Where it fits, process and thread number stay readable: thread 2 of process 7
//! becomes 72, or 702 when processes have up to a hundred threads. The lowest thread number of a process counts as its
//! main thread.

use crate::Trace;
use abi::trace::{Event, Form, Thread};
use std::collections::{BTreeMap, BTreeSet};

/// The numbers of all threads in a trace.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    threads: BTreeMap<Thread, u32>,
    /// Main thread's number, by process.
    processes: BTreeMap<u32, u32>,
}

impl Numbers {
    /// Numbers every thread and process that is named or takes part in an event.
    #[must_use]
    pub fn of(trace: &Trace) -> Numbers {
        let mut threads: BTreeSet<Thread> = BTreeSet::new();
        let mut processes: BTreeSet<u32> = BTreeSet::new();
        for (thread, _) in trace.names() {
            threads.insert(thread);
        }
        for event in trace.records().iter().filter_map(abi::trace::Record::event) {
            if let Event::ProcessStart { pid, .. } | Event::ProcessExit { pid, .. } = event {
                processes.insert(pid);
            }
            threads.extend(threads_in(&event));
        }
        threads.remove(&Thread::NONE);
        processes.extend(threads.iter().map(|thread| thread.pid()));
        threads.retain(|thread| thread.tid() != 0);
        // A process without a known thread still needs a number.
        for pid in &processes {
            if threads
                .range(Thread::new(*pid, 1)..=Thread::new(*pid, u32::MAX))
                .next()
                .is_none()
            {
                threads.insert(Thread::new(*pid, 1));
            }
        }
        let numbered = readable(&threads)
            .unwrap_or_else(|| (1..).zip(&threads).map(|(n, thread)| (*thread, n)).collect());
        let mut numbers = Numbers {
            threads: numbered,
            processes: BTreeMap::new(),
        };
        for (thread, number) in &numbers.threads {
            numbers.processes.entry(thread.pid()).or_insert(*number);
        }
        numbers
    }

    /// The number of a thread; 0 for none, as for Linux's idle thread.
    #[must_use]
    pub fn thread(&self, thread: Thread) -> u32 {
        self.threads.get(&thread).copied().unwrap_or(0)
    }

    /// The number of a process.
    #[must_use]
    pub fn process(&self, pid: u32) -> u32 {
        self.processes.get(&pid).copied().unwrap_or(0)
    }

    /// All threads, in order.
    pub fn threads(&self) -> impl Iterator<Item = (Thread, u32)> {
        self.threads.iter().map(|(thread, number)| (*thread, *number))
    }

    /// All processes with their main thread's number, in order.
    pub fn processes(&self) -> impl Iterator<Item = (u32, u32)> {
        self.processes.iter().map(|(pid, number)| (*pid, *number))
    }
}

/// The threads that an event names.
fn threads_in(event: &Event) -> impl Iterator<Item = Thread> {
    let kind = Event::KINDS.iter().find(|kind| kind.name == event.name());
    let fields = kind.map_or(&[][..], |kind| kind.fields);
    let values = event.values();
    fields
        .iter()
        .zip(values)
        .filter(|((_, form), _)| *form == Form::Thread)
        .map(|(_, value)| Thread(value))
}

/// Process number and thread number side by side, unless that needs more than Linux's 31 bits.
fn readable(threads: &BTreeSet<Thread>) -> Option<BTreeMap<Thread, u32>> {
    let most = threads.iter().map(|thread| thread.tid()).max().unwrap_or(0);
    let stride = (1..)
        .map(|digits| 10_u64.pow(digits))
        .find(|stride| *stride > u64::from(most))?;
    threads
        .iter()
        .map(|thread| {
            let number = u64::from(thread.pid()).checked_mul(stride)? + u64::from(thread.tid());
            let number = u32::try_from(number)
                .ok()
                .filter(|number| *number <= i32::MAX as u32)?;
            Some((*thread, number))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l3_numbers_are_readable_where_they_fit() {
        let mut trace = Trace::new("test", 1);
        trace.name_process(9, "quiet");
        for thread in [Thread::new(7, 2), Thread::new(7, 13)] {
            trace.name_thread(thread, "t");
        }
        let numbers = Numbers::of(&trace);
        assert_eq!(
            (
                numbers.thread(Thread::new(7, 2)),
                numbers.thread(Thread::new(7, 13))
            ),
            (702, 713)
        );
        assert_eq!((numbers.process(7), numbers.process(9)), (702, 901));
        assert_eq!(numbers.thread(Thread::NONE), 0);

        trace.name_thread(Thread::new(1 << 30, 1), "far");
        let numbers = Numbers::of(&trace);
        assert_eq!(
            numbers.threads().map(|(_, number)| number).collect::<Vec<_>>(),
            [1, 2, 3, 4]
        );
    }
}
