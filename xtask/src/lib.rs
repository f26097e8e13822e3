//! Everything behind `./x`, as a library: the verbs use it, and so do the test driver in `tests/` and the benchmarks in
//! `bench/runner`, so that what is tested and measured is exactly what a person boots.
//!
//! Reading order: [`toolchain`] finds a compiler for the bare-metal target, [`build`] makes the kernel, the
//! programs and a manifest with it, [`qemu`] boots them and says how it ended, [`exit`] turns that into a
//! process exit code, and [`verbs`] are the commands. [`packages`] installs what is missing.
#![forbid(unsafe_code)]

pub mod babeltrace;
pub mod build;
pub mod cargo;
pub mod cli;
pub mod exit;
pub mod packages;
pub mod progress;
pub mod qemu;
pub mod sdk;
pub mod toolchain;
pub mod verbs;
pub mod workspace;

/// The result of everything here that can fail: errors are sentences for a person.
pub use anyhow::Result;
