//! Capability tables: what a process may use, by which number, and how that right changes hands. Rule P6
//! (docs/rules/capabilities.md).
//!
//! A [`Table`] maps a [`CapId`], the number a program sees, to a capability `C`, which is whatever the
//! caller says it is: this crate never looks inside. A [`Parcel`] is a set of capabilities on their way
//! from one table to another; it ends in [`Table::commit`] or in [`Table::rollback`], never in between.
//!
//! Everything here is pure: no locks, no clock, no user memory, and no call panics whatever its arguments
//! are. Start with [`table`]; transfers are in [`transfer`], and what travels in [`parcel`].
#![no_std]
#![forbid(unsafe_code)]
#![deny(unused_must_use, clippy::let_underscore_must_use, clippy::unused_result_ok)]

extern crate alloc;

pub mod id;
pub mod parcel;
pub mod table;
pub mod transfer;

pub use id::CapId;
pub use parcel::{Descriptor, MAX_TRANSFERS, Mode, Parcel, Received, Remains, TransferError};
pub use table::{Full, SLOTS, Table};
