//! Keeping busy CPUs level (rule D1): when a turn has ended here, a waiting thread may change to a CPU that is ahead.
//! The scheduler core decides; this applies its answer, with one CPU locked at a time. Nothing here allocates.

use abi::trace::Event;
use machine::trace;
use sched::EnqueueReason;
use sched::balance::{Given, give};

use super::cpus::{self, CpuState};
use super::hard_path;
use super::wake::{self, now};

/// A turn has ended on this CPU and the next has begun.
#[inline]
pub fn turn_ended(cpu: &CpuState) {
    if cpus::all().len() > 1 {
        even_out(cpu);
    }
}

#[inline(never)]
fn even_out(cpu: &CpuState) {
    let _guard = hard_path();
    let mut sched = cpu.sched.lock();
    let Some(Given { entity, to }) = give(&mut sched, cpus::topology(), cpus::board(), now()) else {
        return;
    };
    cpus::board().publish(&sched);
    drop(sched);
    let thread = entity.payload.thread.trace_id();
    trace::record(Event::Migrate {
        from: cpu.index,
        thread,
        to: u64::from(to.0),
    });
    wake::put(cpu, &cpus::all()[to.index()], entity, EnqueueReason::Balanced);
}
