//! The interfaces of `schema/` as Rust: readers and builders for every parameter and result struct, the
//! structs and enums they use, and the manifest.
//!
//! Everything under [`generated`] comes out of `./x schema` and is not edited. The messages of method
//! `setWeight` of `SchedulingPolicyCap` are [`system::scheduling_policy_cap::set_weight_params`] and
//! [`system::scheduling_policy_cap::set_weight_results`], and the interface's id is
//! [`system::scheduling_policy_cap::TYPE_ID`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

/// Output of the schema compiler.
#[allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    unused_qualifications,
    clippy::all,
    reason = "generated; documented in schema/"
)]
#[rustfmt::skip]
pub mod generated {
    pub mod fingerprint;
    pub mod monitor_capnp;
    pub mod sundial_capnp;
}

pub use generated::monitor_capnp as monitor;
pub use generated::sundial_capnp as system;
