//! Pipes: bytes from one process to another. Rule P9 (docs/rules/pipe.md). The buffer between the two ends
//! is in [`buffer`]; who waits at which end is the object's business.

pub mod buffer;
