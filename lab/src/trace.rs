//! The record of a run: events of all CPUs, how many were lost, and what threads and processes are called.
//!
//! A trace has a beginning and an end of its own: a CPU that runs one thread alone makes no records, so between the end of
//! the run and the last record there may be any time, and the same before the first. Whoever records says when that was.
//!
//! Records are kept in one list, ordered by time; records of one time stay in the order in which they were pushed, so a
//! simulator that pushes causes before effects keeps them so. A thread with number 0 stands for its process.

mod file;

pub use file::{EXTENSION, Unreadable};

use abi::trace::{Event, Record, Thread};
use sched::{Instant, Nanos};
use std::collections::BTreeMap;

/// What happened in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    source: String,
    /// When recording began; [`Instant::NEVER`] is not known, and the first record counts.
    begin: Instant,
    /// When recording ended; [`Instant::BOOT`] is not known, and the last record counts.
    end: Instant,
    records: Vec<Record>,
    /// Records that were overwritten or dropped before anybody read them, for each CPU.
    lost: Vec<u64>,
    names: BTreeMap<Thread, String>,
}

impl Trace {
    /// An empty trace. `source` says where it comes from, in words for a report: a scenario, a manifest.
    #[must_use]
    pub fn new(source: impl Into<String>, cpus: u32) -> Trace {
        Trace {
            source: source.into(),
            begin: Instant::NEVER,
            end: Instant::BOOT,
            records: Vec::new(),
            lost: vec![0; cpus as usize],
            names: BTreeMap::new(),
        }
    }

    /// Says that recording began at `at`.
    pub fn begin_at(&mut self, at: Instant) {
        self.begin = at;
    }

    /// Says that recording went on until `at`, at least.
    pub fn end_at(&mut self, at: Instant) {
        self.end = self.end.max(at);
    }

    /// Where it comes from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many CPUs the machine has.
    #[must_use]
    pub fn cpus(&self) -> u32 {
        u32::try_from(self.lost.len()).expect("a trace is made with a 32-bit number of CPUs")
    }

    /// Names a thread; number 0 names its process.
    pub fn name_thread(&mut self, thread: Thread, name: impl Into<String>) {
        self.names.insert(thread, name.into());
    }

    /// Names a process.
    pub fn name_process(&mut self, pid: u32, name: impl Into<String>) {
        self.name_thread(Thread::new(pid, 0), name);
    }

    /// Adds a record of any CPU. One that is older than those before it is put in its place. A record that tells a
    /// process's name names it, unless it has a name already; one that tells the end is the trace's end and is not kept.
    pub fn push(&mut self, record: Record) {
        if record.cpu as usize >= self.lost.len() {
            self.lost.resize(record.cpu as usize + 1, 0);
        }
        match record.event() {
            Some(Event::RecordEnd {}) => return self.end_at(Instant(record.at_ns)),
            Some(Event::ProcessName { pid, first, second }) => {
                let bytes = Event::name_bytes(first, second);
                let name = String::from_utf8_lossy(&bytes);
                self.names
                    .entry(Thread::new(pid, 0))
                    .or_insert_with(|| name.trim_end_matches('\0').to_owned());
            }
            _ => {}
        }
        // Almost always at the end: clocks of different CPUs are close.
        let newer = self
            .records
            .iter()
            .rev()
            .take_while(|kept| kept.at_ns > record.at_ns);
        let place = self.records.len() - newer.count();
        self.records.insert(place, record);
    }

    /// Notes that `records` more records of a CPU are missing, all older than those that are here.
    pub fn lose(&mut self, cpu: u32, records: u64) {
        if cpu as usize >= self.lost.len() {
            self.lost.resize(cpu as usize + 1, 0);
        }
        self.lost[cpu as usize] += records;
    }

    /// The records of all CPUs, in order of time.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// How many records of each CPU are missing.
    #[must_use]
    pub fn lost(&self) -> &[u64] {
        &self.lost
    }

    /// The names that are known, by thread; number 0 is a process.
    pub fn names(&self) -> impl Iterator<Item = (Thread, &str)> {
        self.names.iter().map(|(thread, name)| (*thread, name.as_str()))
    }

    /// What to call a thread: by its name, else by its process's name and its number, else by both numbers.
    #[must_use]
    pub fn thread_name(&self, thread: Thread) -> String {
        if thread == Thread::NONE {
            return "idle".to_owned();
        }
        if let Some(name) = self.names.get(&thread) {
            return name.clone();
        }
        match self.names.get(&Thread::new(thread.pid(), 0)) {
            Some(process) => format!("{process}/{}", thread.tid()),
            None => format!("{}/{}", thread.pid(), thread.tid()),
        }
    }

    /// What to call a process.
    #[must_use]
    pub fn process_name(&self, pid: u32) -> String {
        let name = self.names.get(&Thread::new(pid, 0));
        name.cloned().unwrap_or_else(|| format!("process {pid}"))
    }

    /// When recording began: the time of the first record where nobody said; boot if there is none.
    #[must_use]
    pub fn begin(&self) -> Instant {
        let first = self.records.first().map(|first| Instant(first.at_ns));
        let begin = first.map_or(self.begin, |first| first.min(self.begin));
        if begin == Instant::NEVER {
            Instant::BOOT
        } else {
            begin
        }
    }

    /// When recording ended: the time of the last record where nobody said; boot if there is none.
    #[must_use]
    pub fn end(&self) -> Instant {
        let last = self.records.last().map(|last| Instant(last.at_ns));
        last.map_or(self.end, |last| last.max(self.end))
    }

    /// From when on the records of all CPUs are here: a CPU that lost some tells nothing before the first it has kept.
    #[must_use]
    pub fn complete_since(&self) -> Instant {
        let first_of = |cpu: usize| self.records.iter().find(|record| usize::from(record.cpu) == cpu);
        let lossy = (0..self.lost.len()).filter(|cpu| self.lost[*cpu] > 0);
        let known = lossy.map(|cpu| first_of(cpu).map_or(self.end(), |first| Instant(first.at_ns)));
        known.max().unwrap_or(self.begin())
    }

    /// How long was recorded.
    #[must_use]
    pub fn span(&self) -> Nanos {
        self.end().since(self.begin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at_ns: u64, cpu: u16, tag: u32) -> Record {
        let (value, extra) = (0, 0);
        Record::of(at_ns, cpu, Event::Mark { tag, value, extra })
    }

    #[test]
    fn l3_records_are_in_order_of_time_and_ties_in_order_of_arrival() {
        let mut trace = Trace::new("test", 1);
        for record in [mark(5, 0, 1), mark(3, 1, 2), mark(5, 1, 3), mark(3, 0, 4)] {
            trace.push(record);
        }
        assert_eq!(
            trace.records(),
            [mark(3, 1, 2), mark(3, 0, 4), mark(5, 0, 1), mark(5, 1, 3)]
        );
        assert_eq!((trace.cpus(), trace.span()), (2, Nanos(2)));
    }

    #[test]
    fn l3_a_trace_is_complete_when_every_cpu_has_something_left() {
        let mut trace = Trace::new("test", 3);
        for record in [mark(3, 0, 1), mark(5, 1, 2), mark(8, 2, 3), mark(9, 0, 4)] {
            trace.push(record);
        }
        assert_eq!(trace.complete_since(), Instant(3));
        trace.lose(1, 100);
        assert_eq!(trace.complete_since(), Instant(5));
    }

    #[test]
    fn l9_a_trace_lasts_longer_than_its_records() {
        let mut trace = Trace::new("test", 2);
        assert_eq!((trace.begin(), trace.end()), (Instant::BOOT, Instant::BOOT));
        trace.push(mark(5, 0, 1));
        assert_eq!((trace.begin(), trace.end()), (Instant(5), Instant(5)));
        trace.begin_at(Instant(2));
        trace.push(Record::of(9, 1, Event::RecordEnd {}));
        assert_eq!(
            (trace.begin(), trace.end(), trace.span()),
            (Instant(2), Instant(9), Nanos(7))
        );
        assert_eq!(trace.records(), [mark(5, 0, 1)]);
        // Whoever knows more has the last word.
        trace.end_at(Instant(7));
        trace.push(mark(11, 0, 2));
        assert_eq!(trace.end(), Instant(11));
    }

    #[test]
    fn l3_names_come_from_whoever_knows_them() {
        let mut trace = Trace::new("test", 1);
        let (first, second) = (Thread::new(3, 1), Thread::new(3, 2));
        assert_eq!(trace.thread_name(first), "3/1");
        trace.push(Record::of(0, 0, Event::process_name(3, "shell")));
        trace.name_thread(second, "worker");
        assert_eq!(trace.thread_name(first), "shell/1");
        assert_eq!(trace.thread_name(second), "worker");
        assert_eq!(trace.thread_name(Thread::NONE), "idle");
        assert_eq!(
            (trace.process_name(3), trace.process_name(4)),
            ("shell".into(), "process 4".into())
        );
    }
}
