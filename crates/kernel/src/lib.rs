//! kernel
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod log;
pub mod memory;
pub mod pipe;
pub mod terminal;
