//! The host side of Sundial, as a library: what the `sundial` command does, for the build scripts and tests
//! that would rather call than spawn.
//!
//! [`manifest`] makes boot manifests from TOML, checks them, and prints them back.
#![forbid(unsafe_code)]

pub mod manifest;
