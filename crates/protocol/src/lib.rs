//! The protocol between CPUs: blocking, waking, placing, queueing, stealing, levelling, requeueing, moving, changing and
//! ending threads. Rules B1 to B6, D1 and P5 (docs/rules).
//!
//! [`sched`] decides, under one CPU's lock, who runs. This crate is the order in which those decisions are asked for and
//! acted on: which lock is held when, what is published before what is looked for, who is interrupted. It is written once
//! and generic over a [`Host`], which brings locks, time, interrupts and records. The kernel is a host (`kernel::run::host`),
//! so is the machine of the models, whose every lock is a place where shuttle switches, and so is the simulator.
//!
//! **A step is one function** here: it locks, decides, lets go. What must follow once its locks are free it hands to
//! [`Host::then`], as a value. Real CPUs perform that at once, which is a direct call, since the variant is known
//! where it is made. The simulator puts it on its agenda, and anything may happen on other CPUs in between. So the order
//! of steps is in one place, and each host sees them interleaved as it needs.
//!
//! **Locks are values that do not borrow the host**, and are given back by [`Host::unlock`]: a simulator has no locks, but can
//! take a CPU's state out of its seat and put it back, and so finds whoever takes a lock twice.
//!
//! Reading order: [`host`] what a host brings; [`step`] what can follow a step; [`mod@wake`] makes threads runnable, [`take`]
//! gives them a CPU, [`leave`] takes it from them, [`mod@boundary`] says what a CPU asks before it runs its thread on; [`balance`]
//! keeps CPUs level; [`mod@reach`] changes or ends a thread wherever it is, [`budget`] its CPU time, [`lending`] moves that along calls,
//! [`helping`] to whoever somebody waits for.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod balance;
pub mod boundary;
pub mod budget;
pub mod helping;
pub mod host;
pub mod leave;
pub mod lending;
pub mod reach;
pub mod step;
pub mod take;
pub mod wake;

pub use boundary::{Ahead, Boundary, ahead, boundary};
pub use budget::change_budget;
pub use host::{Counted, Ground, Host, Owned};
pub use leave::{Blocked, Reconsidered, block, depart, reconsider, requeue};
pub use reach::{Change, Found, Reached, Reweigh, reach, restrict, reweigh, take_out};
pub use step::Step;
pub use take::{adopt, pick, steal};
pub use wake::{enqueue, place, ready, settle_candidate, start, take_parked, wake};
