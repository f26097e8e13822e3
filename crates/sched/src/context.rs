//! Scheduling contexts: CPU time as something that is held, used up, replenished, lent and divided. Rules E1 to E17
//! (docs/rules/contexts.md has the states of a context's life, with letters that comments here cite).
//!
//! What always holds, and is asserted around every operation in builds with checks:
//!
//! - *of a budget*: its refills add up to it, whatever was used ([`refills`]);
//! - *of capacity*: what a context has left and what was carved out of it add up to what it was given, and what was carved out is never
//!   less than what its child may use ([`capacity`]);
//! - *of a CPU*: the demand of all reservations on it fits into any stretch of time, whichever of them are given back ([`demand`]);
//! - *of time*: what contexts were charged is what CPUs served in contexts.
//!
//! Reading order: [`spec`] is what is asked for, [`refills`] when which part of it may be used, [`budget`] the box with one
//! holder, [`holding`] who that is, [`news`] what is told of it; [`demand`] is the exact test, [`capacity`] who may reserve how much and what a refusal says,
//! [`admission`] how both are found out a piece at a time.

pub mod admission;
pub mod budget;
pub mod capacity;
pub(crate) mod comeback;
pub mod demand;
pub mod holding;
pub mod news;
pub mod refills;
pub mod spec;

pub use budget::{Budget, ContextId};
pub use capacity::{Binding, Capacity, Refused};
pub use holding::Holding;
pub use news::{Happening, News};
pub use spec::{Kind, Overrun, Spec, SpecError};
