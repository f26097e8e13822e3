//! Trace records: what the kernel writes while it runs and the host reads out of guest memory.
//!
//! A [`Record`] is 32 bytes, fixed for every kind; an [`Event`] is what one means. Each CPU has a ring of
//! records that only it writes: record n is at slot n modulo the capacity, and `written` counts all that were
//! ever written, so that a reader knows how many were overwritten. The host finds the rings through the
//! [`Directory`] at the ELF symbol [`DIRECTORY_SYMBOL`]; a magic of zero there means that tracing is off.

mod event;
use event::Arguments;
pub use event::{Event, Form, Kind, Thread};

/// Name of the kernel's ELF symbol at which the directory lies.
pub const DIRECTORY_SYMBOL: &str = "SUNDIAL_TRACE_DIRECTORY";
/// First field of a directory in use: `"SUNDIAL\0"` read as a little-endian number.
pub const DIRECTORY_MAGIC: u64 = u64::from_le_bytes(*b"SUNDIAL\0");
/// Version of records and directory.
pub const VERSION: u32 = 1;
/// Bytes of a record.
pub const RECORD_BYTES: usize = 32;
/// Bytes of a directory.
pub const DIRECTORY_BYTES: usize = 24;
/// Bytes of a ring descriptor.
pub const RING_BYTES: usize = 24;

/// One record as it lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct Record {
    /// Monotonic time.
    pub at_ns: u64,
    /// Number of the [`Event`] variant.
    pub kind: u16,
    /// CPU that wrote it.
    pub cpu: u16,
    /// First argument.
    pub a: u32,
    /// Second argument.
    pub b: u64,
    /// Third argument.
    pub c: u64,
}

impl Record {
    /// The record of an event.
    #[inline]
    #[must_use]
    pub fn of(at_ns: u64, cpu: u16, event: Event) -> Self {
        let (kind, Arguments { a, b, c }) = event.pack();
        Self {
            at_ns,
            kind,
            cpu,
            a,
            b,
            c,
        }
    }

    /// What happened, or `None` for a kind this version does not know.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        Event::unpack(
            self.kind,
            Arguments {
                a: self.a,
                b: self.b,
                c: self.c,
            },
        )
    }

    /// The four words to write.
    #[inline]
    #[must_use]
    pub const fn to_words(&self) -> [u64; 4] {
        [
            self.at_ns,
            self.kind as u64 | (self.cpu as u64) << 16 | (self.a as u64) << 32,
            self.b,
            self.c,
        ]
    }

    /// Splits four words into fields.
    #[must_use]
    pub const fn from_words(words: [u64; 4]) -> Self {
        Self {
            at_ns: words[0],
            kind: words[1] as u16,
            cpu: (words[1] >> 16) as u16,
            a: (words[1] >> 32) as u32,
            b: words[2],
            c: words[3],
        }
    }

    /// Reads a record from a dump.
    #[must_use]
    pub fn decode(bytes: &[u8; RECORD_BYTES]) -> Self {
        Self::from_words(words(bytes))
    }
}

/// Where the rings are: {magic u64, version u32, CPU count u32, physical address of the ring descriptors
/// u64}.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Directory {
    /// Ring descriptors in the array, one per CPU.
    pub cpus: u32,
    /// Physical address of the array.
    pub rings: u64,
}

impl Directory {
    /// The three words to write. The magic should be written last.
    #[must_use]
    pub const fn to_words(&self) -> [u64; 3] {
        [
            DIRECTORY_MAGIC,
            VERSION as u64 | (self.cpus as u64) << 32,
            self.rings,
        ]
    }

    /// The directory in these bytes, or `None` when tracing is off or of another version.
    #[must_use]
    pub fn decode(bytes: &[u8; DIRECTORY_BYTES]) -> Option<Self> {
        let [magic, version_and_cpus, rings] = words(bytes);
        (magic == DIRECTORY_MAGIC && version_and_cpus as u32 == VERSION).then_some(Self {
            cpus: (version_and_cpus >> 32) as u32,
            rings,
        })
    }
}

/// One CPU's ring: {physical address u64, capacity u64 in records, written u64}.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ring {
    /// Physical address of the first record.
    pub address: u64,
    /// Records that fit.
    pub capacity: u64,
    /// Records ever written; the newest is at slot `(written - 1) % capacity`.
    pub written: u64,
}

impl Ring {
    /// The three words to write.
    #[must_use]
    pub const fn to_words(&self) -> [u64; 3] {
        [self.address, self.capacity, self.written]
    }

    /// Reads a descriptor from a dump.
    #[must_use]
    pub fn decode(bytes: &[u8; RING_BYTES]) -> Self {
        let [address, capacity, written] = words(bytes);
        Self {
            address,
            capacity,
            written,
        }
    }

    /// Numbers of the records that are still there, oldest first; record n is at slot `n % capacity`.
    #[must_use]
    pub const fn kept(&self) -> core::ops::Range<u64> {
        self.written.saturating_sub(self.capacity)..self.written
    }
}

fn words<const BYTES: usize, const WORDS: usize>(bytes: &[u8; BYTES]) -> [u64; WORDS] {
    core::array::from_fn(|i| u64::from_le_bytes(core::array::from_fn(|byte| bytes[8 * i + byte])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_words_and_bytes() {
        let record = Record::of(
            5,
            3,
            Event::Mark {
                tag: 9,
                value: 10,
                extra: 11,
            },
        );
        assert_eq!(size_of::<Record>(), RECORD_BYTES);
        let mut bytes = [0; RECORD_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(record.to_words()) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        assert_eq!(Record::decode(&bytes), record);
        let mark = Event::Mark {
            tag: 9,
            value: 10,
            extra: 11,
        };
        assert_eq!((record.at_ns, record.cpu, record.event()), (5, 3, Some(mark)));
        assert_eq!(Record { kind: 999, ..record }.event(), None);
    }

    #[test]
    fn a_directory_without_its_magic_means_no_trace() {
        assert_eq!(Directory::decode(&[0; DIRECTORY_BYTES]), None);
        let directory = Directory {
            cpus: 4,
            rings: 0x10_0000,
        };
        let mut bytes = [0; DIRECTORY_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(directory.to_words()) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        assert_eq!(Directory::decode(&bytes), Some(directory));
        bytes[8] += 1;
        assert_eq!(Directory::decode(&bytes), None, "another version");
    }

    #[test]
    fn a_ring_survives_words_and_bytes() {
        let ring = Ring {
            address: 0x10_0000,
            capacity: 8,
            written: 21,
        };
        let mut bytes = [0; RING_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(ring.to_words()) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        assert_eq!(Ring::decode(&bytes), ring);
    }

    #[test]
    fn a_full_ring_keeps_its_newest_records() {
        assert_eq!(
            Ring {
                address: 0,
                capacity: 8,
                written: 5
            }
            .kept(),
            0..5
        );
        assert_eq!(
            Ring {
                address: 0,
                capacity: 8,
                written: 21
            }
            .kept(),
            13..21
        );
    }
}
