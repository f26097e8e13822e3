//! x86-64, and all the unsafe code of the kernel: booting, traps, memory, locks, interrupt controllers, clocks, copies to
//! and from user space. Small files, one hardware table or register block each, behind types that safe code cannot
//! misuse; every `unsafe` names the facts it stands on. docs/soundness/ has a page per area.
//!
//! Start reading at `boot` (what happens first), `user` (a thread runs as a function call) and `memory`.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod acpi;
pub mod apic;
pub mod attribution;
pub mod boot;
mod boot_cell;
pub mod clock;
mod control;
mod copy;
pub mod cpu;
pub mod cpuid;
pub mod entropy;
mod fpu;
pub mod lock;
mod machine_check;
pub mod memory;
mod msr;
pub mod platform;
mod port;
pub mod power;
mod registers;
pub mod ring;
pub mod rtc;
pub mod serial;
pub mod smp;
pub mod topology;
pub mod trace;
pub mod traps;
pub mod user;

pub use boot_cell::BootCell;
pub use copy::{probe_user, read_user, read_user_word, write_user};
pub use lock::Lock;
pub use traps::vector;

#[cfg(target_os = "none")]
#[panic_handler]
fn on_panic(info: &core::panic::PanicInfo) -> ! {
    traps::report::panic(info)
}
