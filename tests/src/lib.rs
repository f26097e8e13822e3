//! The test driver: boots a real kernel with a manifest, watches its console, its terminal and its trace, and asks how
//! it ended. A test reads as a sentence:
//!
//! ```ignore
//! let boot = Setup::of("hello").cpus(2).start();
//! boot.wait_for_line("hello from process 1");
//! assert_eq!(boot.ending(), Ending::Exited { code: 7 });
//! ```
//!
//! Waiting is for conditions, with limits so generous that only a hang meets them; nothing here measures wall time.
//! When a test fails, the console so far and the command that boots the same thing again are printed. `./x test boot`
//! builds the images first and hands them over; a test started alone builds them itself ([`images`]).
#![forbid(unsafe_code)]

mod boot;
mod console;
pub mod images;
mod setup;
pub mod shell;
mod terminal;

pub use abi::trace::{Event, Record, Thread};
pub use boot::Boot;
pub use setup::Setup;
pub use xtask::qemu::Ending;
