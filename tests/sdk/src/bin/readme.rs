//! The program printed in the published `capos` crate's README, taken from the registry's copy when this is built.

#![no_std]
#![no_main]

include!(concat!(env!("OUT_DIR"), "/readme.rs"));
