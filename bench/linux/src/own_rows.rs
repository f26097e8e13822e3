//! Rows that only Linux has: calls by each of its ways (N3, S3), a single NOP of io_uring beside the null system call (N1), reserved time
//! that ends by a timer of its own (N10), and a process that is forked and runs another program (N14). The boot (N12) is told in its own words.

use std::fs;
use std::io::Error;

use rustix::time::{ClockId, clock_gettime};
use workloads::plan::{Plan, fact};
use workloads::run::Row;
use workloads::system::{Kind, System};
use workloads::{calls, entry, lives, services, throttle};

use crate::calls::Way;
use crate::system::Linux;
use crate::{processes, raw};

/// What the scheduler does and what it leaves.
const FEATURES: &str = "/sys/kernel/debug/sched/features";

/// All of them.
pub(crate) fn rows() -> Vec<Row<Linux>> {
    vec![
        ("boot", boot),
        ("null-entry-uring", null_entry_uring),
        ("call-pipe", |system, plan| {
            calls::call_and_return(system, plan, "call-pipe", Way::Pipe)
        }),
        ("call-socket", |system, plan| {
            calls::call_and_return(system, plan, "call-socket", Way::Socket)
        }),
        ("call-futex", |system, plan| {
            calls::call_and_return(system, plan, "call-futex", Way::Futex)
        }),
        ("throttle-hrtick", throttle_by_its_own_timer),
        ("process-fork", process_fork),
        ("services-pipe", |system, plan| {
            services::measure(system, plan, "services-pipe", Way::Pipe)
        }),
        ("services-socket", |system, plan| {
            services::measure(system, plan, "services-socket", Way::Socket)
        }),
    ]
}

/// N12: the way from power-on to this program.
fn boot(system: &Linux, plan: &Plan) -> Result<(), Error> {
    // Since boot; what the program itself took since it began is on the same counter.
    let since_boot = clock_gettime(ClockId::Boottime);
    let now_ns = since_boot.tv_sec.cast_unsigned() * 1_000_000_000 + since_boot.tv_nsec.cast_unsigned();
    let tick_hz = system.tick_hz()?;
    let own_ticks = Linux::ticks().saturating_sub(plan.begun);
    let own_ns = u128::from(own_ticks) * 1_000_000_000 / u128::from(tick_hz);
    fact(
        system,
        "boot",
        "boot-ns",
        now_ns.saturating_sub(u64::try_from(own_ns).unwrap_or(u64::MAX)),
    );
    fact(system, "boot", "monotonic-ns", now_ns);
    fact(system, "boot", "ticks", plan.begun);
    fact(system, "boot", "tick-hz", tick_hz);
    Ok(())
}

/// N1 by io_uring: one NOP, one entry.
fn null_entry_uring(system: &Linux, plan: &Plan) -> Result<(), Error> {
    let mut ring = raw::NopRing::new(1)?;
    entry::measure(system, plan, "null-entry-uring", 1, |entries| {
        let mut wrong = 0;
        for _ in 0..entries {
            wrong += ring.nops(1)?;
        }
        Ok(wrong)
    })
}

/// N10 with a timer for the end of reserved time. Without this feature, which is off unless somebody asks for it, Linux looks at reserved time
/// in its periodic tick (kernel/sched/features.h).
fn throttle_by_its_own_timer(system: &Linux, _plan: &Plan) -> Result<(), Error> {
    fs::write(FEATURES, "HRTICK_DL")?;
    let measured = throttle::measure(system, "throttle-hrtick", Kind::Reservation);
    fs::write(FEATURES, "NO_HRTICK_DL")?;
    measured
}

/// N14 as a shell does it: fork, exec of a small static program, exit, wait.
fn process_fork(system: &Linux, plan: &Plan) -> Result<(), Error> {
    let program = raw::Program::new(&processes::nothing()?)?;
    lives::measure_processes(system, plan, "process-fork", || {
        Ok(raw::fork_exec_and_wait(&program)? == 0)
    })
}
