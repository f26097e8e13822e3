//! The end of the machine: a record of why for the host, then off, by whatever works. Needs no lock, no heap
//! and nothing set up, so a panic on any CPU can use it.
//!
//! QEMU's `isa-debugcon` takes the record, its `isa-debug-exit` ends the process; ACPI 6.5, 4.8.3.2 (sleep
//! control) and 4.8.3.6 (reset register) for machines without them.

use abi::trace::Event;

use crate::acpi::{Fadt, PowerOff, Reset, Space};
use crate::boot_cell::BootCell;
use crate::port::Port;
use crate::registers::halt_for_ever;

/// Where the host listens for the record.
const RECORD_PORT: u16 = 0xe9;
/// Where a write ends QEMU, with exit status `2 * value + 1`.
const DEBUG_EXIT_PORT: u16 = 0xf4;
const SLEEP_ENABLE: u16 = 1 << 13;
const SLEEP_TYPE_SHIFT: u16 = 10;
/// Pauses between one way and the next: each takes a moment to work.
const GRACE: u32 = 1_000_000;

struct Ways {
    power_off: Option<PowerOff>,
    reset: Option<Reset>,
}

static WAYS: BootCell<Ways> = BootCell::new("power::WAYS");

/// Remembers how the firmware says this machine is switched off. Once, at boot.
///
/// # Panics
/// When called twice.
pub(crate) fn init(fadt: &Fadt) {
    WAYS.set(Ways {
        power_off: fadt.power_off,
        reset: fadt.reset,
    });
}

/// Tells the host why (`record`, byte by byte) and ends the machine: by the emulator's exit device, else by
/// switching off, else by a reset, else by halting this CPU for ever.
pub fn end_vm(record: [u8; 16]) -> ! {
    // What each CPU ran last counts until here.
    crate::trace::record(Event::RecordEnd {});
    // SAFETY: the two ports belong to QEMU's debugging devices; without them writes go nowhere.
    let (record_port, exit_port) =
        unsafe { (Port::<u8>::new(RECORD_PORT), Port::<u32>::new(DEBUG_EXIT_PORT)) };
    for byte in record {
        record_port.write(byte);
    }
    exit_port.write(0);
    wait();
    if let Some(ways) = WAYS.try_get() {
        if let Some(off) = ways.power_off {
            switch_off(off);
            wait();
        }
        if let Some(reset) = ways.reset {
            reset_by(reset);
            wait();
        }
    }
    // SAFETY: the keyboard controller's command 0xfe resets the machine: memory is gone with it, not broken.
    unsafe { Port::<u8>::new(0x64) }.write(0xfe);
    halt_for_ever()
}

fn switch_off(off: PowerOff) {
    let command = |sleep_type: u8| u16::from(sleep_type) << SLEEP_TYPE_SHIFT | SLEEP_ENABLE;
    // SAFETY: the firmware names these as the power management control registers (acpi/fadt.rs); writing a
    // sleep type there ends the machine.
    unsafe { Port::<u16>::new(off.control_a) }.write(command(off.sleep_type_a));
    if let Some(control_b) = off.control_b {
        // SAFETY: as above.
        unsafe { Port::<u16>::new(control_b) }.write(command(off.sleep_type_b));
    }
}

fn reset_by(reset: Reset) {
    match (reset.register.space, u16::try_from(reset.register.address)) {
        // SAFETY: the firmware names this as the reset register; writing it ends the machine.
        (Space::Port, Ok(port)) => unsafe { Port::<u8>::new(port) }.write(reset.value),
        (Space::Port, Err(_)) => {}
        (Space::Memory, _) => {
            let register = crate::memory::direct_map(reset.register.address);
            // SAFETY: as above; the address is below 4 GiB (acpi/fadt.rs), which the direct map covers. If the
            // firmware lies, what the write hits is not used again: this CPU halts next.
            unsafe { register.write_volatile(reset.value) };
        }
    }
}

fn wait() {
    for _ in 0..GRACE {
        core::hint::spin_loop();
    }
}
