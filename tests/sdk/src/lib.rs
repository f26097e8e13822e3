//! What the programs in `src/bin` share: a bench that runs named checks one after the other and reports the first
//! that fails ([`bench`]), the ring without a client in between ([`raw`]), Cap'n Proto messages for interfaces that
//! the published crates give no typed client for ([`wire`]), threads that share the ring ([`thread`]), and children
//! that play a role named by one of their capabilities ([`child`]); and the good shapes that programs spoil on purpose
//! ([`request`]) or exchange with themselves ([`meeting`]).
//!
//! The programs stand on the published `capos` crates alone. What they expect is written down in `docs/` as the
//! kernel's ABI; a number in a check is the number there.

#![no_std]

extern crate alloc;

#[doc(hidden)]
pub use alloc::format;

pub mod bench;
pub mod child;
pub mod meeting;
pub mod raw;
pub mod request;
pub mod thread;
pub mod wire;

/// What almost every program here starts with.
pub mod prelude {
    pub use crate::bench::{Bench, Check, Failure, Outcome, refused, run};
    pub use crate::{ensure, fail, same};
    pub use alloc::boxed::Box;
    pub use alloc::string::{String, ToString};
    pub use alloc::vec::Vec;
    pub use alloc::{format, vec};
    pub use capos::{
        Capability, CapabilityRef, CapabilityType, Client, ClientError, ExceptionType, Runtime,
        TransportError,
    };
    pub use capos_config::ring::CapSqe;

    /// Wait as long as it takes.
    pub const FOREVER: u64 = u64::MAX;
    /// Nanoseconds in a millisecond.
    pub const MILLISECOND: u64 = 1_000_000;
    /// Bytes in a page.
    pub const PAGE: u64 = 4096;
}
