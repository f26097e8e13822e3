//! What happened, as trace records, and a fingerprint of all of it.

use abi::trace::{Event, Record, Thread};
use sched::{CpuId, Instant};

/// Writes down what happens. The fingerprint is always kept, the records if wanted.
#[derive(Debug, Default)]
pub struct Recorder {
    fingerprint: u64,
    /// Who runs on each CPU, as of the last switch.
    running: Vec<Thread>,
    records: Option<Vec<Record>>,
}

impl Recorder {
    /// Keeps all records from now on.
    pub fn keep(&mut self) {
        self.records = Some(Vec::new());
    }

    /// The records kept, in order.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        self.records.as_deref().unwrap_or_default()
    }

    /// A number that two runs share only if the same happened in both, at the same times and in the same order.
    #[must_use]
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    pub(crate) fn note(&mut self, at: Instant, cpu: CpuId, event: Event) {
        let record = Record::of(at.0, cpu.0 as u16, event);
        for word in record.to_words() {
            // The multiplication and rotation of FxHash (Firefox, rustc): fast, and every bit counts.
            self.fingerprint = (self.fingerprint.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        if let Some(records) = &mut self.records {
            records.push(record);
        }
    }

    /// A CPU goes over to a thread, or to nothing.
    pub(crate) fn switch(&mut self, at: Instant, cpu: CpuId, to: Thread) {
        if self.running.len() <= cpu.index() {
            self.running.resize(cpu.index() + 1, Thread::NONE);
        }
        let from = core::mem::replace(&mut self.running[cpu.index()], to);
        self.note(at, cpu, Event::Switch { from, to });
    }
}
