//! Pictures of traces: one record of what a scheduler did, from the kernel or from the simulator, and everything that
//! people look at it with.
//!
//! Reading order: [`trace`] is the record and its file; [`steps`] turns records into switches that agree with each other,
//! whoever wrote them; [`service`] and [`wakeups`] measure. Then one module per picture: [`perfetto`], [`ctf`],
//! [`histogram`], [`cyclictest`], [`text`], [`summary`], and the HTML [`report`] whose figures are drawn by [`plot`].
//! docs/traces.md tells how each is made and what becomes of which event.
#![forbid(unsafe_code)]

pub mod cyclictest;
pub mod histogram;
pub mod steps;
pub mod trace;
pub mod wakeups;

pub use trace::Trace;
