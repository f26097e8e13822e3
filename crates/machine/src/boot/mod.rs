//! From the first instruction to the kernel's first line of safe code. `start` is the assembly, `pvh` reads what the
//! loader handed over; `enter` brings up memory and traps on the boot CPU and calls the kernel, which the image crate
//! names with [`crate::entry!`]. Rule P1.

mod pvh;
#[cfg(target_os = "none")]
mod start;

use abi::exit::{Kind, Report};

pub use pvh::{Handover, Unused};

use crate::memory::{self, IMAGE_BASE, PhysRange};
use crate::{cpu, cpuid, serial};

/// The record that tells the host how the machine ended.
pub(crate) fn record(kind: Kind, code: i64) -> [u8; 16] {
    Report { kind, code }.encode()
}

#[cfg(target_os = "none")]
unsafe extern "Rust" {
    /// The kernel's entry on the boot CPU; [`crate::entry!`] defines it.
    safe fn __sundial_boot(handover: Handover) -> !;
    /// The kernel's entry on every other CPU.
    safe fn __sundial_cpu() -> !;
}

/// Names the kernel's two entries: `fn(Handover) -> !` for the boot CPU and `fn() -> !` for the others.
#[macro_export]
macro_rules! entry {
    ($boot:path, $cpu:path) => {
        #[unsafe(no_mangle)]
        fn __sundial_boot(handover: $crate::boot::Handover) -> ! {
            $boot(handover)
        }
        #[unsafe(no_mangle)]
        fn __sundial_cpu() -> ! {
            $cpu()
        }
    };
}

#[cfg(target_os = "none")]
pub(crate) fn kernel_cpu_entry() -> ! {
    __sundial_cpu()
}

#[cfg(not(target_os = "none"))]
pub(crate) fn kernel_cpu_entry() -> ! {
    unreachable!("the host only lints this crate")
}

/// The first Rust function, on the boot CPU and the boot stack. `start_info` is the loader's structure.
#[cfg_attr(
    not(target_os = "none"),
    allow(dead_code, reason = "called by start.rs, which the host does not build")
)]
pub(crate) extern "C" fn enter(start_info: u64) -> ! {
    if let Some(lacking) = cpuid::init().lacking {
        for part in [
            "Sundial does not start: this processor has no ",
            lacking,
            ". On QEMU use another -cpu, or do not switch it off there; on a machine look in its firmware's settings\r\n",
        ] {
            serial::emergency_write(part.as_bytes());
        }
        crate::power::end_vm(record(Kind::BootRefused, 0));
    }
    let handover = pvh::read(start_info);
    let Ok(handover) = handover else {
        serial::emergency_write(b"Sundial: the loader handed over no PVH start information\r\n");
        crate::power::end_vm(record(Kind::BootRefused, 0));
    };
    let [_, _, _, image_end] = memory::kernel_map::image_bounds();
    let image = PhysRange {
        start: 0,
        end: image_end.saturating_sub(IMAGE_BASE).max(1 << 20),
    };
    // SAFETY: first thing on the boot CPU; everything that is in use is reserved: the first MiB with the loader's tables,
    // the image, the manifest.
    unsafe { memory::init(handover.ram(), &[image, handover.module_range]) };
    // SAFETY: the boot CPU's own static area, entered once.
    unsafe { cpu::enter_area(cpu::boot_area()) };
    HANDOVER.set(handover);
    let stack = cpu::boot_stack();
    // SAFETY: a fresh stack with nothing on it; `on_own_stack` never returns.
    unsafe {
        core::arch::asm!("mov rsp, {}", "xor ebp, ebp", "call {}", "ud2", in(reg) stack, sym on_own_stack,
                         options(noreturn))
    }
}

static HANDOVER: crate::BootCell<Handover> = crate::BootCell::new("boot::HANDOVER");

extern "C" fn on_own_stack() -> ! {
    #[cfg(target_os = "none")]
    __sundial_boot(*HANDOVER.get());
    #[cfg(not(target_os = "none"))]
    unreachable!("the host only lints this crate")
}
