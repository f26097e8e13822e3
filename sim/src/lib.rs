//! A deterministic machine of many virtual CPUs that drives the scheduler core, unchanged.
//!
//! Reading order: [`scenario`] says what is run.
#![forbid(unsafe_code)]

pub mod scenario;
