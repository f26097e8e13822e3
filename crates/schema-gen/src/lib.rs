//! schema-gen
#![no_std]
#![forbid(unsafe_code)]
