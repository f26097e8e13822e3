//! WallClock: the time of day, from what the real-time clock showed at boot (`booted`) and the monotonic clock since. Nobody
//! vouches for the former, so its provenance is "untrusted".

use crate::booted;
use crate::call::{Answer, Call, Reply, unimplemented};
use crate::run::wake::now;
use crate::wire;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    if call.method != 0 {
        return Err(unimplemented());
    }
    let monotonic = now().0;
    let seconds = booted::unix_seconds_at_zero() + monotonic / NANOS_PER_SECOND;
    let nanos = monotonic % NANOS_PER_SECOND;
    Ok(Reply::Message(wire::data_struct(&[seconds, nanos, monotonic])))
}
