//! Traces as files. All numbers are little-endian.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `SUNTRACE` |
//! | 4, 4 | version of this format (2), version of the records (`abi::trace::VERSION`) |
//! | 4, 4, 4, 4 | CPUs, names, bytes of the source, zero |
//! | 8 | records |
//! | 8, 8 | when recording began (2^64 - 1: at the first record) and ended (0: at the last), in ns |
//! | 8 for each CPU | records lost there |
//! | any | the source, UTF-8 |
//! | 8, 4, any for each name | thread (process number in the high half), bytes of the name, the name in UTF-8 |
//! | 32 for each record | as the kernel writes them (`abi::trace::Record`), in order of time |

use super::Trace;
use abi::trace::{self, RECORD_BYTES, Record, Thread};
use sched::Instant;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

/// How names of trace files end.
pub const EXTENSION: &str = "sundial";

const MAGIC: [u8; 8] = *b"SUNTRACE";
const VERSION: u32 = 2;
/// More CPUs than this are a broken file: records have 16 bits for them.
const MOST_CPUS: u32 = 1 << 16;

/// Why a file cannot be read as a trace.
#[derive(Debug)]
pub enum Unreadable {
    /// The file system says no, or the file ends too early.
    Io(io::Error),
    /// It is something else.
    NotATrace,
    /// It was written by another version: of the file format, of the records.
    OtherVersion(u32, u32),
    /// It contradicts itself, here.
    Broken(&'static str),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                out.write_str("the trace ends before its end; was it copied whole?")
            }
            Unreadable::Io(error) => error.fmt(out),
            Unreadable::NotATrace => {
                out.write_str("this is no trace; `./x boot --trace run.sundial` and the simulator write them")
            }
            Unreadable::OtherVersion(file, records) => write!(
                out,
                "the trace has version {file} and records of version {records}; this tool reads {VERSION} and {}",
                trace::VERSION
            ),
            Unreadable::Broken(what) => write!(out, "the trace is damaged: {what}"),
        }
    }
}

impl std::error::Error for Unreadable {}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Unreadable {
        Unreadable::Io(error)
    }
}

impl Trace {
    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, to: &Path) -> io::Result<()> {
        let mut file = io::BufWriter::new(std::fs::File::create(to)?);
        self.write(&mut file)?;
        file.flush()
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, or is no trace of this version.
    pub fn load(from: &Path) -> Result<Trace, Unreadable> {
        Trace::read(&mut io::BufReader::new(std::fs::File::open(from)?))
    }

    /// Writes what [`Trace::read`] reads.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&MAGIC)?;
        let (names, source) = (length(self.names.len())?, length(self.source.len())?);
        for number in [VERSION, trace::VERSION, self.cpus(), names, source, 0] {
            out.write_all(&number.to_le_bytes())?;
        }
        for number in [self.records.len() as u64, self.begin.0, self.end.0] {
            out.write_all(&number.to_le_bytes())?;
        }
        for lost in &self.lost {
            out.write_all(&lost.to_le_bytes())?;
        }
        out.write_all(self.source.as_bytes())?;
        for (thread, name) in &self.names {
            out.write_all(&thread.0.to_le_bytes())?;
            out.write_all(&length(name.len())?.to_le_bytes())?;
            out.write_all(name.as_bytes())?;
        }
        for record in &self.records {
            for word in record.to_words() {
                out.write_all(&word.to_le_bytes())?;
            }
        }
        Ok(())
    }

    /// Reads what [`Trace::write`] wrote.
    ///
    /// # Errors
    /// Those of `from`, and when it is no trace of this version.
    pub fn read(from: &mut impl Read) -> Result<Trace, Unreadable> {
        let mut magic = [0; 8];
        if from.read_exact(&mut magic).is_err() || magic != MAGIC {
            return Err(Unreadable::NotATrace);
        }
        let (version, records) = (small(from)?, small(from)?);
        if (version, records) != (VERSION, trace::VERSION) {
            return Err(Unreadable::OtherVersion(version, records));
        }
        let (cpus, names, source, _) = (small(from)?, small(from)?, small(from)?, small(from)?);
        if cpus > MOST_CPUS {
            return Err(Unreadable::Broken("it claims more CPUs than records can name"));
        }
        let records = large(from)?;
        let mut trace = Trace::new("", cpus);
        (trace.begin, trace.end) = (Instant(large(from)?), Instant(large(from)?));
        for cpu in 0..cpus {
            trace.lose(cpu, large(from)?);
        }
        trace.source = text(from, source)?;
        for _ in 0..names {
            let thread = Thread(large(from)?);
            let bytes = small(from)?;
            trace.name_thread(thread, text(from, bytes)?);
        }
        let mut before = 0;
        for _ in 0..records {
            let mut bytes = [0; RECORD_BYTES];
            from.read_exact(&mut bytes)?;
            let record = Record::decode(&bytes);
            if record.at_ns < before {
                return Err(Unreadable::Broken("time goes backwards"));
            }
            if u32::from(record.cpu) >= cpus {
                return Err(Unreadable::Broken(
                    "a record of a CPU that the machine does not have",
                ));
            }
            before = record.at_ns;
            trace.records.push(record);
        }
        Ok(trace)
    }
}

fn length(bytes: usize) -> io::Result<u32> {
    u32::try_from(bytes).map_err(|_| io::Error::other("a name of more than 4 GiB"))
}

fn small(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn large(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn text(from: &mut impl Read, bytes: u32) -> Result<String, Unreadable> {
    let mut text = Vec::new();
    // Grows with what is there, not with what a damaged file claims.
    if from.take(u64::from(bytes)).read_to_end(&mut text)? < bytes as usize {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    String::from_utf8(text).map_err(|_| Unreadable::Broken("a name is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::trace::Event;
    use proptest::prelude::*;

    fn bytes(trace: &Trace) -> Vec<u8> {
        let mut bytes = Vec::new();
        trace.write(&mut bytes).unwrap();
        bytes
    }

    fn example() -> Trace {
        let mut trace = Trace::new("a scenario", 2);
        trace.name_thread(Thread::new(1, 1), "hog");
        trace.lose(1, 7);
        trace.push(Record::of(4, 1, Event::IdleEnter {}));
        trace
    }

    proptest! {
        #[test]
        fn l3_a_file_has_all_that_the_trace_has(
            records in prop::collection::vec((0_u64..50, 0_u16..9, 1_u16..30, any::<u32>(), any::<u64>(), any::<u64>()), 0..40),
            lost in prop::collection::vec(any::<u32>(), 0..5),
            names in prop::collection::vec((any::<u64>(), ".{0,9}"), 0..5),
            (begin, end) in (0_u64..9, 0_u64..90),
        ) {
            let mut trace = Trace::new("Source \u{263c}", 3);
            for (at_ns, cpu, kind, a, b, c) in records {
                trace.push(Record { at_ns, cpu, kind, a, b, c });
            }
            for (cpu, lost) in (0..).zip(lost) {
                trace.lose(cpu, u64::from(lost));
            }
            for (thread, name) in names {
                trace.name_thread(Thread(thread), name);
            }
            trace.begin_at(Instant(begin));
            trace.end_at(Instant(end));
            prop_assert_eq!(Trace::read(&mut bytes(&trace).as_slice()).unwrap(), trace);
        }
    }

    #[test]
    fn l3_what_is_no_trace_is_refused_with_a_reason() {
        let whole = bytes(&example());
        let refused = |bytes: &[u8]| Trace::read(&mut &*bytes).unwrap_err().to_string();
        for end in 8..whole.len() {
            assert!(refused(&whole[..end]).contains("before its end"), "{end}");
        }
        assert!(refused(b"{}").contains("no trace"));
        let mut other = whole.clone();
        other[8] = 9;
        assert!(refused(&other).contains("version 9"));
        // The record's CPU is at byte 10 of the last 32.
        let mut stray = whole.clone();
        let cpu = whole.len() - RECORD_BYTES + 10;
        stray[cpu] = 2;
        assert!(refused(&stray).contains("does not have"));
    }
}
