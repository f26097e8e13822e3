//! The system log: short records that services and the kernel write and that a reader drains by cursor.
//! Rule P9 (docs/rules/log.md). Records and their bounds are in [`record`], the ring that keeps the recent
//! ones in [`mod@store`]. Accepted records also go to the console.

pub mod record;
pub mod store;

use alloc::format;
use core::fmt::Arguments;

use abi::trace::Event;
use machine::attribution::Site;
use machine::{BootCell, Lock, clock, trace};

pub use record::Level;
use record::{Record, Text};
use schema_gen::system::LogLevel;
use store::Store;

use crate::console;

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Level {
        match level {
            LogLevel::Debug => Level::Debug,
            LogLevel::Info => Level::Info,
            LogLevel::Warn => Level::Warn,
            LogLevel::Error => Level::Error,
        }
    }
}

/// Records kept.
const CAPACITY: usize = 256;

static STORE: BootCell<Lock<Store>> = BootCell::new("log::STORE");

/// Starts the log; records below `threshold` are not accepted.
pub fn init(threshold: Level) {
    STORE.set(Site::Log.lock(Store::new(CAPACITY, threshold)));
}

/// The log.
pub fn store() -> &'static Lock<Store> {
    STORE.get()
}

/// Writes a record; false if its level is below the threshold.
#[must_use = "the record may not have been accepted"]
pub fn write(level: Level, component: &str, pid: u32, message: &str) -> bool {
    let tick = clock::now_ns();
    let record = Record {
        tick,
        level,
        component: Text::new(component),
        pid,
        message: Text::new(message),
    };
    let (accepted, sequence) = {
        let mut store = store().lock();
        (store.write(record), store.end())
    };
    if accepted {
        trace::record(Event::LogMark {
            pid,
            sequence,
            level: level as u64,
        });
        let name = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        console::say(format_args!(
            "[{:>6}.{:06}] {name} {}: {}\n",
            tick / 1_000_000_000,
            tick / 1_000 % 1_000_000,
            record.component.as_str(),
            record.message.as_str()
        ));
    }
    accepted
}

/// Writes a record of the kernel itself.
pub fn kernel(level: Level, message: Arguments<'_>) {
    #[expect(
        clippy::let_underscore_must_use,
        reason = "the kernel need not know what the threshold keeps out"
    )]
    let _ = write(level, "kernel", 0, &format!("{message}"));
}
