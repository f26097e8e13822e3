//! WallClock: the time of day, from the real-time clock at boot and the monotonic clock since. Nobody vouches for the
//! former, so its provenance is "untrusted".

use core::sync::atomic::{AtomicI64, Ordering::Relaxed};

use machine::rtc;

use crate::booted;
use crate::call::{Answer, Call, Reply, unimplemented};
use crate::log::{self, Level};
use crate::run::wake::now;
use crate::wire;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Seconds since 1970 at boot; -1 until somebody asks.
static AT_BOOT: AtomicI64 = AtomicI64::new(-1);

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    if call.method != 0 {
        return Err(unimplemented());
    }
    let monotonic = now().0;
    let mut base = AT_BOOT.load(Relaxed);
    if base < 0 {
        let read = rtc::unix_seconds(booted::platform().century_register).unwrap_or_else(|| {
            log::kernel(
                Level::Warn,
                format_args!("no real-time clock shows a date: the time of day begins in 1970"),
            );
            0
        });
        base = read.saturating_sub(monotonic / NANOS_PER_SECOND) as i64;
        // Whoever was first has set it; everybody uses that one, so the time never jumps.
        base = AT_BOOT
            .compare_exchange(-1, base, Relaxed, Relaxed)
            .err()
            .unwrap_or(base);
    }
    let seconds = base + (monotonic / NANOS_PER_SECOND) as i64;
    let nanos = monotonic % NANOS_PER_SECOND;
    Ok(Reply::Message(wire::data_struct(&[
        seconds as u64,
        nanos,
        monotonic,
    ])))
}
