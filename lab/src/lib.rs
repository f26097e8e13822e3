//! Pictures of traces: one record of what a scheduler did, from the kernel or from the simulator, and everything that
//! people look at it with.
//!
//! Reading order: [`trace`] is the record and its file; [`steps`] turns records into switches that agree with each other,
//! whoever wrote them; [`service`], [`wakeups`] and [`lag`] measure, and [`statistics`] says what is typical. [`linux`] and [`numbers`] say the same in the words that other
//! people's readers know. Then one module per picture: [`perfetto`], [`ctf`], [`histogram`], [`cyclictest`], [`text`], [`summary`],
//! and the HTML [`report`], whose figures [`plot`] draws.
//! docs/traces.md tells how each is made and what becomes of which event.
#![forbid(unsafe_code)]

pub mod bench;
pub mod ctf;
pub mod cyclictest;
pub mod histogram;
pub mod lag;
pub mod linux;
pub mod numbers;
pub mod perfetto;
pub mod plot;
pub mod report;
pub mod service;
pub mod statistics;
pub mod steps;
pub mod summary;
pub mod text;
pub mod trace;
pub mod wakeups;

pub use trace::Trace;
