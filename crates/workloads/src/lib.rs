//! The loads of every benchmark, written once: compiled for Sundial (user/bench) and for Linux (bench/linux), so that a
//! comparison of the two compares the systems and nothing else.
//!
//! [`system`] says what a load needs of an operating system, and each program implements it; [`plan`] says what to
//! measure and prints. The loads themselves are one file per idea: the way into the kernel ([`entry`]), calls between
//! processes ([`calls`]), two threads that take turns ([`parking`], [`yielding`]), lives of threads and processes
//! ([`lives`]), the timer ([`tick`]), a budget that ends again and again ([`throttle`]), and one worker against two: threads of a process ([`scale`]), shares of a task known in
//! advance ([`map_reduce`]) or taken as they come ([`task_pool`]), steps that all take together ([`phases`], [`barrier`]),
//! processes ([`processes`]) and clients with their servers ([`services`]), all on top of [`team`]. [`wake`] looks at how
//! late a sleeper wakes, and [`fair`] at who gets how much of a CPU.
//!
//! Each load checks its own work, and prints how much of it was wrong. docs/workloads.md describes them for whoever
//! reads the figures.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod barrier;
pub mod calls;
pub mod entry;
pub mod fair;
pub mod hog;
pub mod lives;
pub mod map_reduce;
pub mod parking;
pub mod phases;
pub mod plan;
pub mod processes;
pub mod run;
pub mod scale;
pub mod services;
pub mod system;
pub mod task_pool;
pub mod team;
pub mod throttle;
pub mod tick;
pub mod wake;
pub mod yielding;
