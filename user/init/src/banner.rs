//! The boot banner: what machine this is and how long it took to get here.

use alloc::string::String;
use core::fmt;

use rt::Error;
use rt::monitor::Monitor;

/// What the banner tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Version of the kernel.
    pub version: String,
    /// CPUs that run.
    pub cpus: u32,
    /// Memory in pages of 4 KiB: all, and free.
    pub frames: (u64, u64),
    /// From the kernel's first instruction to init's, in nanoseconds.
    pub boot_ns: u64,
    /// What tells the time.
    pub clock: String,
    /// What delivers interrupts.
    pub interrupts: String,
}

/// Asks the machine.
pub fn read(monitor: &Monitor) -> Result<Facts, Error> {
    monitor.system(|info| {
        Ok(Facts {
            version: info.get_kernel_version()?.to_string()?,
            cpus: info.get_cpu_count(),
            frames: (info.get_frames_total(), info.get_frames_free()),
            boot_ns: info.get_boot_ns(),
            clock: info.get_clocksource()?.to_string()?,
            interrupts: info.get_interrupt_controller()?.to_string()?,
        })
    })
}

impl fmt::Display for Facts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (total, free) = self.frames;
        write!(
            out,
            "Sundial {}: {} CPU{}, {} MiB of memory ({} free), clock {}, interrupts {}, booted in {}.{:02} ms",
            self.version,
            self.cpus,
            if self.cpus == 1 { "" } else { "s" },
            total / 256,
            free / 256,
            self.clock,
            self.interrupts,
            self.boot_ns / 1_000_000,
            self.boot_ns / 10_000 % 100,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_banner_is_one_line() {
        let facts = Facts {
            version: "0.1.0".into(),
            cpus: 2,
            frames: (16384, 12800),
            boot_ns: 12_345_678,
            clock: "tsc".into(),
            interrupts: "x2apic".into(),
        };
        assert_eq!(
            facts.to_string(),
            "Sundial 0.1.0: 2 CPUs, 64 MiB of memory (50 free), clock tsc, interrupts x2apic, booted in 12.34 ms"
        );
    }
}
