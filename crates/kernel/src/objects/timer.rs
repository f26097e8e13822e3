//! Timer: monotonic time, and sleeping. A process may have a few sleeps under way; they end in the order of their
//! deadlines, never early.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use sched::Nanos;
use schema_gen::system::timer::sleep_params;

use crate::call::{Answer, Call, Reply, overloaded, unimplemented};
use crate::process::{Process, take_one};
use crate::ring::operation::{Operation, WaitPlace};
use crate::run::wake::now;
use crate::wire;

/// What `tick` counts: milliseconds since boot. Nothing in this kernel counts ticks to tell time.
const TICK_NS: u64 = 1_000_000;

pub(super) fn call(call: &Call<'_, '_>) -> Answer {
    match call.method {
        0 => {
            let now = now().0;
            Ok(Reply::Message(wire::data_struct(&[now, now / TICK_NS])))
        }
        1 => sleep(call),
        _ => Err(unimplemented()),
    }
}

/// A sleep under way, counted with its process.
struct Sleeps(Arc<Process>);

impl WaitPlace for Sleeps {
    fn forget(&self, _operation: &Operation) {}
}

impl Drop for Sleeps {
    fn drop(&mut self) {
        self.0.sleeps.fetch_sub(1, Relaxed);
    }
}

fn sleep(call: &Call<'_, '_>) -> Answer {
    let words = call.params()?;
    let message = words.message()?;
    let duration = message.get_root::<sleep_params::Reader<'_>>()?.get_duration_ns();
    if duration == 0 {
        return Ok(Reply::Void);
    }
    let process = call.process();
    if !take_one(&process.sleeps, process.quota.sleeps) {
        return Err(overloaded("as many sleeps under way as this process may have"));
    }
    let counted = Arc::new(Sleeps(process.clone()));
    let operation = call.begin(Some(counted))?;
    operation.arm(now() + Nanos(duration), 0);
    Ok(Reply::Pending)
}
