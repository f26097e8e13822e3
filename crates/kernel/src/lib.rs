//! The Sundial kernel in safe Rust. [`mod@boot`] brings the system up; each CPU then stays in `cpu_loop`, which runs
//! threads and handles their traps; what a CPU knows of them is in [`run`]. System calls go through [`ring`] and [`call`] to [`objects`] and [`endpoint`]; they act
//! on [`process`]es, [`memory`], CPU time ([`mod@context`]), the [`log`], [`pipe`]s and the [`terminal`]. What runs next is decided in the crate
//! `sched`, and everything that could break memory is in the crate `machine`.

#![no_std]
#![forbid(unsafe_code)]
// An answer that says whether something happened is looked at, or it is said why it need not be.
#![deny(unused_must_use, clippy::let_underscore_must_use, clippy::unused_result_ok)]

extern crate alloc;

mod attribution;
pub mod boot;
pub mod booted;
pub mod call;
pub mod capability;
pub mod console;
pub mod context;
mod cpu_loop;
pub mod endpoint;
pub mod log;
pub mod memory;
pub mod objects;
pub mod pipe;
pub mod process;
pub mod ring;
pub mod run;
pub mod terminal;
pub mod wire;

pub use boot::{boot, run_cpu};
