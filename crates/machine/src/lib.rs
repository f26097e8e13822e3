//! machine
#![no_std]
