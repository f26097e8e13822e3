//! Everything two sides of a boundary must agree on, and nothing that either side may decide alone.
//!
//! Kernel, user runtime and host tools all link this crate: addresses of a process image, system call
//! numbers, the ring page with its entries and their rules, result codes, the capset page, endpoint headers,
//! limits, interface ids, trace records and the kernel's last words to the host.
//!
//! All integers are little-endian, all structs are plain values, and nothing here touches memory: whoever
//! owns the bytes reads them once into arrays and hands the arrays over. Start with [`layout`], then [`ring`]
//! and [`validate`].
#![no_std]
#![forbid(unsafe_code)]

pub mod capset;
pub mod endpoint;
pub mod exit;
pub mod interfaces;
pub mod layout;
pub mod limits;
pub mod park;
pub mod result;
pub mod ring;
pub mod scheduling;
pub mod syscall;
pub mod trace;
pub mod transfer;
pub mod validate;

#[cfg(test)]
extern crate std;
