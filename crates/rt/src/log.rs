//! The system log: write records, read them back from a cursor on.

use alloc::string::String;
use alloc::vec::Vec;

use schema_gen::system::{LogLevel, log_reader, log_sink};

use crate::cap::{Client, client};
use crate::error::Error;
use crate::message::{Aligned, encode};
use crate::pending::{Pending, Reply, VOID_ROOM, call};

client! {
    /// Takes log records.
    LogSink, LOG_SINK
}

client! {
    /// Gives log records.
    LogReader, LOG_READER
}

pub use schema_gen::system::LogLevel as Level;

/// The level's name.
pub fn level_name(level: Level) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, in nanoseconds of the monotonic clock.
    pub tick: u64,
    /// How serious.
    pub level: Level,
    /// Which part of the system.
    pub component: String,
    /// Which process; 0 is the kernel.
    pub pid: u32,
    /// What.
    pub message: String,
}

/// What a read brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Oldest first.
    pub records: Vec<Record>,
    /// Where to read on.
    pub next: u64,
    /// Records between the cursor and the first one that are gone already.
    pub dropped: u64,
}

impl LogSink {
    /// Writes a record; false if its level is below the system's threshold.
    pub fn write(&self, level: Level, component: &str, message: &str) -> Result<bool, Error> {
        let params = encode::<log_sink::write_params::Owned>(|root| {
            let mut record = root.init_record();
            record.set_level(level);
            record.set_component(component);
            record.set_message(message);
        });
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        call(self.cap().method(0), &params, &mut room.0).map(|reply| reply.bit(0))
    }
}

impl LogReader {
    /// Reads at most `most` records (the kernel gives 16 at a time) from `cursor` on; 0 is the oldest.
    pub fn read(&self, cursor: u64, most: u32, minimum: Level) -> Result<Page, Error> {
        let params = encode::<log_reader::read_params::Owned>(|mut root| {
            root.set_cursor(cursor);
            root.set_max_records(most);
            root.init_filter().set_min_level(minimum);
        });
        Pending::start(self.cap().method(0), params, 8192, decode_page)?.wait()
    }
}

fn decode_page(reply: Reply<'_>) -> Result<Page, Error> {
    reply.read::<log_reader::read_results::Owned, _>(|root| {
        let records = root
            .get_records()?
            .iter()
            .map(|record| {
                Ok(Record {
                    tick: record.get_tick(),
                    level: record.get_level()?,
                    component: record.get_component()?.to_string().unwrap_or_default(),
                    pid: record.get_pid(),
                    message: record.get_message()?.to_string().unwrap_or_default(),
                })
            })
            .collect::<capnp::Result<Vec<_>>>()?;
        Ok(Page {
            records,
            next: root.get_next_cursor(),
            dropped: root.get_dropped(),
        })
    })
}
