//! The user-space runtime: what a Sundial program stands on.
//!
//! A program is a function from its surroundings to an exit code:
//!
//! ```text
//! #![cfg_attr(target_os = "none", no_std, no_main)]
//! rt::main!(run);
//!
//! fn run(env: &rt::Env) -> i64 {
//!     rt::println!("hello from process {}", env.pid());
//!     0
//! }
//! ```
//!
//! Bottom up: [`syscall`] enters the kernel; `ring` and `lane` submit and complete operations; [`pending`] makes
//! calls of them, waiting or flying; [`message`] and [`error`] say what goes over and what comes back; `start`,
//! `heap`, `thread_block` bring a program and its threads to life. Above that, one file per group of interfaces,
//! each with typed handles: [`console`], [`pipe`], [`time`], [`memory`], [`thread`], [`park`], [`endpoint`],
//! [`process`] and [`child`], [`policy`], [`context`], [`monitor`], [`log`], [`config`]; and [`text`] for what people read,
//! [`random`] for what a seed decides.
//! [`raw`] drives the ring by hand, for programs that count instructions.
//!
//! All unsafe code of user space is in here: start-up, thread-local memory, ring access, and the borrow of
//! buffers by operations in flight. Everything public is safe to use.
#![no_std]
// On a development machine there is no start-up and no panic handler, and what only they use is idle.
#![cfg_attr(not(target_os = "none"), allow(dead_code))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod cap;
pub mod child;
pub mod config;
pub mod console;
pub mod context;
pub mod endpoint;
pub mod env;
pub mod error;
pub mod grants;
pub mod heap;
#[cfg(feature = "hostile")]
pub mod hostile;
mod lane;
pub mod log;
pub mod memory;
pub mod message;
pub mod monitor;
pub mod park;
pub mod pending;
pub mod pipe;
pub mod placement;
pub mod policy;
pub mod print;
pub mod process;
pub mod random;
pub mod raw;
mod ring;
#[cfg(target_os = "none")]
mod start;
pub mod syscall;
pub mod text;
pub mod thread;
mod thread_block;
pub mod time;

pub use cap::{Cap, Client};
pub use env::Env;
pub use error::{Error, Kind};
pub use lane::{TooManyInFlight, nap};
pub use thread_block::current_tid;

/// Names the program's main function: `fn(&Env) -> i64`. Its result is the exit code.
///
/// On a development machine, where programs are only checked and their parts tested, it makes a `main` that
/// says where the program belongs.
#[macro_export]
macro_rules! main {
    ($main:path) => {
        #[cfg(target_os = "none")]
        #[unsafe(no_mangle)]
        extern "Rust" fn sundial_main(env: &$crate::Env) -> i64 {
            $main(env)
        }

        #[cfg(not(target_os = "none"))]
        fn main() {
            let _: fn(&$crate::Env) -> i64 = $main;
            std::eprintln!("this program runs on Sundial: ./x run");
            std::process::exit(2);
        }
    };
}
