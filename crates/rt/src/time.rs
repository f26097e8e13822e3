//! Clocks.

use crate::cap::{Client, client};
use crate::error::Error;
use crate::message::{Aligned, EMPTY, Flat};
use crate::pending::{Pending, VOID_ROOM, call, call_void};

client! {
    /// The monotonic clock and its sleeps.
    Timer, TIMER
}

client! {
    /// The time of day.
    WallClock, WALL_CLOCK
}

const NOW: u16 = 0;
const SLEEP: u16 = 1;
const WALL_TIME: u16 = 0;

impl Timer {
    /// Nanoseconds since some moment before the program started; never decreases.
    pub fn now_ns(&self) -> Result<u64, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        call(self.cap().method(NOW), &EMPTY, &mut room.0).map(|reply| reply.u64(0))
    }

    /// Sleeps for at least `duration_ns`.
    pub fn sleep_ns(&self, duration_ns: u64) -> Result<(), Error> {
        call_void(
            self.cap().method(SLEEP),
            Flat::<24>::new().u64(0, duration_ns).bytes(),
        )
    }

    /// Starts a sleep that completes after `duration_ns` while the program does other things.
    pub fn start_sleep(&self, duration_ns: u64) -> Result<Pending<()>, Error> {
        let params = Flat::<24>::new().u64(0, duration_ns).bytes().to_vec();
        Pending::start(self.cap().method(SLEEP), params, VOID_ROOM, |_| Ok(()))
    }
}

/// A moment of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallTime {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub utc_seconds: i64,
    /// Nanoseconds within the second.
    pub utc_nanos: u32,
    /// The monotonic clock at the same moment, in nanoseconds.
    pub monotonic_ns: u64,
}

impl WallClock {
    /// The time of day now.
    pub fn now(&self) -> Result<WallTime, Error> {
        let mut room = Aligned::<VOID_ROOM>::zeroed();
        call(self.cap().method(WALL_TIME), &EMPTY, &mut room.0).map(|reply| WallTime {
            utc_seconds: reply.i64(0),
            utc_nanos: reply.u32(8),
            monotonic_ns: reply.u64(16),
        })
    }
}
