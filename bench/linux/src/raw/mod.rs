//! All unsafe code of this program, behind functions that are safe to use: what the loads need of Linux and the safe
//! wrappers leave out. docs/soundness/linux-bench.md says what each relies on.

mod deadline;
mod memory;
mod nops;
mod ports;
mod priority;
mod processes;
mod threads;

pub(crate) use deadline::{reserve, reserve_no_more};
pub(crate) use memory::{Exchange, map_exchange};
pub(crate) use nops::NopRing;
pub(crate) use ports::exit_machine;
pub(crate) use priority::become_real_time;
pub(crate) use processes::{Program, fork_exec_and_wait, vfork_and_wait};
pub(crate) use threads::{Thread, spawn};

/// The processor's time-stamp counter.
#[inline]
pub(crate) fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and Linux leaves it allowed unless a process asked otherwise.
    unsafe { core::arch::x86_64::_rdtsc() }
}
