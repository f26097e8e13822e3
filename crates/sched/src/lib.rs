//! The scheduler core: who runs where, and for how long, as a pure state machine.
//!
//! Time comes in as an argument and what must happen comes out as a value; nothing here reads a clock, takes a
//! lock, performs I/O or (after an entity was created) allocates. The kernel, the simulator and the tests run this
//! same code. The rules it keeps are numbered in docs/rules/scheduler.md.
//!
//! Reading order: [`time`] and [`ids`] name the quantities; [`weight`] and [`fair`] say what a fair share is;
//! [`entity`] is a schedulable thread and [`principal`] on whose behalf it runs; [`rank`] says where it waits,
//! [`waiting`] and [`run_tree`] hold and order the waiting ones, [`whereabouts`] finds them; [`cpu`] is one CPU's state machine,
//! [`horizon`] when it has to look again;
//! [`context`] holds CPU time that is a capability: budgets, who may reserve how much, and whether it fits;
//! [`topology`], [`load`], [`board`] (on [`word`]s) and [`placement`] choose between CPUs, and
//! [`balance`] keeps busy CPUs level; [`parking`] is where a thread waits; [`check`] states what must always
//! be true.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod accounting;
pub mod balance;
pub mod board;
pub mod check;
pub mod context;
pub mod cpu;
pub mod deadline;
pub mod entity;
pub mod fading;
pub mod fair;
pub mod horizon;
pub mod ids;
pub mod load;
pub mod mask;
mod outline;
pub mod parking;
pub mod placement;
pub mod principal;
pub mod rank;
pub mod run_tree;
pub mod time;
pub mod topology;
pub mod treap;
pub mod waiting;
pub mod weight;
pub mod whereabouts;
pub mod word;

pub use accounting::{Account, Charge, CpuCounters, Usage};
pub use board::LoadBoard;
pub use context::{Budget, ContextId, News, Overrun, Spec};
pub use cpu::{
    Cpu, Effect, EndReason, EnqueueReason, Enqueued, Exchanged, HandedOver, HandoffRefused, Rotated, Verdict,
};
pub use deadline::{Deadline, DeadlineKey, DeadlineQueue};
pub use entity::{Affinity, Entity};
pub use fair::{Policy, Share};
pub use horizon::{Horizon, HorizonReason, OneShot};
pub use ids::{CpuId, ThreadId};
pub use load::{Load, LoadView};
pub use mask::{CpuMask, MaskError};
pub use parking::Parking;
pub use placement::{Placement, PlacementReason};
pub use principal::Principal;
pub use rank::{Rank, Standing};
pub use time::{Instant, Nanos, VirtualTime};
pub use topology::{CpuPlace, Topology, TopologyError};
pub use weight::{EffectiveWeight, LatencyClass, Weight};
pub use whereabouts::Whereabouts;
