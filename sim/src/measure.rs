//! What is measured while a scenario runs.

use hdrhistogram::Histogram;
use sched::Nanos;

use crate::scenario::ThreadKind;

/// How long woken threads waited for a CPU, by kind of thread, in nanoseconds.
#[derive(Debug)]
pub struct Latencies(Vec<Histogram<u64>>);

impl Latencies {
    /// Room for so many kinds.
    #[must_use]
    pub fn new(kinds: usize) -> Latencies {
        let empty = || Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed"));
        Latencies((0..kinds).map(|_| empty()).collect())
    }

    pub(crate) fn record(&mut self, kind: ThreadKind, waited: Nanos) {
        let histogram = &mut self.0[usize::from(kind.0)];
        // It grows up to 2^63 ns, which is longer than any wait.
        if histogram.record(waited.0).is_err() {
            histogram.saturating_record(waited.0);
        }
    }

    /// Those of one kind.
    #[must_use]
    pub fn of(&self, kind: ThreadKind) -> &Histogram<u64> {
        &self.0[usize::from(kind.0)]
    }

    /// Those of several kinds together.
    #[must_use]
    pub fn of_all(&self, kinds: impl IntoIterator<Item = ThreadKind>) -> Histogram<u64> {
        let mut all = Latencies::new(1).0.remove(0);
        for kind in kinds {
            all += self.of(kind);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_waits_are_recorded_as_long_as_they_were() {
        let mut latencies = Latencies::new(1);
        latencies.record(ThreadKind(0), Nanos(7));
        latencies.record(ThreadKind(0), Nanos::from_secs(3));
        let longest = latencies.of(ThreadKind(0)).max();
        assert!((2_990_000_000..=3_010_000_000).contains(&longest), "{longest}");
    }
}
