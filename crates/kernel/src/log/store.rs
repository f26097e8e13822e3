//! The ring of recent log records, read by cursor. Rule P9 (docs/rules/log.md).
//!
//! Every record gets a *sequence number*, from 0 on. A *cursor* is the number of the next record a reader
//! wants; it belongs to the reader, so any number of readers can drain the same log, each at its pace. A
//! reader that falls behind is moved forward to the oldest record still there.

use alloc::collections::VecDeque;

use super::record::{Level, Record};

/// The most records one read returns.
pub const MAX_READ: usize = abi::limits::LOG_RECORDS as usize;

/// The log. Allocates its ring when it is made; writing never allocates.
#[derive(Debug)]
pub struct Store {
    records: VecDeque<Record>,
    capacity: usize,
    /// Sequence number of the oldest record kept, which is also how many were overwritten.
    oldest: u64,
    threshold: Level,
}

/// Which records a reader wants to see.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// The least serious level.
    pub min_level: Level,
    /// What the component's name begins with; empty for all.
    pub component_prefix: &'a str,
}

/// Where a read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadEnd {
    /// The cursor to read on with.
    pub next_cursor: u64,
    /// How many records have been overwritten since the system started.
    pub dropped: u64,
}

impl Store {
    /// A log of the last `capacity` records (at least 1) that takes records of level `threshold` and above.
    pub fn new(capacity: usize, threshold: Level) -> Self {
        let capacity = capacity.max(1);
        Store {
            records: VecDeque::with_capacity(capacity),
            capacity,
            oldest: 0,
            threshold,
        }
    }

    /// Keeps `record`, at the cost of the oldest one when the ring is full. Returns whether it was
    /// accepted; a record below the threshold is not.
    #[must_use = "the record may not have been accepted"]
    pub fn write(&mut self, record: Record) -> bool {
        if record.level < self.threshold {
            return false;
        }
        if self.records.len() == self.capacity {
            self.records.pop_front();
            self.oldest += 1;
        }
        self.records.push_back(record);
        true
    }

    /// Shows `visit` the records at or after `cursor` that pass the filter, oldest first, at most
    /// `max_records` and at most [`MAX_READ`]. The next cursor is one past the last record shown. When none
    /// was, it is `cursor` itself, moved into what the log holds.
    pub fn read<'a>(
        &'a self,
        cursor: u64,
        max_records: u32,
        filter: Filter<'_>,
        mut visit: impl FnMut(&'a Record),
    ) -> ReadEnd {
        let start = cursor.clamp(self.oldest, self.end());
        let limit = usize::try_from(max_records).unwrap_or(MAX_READ).min(MAX_READ);
        let skip = usize::try_from(start - self.oldest).unwrap_or(usize::MAX);
        let mut next_cursor = start;
        let wanted = (start..)
            .zip(self.records.iter().skip(skip))
            .filter(|(_, record)| filter.passes(record));
        for (sequence, record) in wanted.take(limit) {
            visit(record);
            next_cursor = sequence + 1;
        }
        ReadEnd {
            next_cursor,
            dropped: self.oldest,
        }
    }

    /// The cursor behind the newest record.
    pub fn end(&self) -> u64 {
        self.oldest + self.records.len() as u64
    }
}

impl Filter<'_> {
    /// Lets everything through.
    pub const ALL: Filter<'static> = Filter {
        min_level: Level::Debug,
        component_prefix: "",
    };

    fn passes(&self, record: &Record) -> bool {
        record.level >= self.min_level && record.component.as_str().starts_with(self.component_prefix)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::super::record::Text;
    use super::*;

    fn record(tick: u64, level: Level, component: &str) -> Record {
        Record {
            tick,
            level,
            component: Text::new(component),
            pid: 1,
            message: Text::new("message"),
        }
    }

    /// A log of `capacity` into which `count` records with the ticks 0, 1, 2, … were written.
    fn log_of(capacity: usize, count: u64) -> Store {
        let mut log = Store::new(capacity, Level::Debug);
        for tick in 0..count {
            assert!(log.write(record(tick, Level::Info, "test")));
        }
        log
    }

    fn read(log: &Store, cursor: u64, max_records: u32, filter: Filter<'_>) -> (Vec<u64>, u64, u64) {
        let mut ticks = Vec::new();
        let end = log.read(cursor, max_records, filter, |record| ticks.push(record.tick));
        (ticks, end.next_cursor, end.dropped)
    }

    #[test]
    fn p9_cursor_zero_reads_from_the_oldest_record_kept() {
        assert_eq!(read(&log_of(4, 3), 0, 9, Filter::ALL), (vec![0, 1, 2], 3, 0));
        assert_eq!(read(&log_of(4, 6), 0, 9, Filter::ALL), (vec![2, 3, 4, 5], 6, 2));
    }

    #[test]
    fn p9_a_reader_drains_the_log_by_following_the_cursor() {
        let mut log = log_of(8, 5);
        assert_eq!(read(&log, 0, 2, Filter::ALL), (vec![0, 1], 2, 0));
        assert_eq!(read(&log, 2, 2, Filter::ALL), (vec![2, 3], 4, 0));
        assert_eq!(read(&log, 4, 2, Filter::ALL), (vec![4], 5, 0));
        assert_eq!(read(&log, 5, 2, Filter::ALL), (vec![], 5, 0));
        assert!(log.write(record(5, Level::Info, "test")));
        assert_eq!(read(&log, 5, 2, Filter::ALL), (vec![5], 6, 0));
    }

    #[test]
    fn p9_reading_no_records_clamps_the_cursor() {
        let log = log_of(4, 6);
        let clamped = [0, 1, 3, 6, 7, u64::MAX].map(|cursor| read(&log, cursor, 0, Filter::ALL).1);
        assert_eq!(clamped, [2, 2, 3, 6, 6, 6]);
    }

    #[test]
    fn p9_one_read_returns_at_most_sixteen_records() {
        let (ticks, next, _) = read(&log_of(64, 40), 0, u32::MAX, Filter::ALL);
        assert_eq!((ticks.len(), next), (16, 16));
    }

    #[test]
    fn p9_a_filter_hides_records_and_the_cursor_follows_the_last_one_shown() {
        let mut log = Store::new(8, Level::Debug);
        for (tick, level, component) in [
            (0, Level::Error, "net.tcp"),
            (1, Level::Info, "net.udp"),
            (2, Level::Warn, "shell"),
            (3, Level::Error, "net"),
            (4, Level::Debug, "net"),
        ] {
            assert!(log.write(record(tick, level, component)));
        }
        let serious_network = Filter {
            min_level: Level::Warn,
            component_prefix: "net",
        };
        assert_eq!(read(&log, 0, 9, serious_network), (vec![0, 3], 4, 0));
        assert_eq!(read(&log, 4, 9, serious_network), (vec![], 4, 0));
        assert_eq!(
            read(
                &log,
                0,
                9,
                Filter {
                    component_prefix: "net.",
                    ..Filter::ALL
                }
            )
            .0,
            [0, 1]
        );
    }

    #[test]
    fn p9_records_below_the_threshold_are_not_accepted() {
        let mut log = Store::new(8, Level::Warn);
        let accepted = [Level::Debug, Level::Info, Level::Warn, Level::Error]
            .map(|level| log.write(record(0, level, "test")));
        assert_eq!(accepted, [false, false, true, true]);
        assert_eq!(log.end(), 2);
    }

    #[test]
    fn p9_writing_never_allocates() {
        let mut log = log_of(3, 3);
        let before = log.records.capacity();
        for tick in 0..100 {
            assert!(log.write(record(tick, Level::Info, "test")));
        }
        assert_eq!(log.records.capacity(), before);
        assert_eq!(Store::new(0, Level::Debug).capacity, 1);
    }
}
