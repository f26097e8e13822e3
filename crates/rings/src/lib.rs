//! What the kernel keeps of a ring besides its page: where its two queues stand and which completions wait for room
//! ([`queues`]), who waits for completions ([`waiters`]), which operations are under way ([`table`]), and in which order
//! the parties that can end one touch it ([`ending`]). Rules P7, P15 and P18 (docs/rules/platform.md).
//!
//! Everything here is pure: locks, timers, threads and pages are the host's. The kernel is one; the tests beside the code and
//! the models (docs/models.md) are others, and run the very same code.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod ending;
pub mod queues;
pub mod table;
pub mod waiters;

pub use queues::Queues;
pub use table::{Ended, Name, Table};
pub use waiters::{Listing, Round, Waiter, Waiters};
